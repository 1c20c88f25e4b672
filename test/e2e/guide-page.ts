/** The guide beside the lab, as a student finds it. */
import type { Locator, Page } from 'playwright-core'
import { WAIT } from './lab-page.ts'

export class GuidePage {
  readonly pane: Locator
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
    this.pane = page.getByRole('complementary', { name: 'Guide' })
  }

  async show(): Promise<void> {
    // Also where a console has the keyboard.
    await this.#page.keyboard.press('Control+Shift+g')
    await this.pane.waitFor(WAIT)
  }

  async close(): Promise<void> {
    await this.pane.getByRole('button', { name: /^Close the guide/ }).click()
    await this.pane.waitFor({ state: 'hidden', ...WAIT })
  }

  async open(title: RegExp): Promise<void> {
    const all = this.pane.getByRole('button', { name: 'All exercises' })
    const wanted = this.pane.getByRole('button', { name: title })
    // It opens with the list, or with the exercise that was open last.
    await all.or(wanted).first().waitFor(WAIT)
    if (await all.isVisible()) await all.click()
    await wanted.click()
    await this.checks.first().waitFor(WAIT)
  }

  get checks(): Locator {
    return this.pane.getByRole('group', { name: /^Check: / })
  }

  /** Until the check of this title says so. */
  async isDone(title: string): Promise<void> {
    await this.pane
      .getByRole('group', { name: `Check: ${title}` })
      .getByText('Done.')
      .waitFor(WAIT)
  }

  async isOpen(title: string): Promise<void> {
    await this.pane
      .getByRole('group', { name: `Check: ${title}` })
      .getByText('Not yet.')
      .waitFor(WAIT)
  }

  answer(question: string | RegExp): Locator {
    return this.pane.getByLabel(question)
  }

  /** Writes an answer, and goes on once it is kept. */
  async answers(question: RegExp, text: string): Promise<void> {
    const field = this.answer(question)
    await field.fill(text)
    await field.locator('..').getByText('Kept').waitFor(WAIT)
  }

  async report(which: RegExp): Promise<void> {
    await this.pane.getByRole('button', { name: 'Reports' }).click()
    await this.#page.getByRole('menuitem', { name: which }).click()
  }
}
