/** What the window looks like, in both themes: pictures of it, and what axe finds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { axe } from '../setup/axe.ts'
import { long } from '../setup/variants.ts'
import type { Theme } from './driver.ts'

const SHOTS = join('output', 'screenshots')
const THEMES: readonly Theme[] = ['light', 'dark']

/** Whatever shows the window. */
export interface Shown {
  /** In the names of pictures. */
  readonly name: string
  readonly page: Page
  setTheme(theme: Theme): Promise<void>
}

export class Looks {
  readonly #shown: Shown

  constructor(shown: Shown) {
    this.#shown = shown
    mkdirSync(SHOTS, { recursive: true })
  }

  /** A view as it is now: that its parts alone scroll, and, in the long tests, what axe finds; pictures of it are kept. */
  async seen(view: string): Promise<string[]> {
    const [wider_px, higher_px] = await this.overflow()
    const found = wider_px > 0 || higher_px > 0 ? [`${view} is ${wider_px} px wider, ${higher_px} px higher`] : []
    if (!long) return found
    await this.picture(view)
    return [...found, ...(await this.faults(view))]
  }

  /** One picture of the view in each theme. @param take instead of Playwright, which knows but one pixel for each px here */
  picture(view: string, take?: () => Promise<Buffer>): Promise<void> {
    return this.#inBoth(async (theme) => {
      await this.settled()
      const path = join(SHOTS, `${this.#shown.name}-${view}-${theme}.png`)
      if (take === undefined) await this.#shown.page.screenshot({ path, animations: 'disabled' })
      else writeFileSync(path, await take())
    })
  }

  /** What axe finds in either theme. It has no blank page to work in where the app is the only window: legacy mode. */
  async faults(view: string): Promise<string[]> {
    const found: string[] = []
    await this.#inBoth(async (theme) => {
      const { page } = this.#shown
      // Colours change over a moment.
      await page.waitForTimeout(400)
      const { violations } = await axe(page, theme).setLegacyMode(true).exclude('.xterm').analyze()
      found.push(...violations.map(({ id, nodes }) => `${theme} ${view}: ${id} ${nodes[0]?.html}`))
    })
    return found
  }

  /** How many px the page is wider, and higher, than its window; both are 0 where only its parts scroll. */
  overflow(): Promise<[number, number]> {
    return this.#shown.page.evaluate<[number, number]>(
      '(({ scrollWidth, scrollHeight }) => [scrollWidth - innerWidth, scrollHeight - innerHeight])(document.documentElement)',
    )
  }

  /** Two frames later, what was asked for is drawn. */
  async settled(): Promise<void> {
    await this.#shown.page.evaluate(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))',
    )
  }

  async #inBoth(look: (theme: Theme) => Promise<void>): Promise<void> {
    for (const theme of THEMES) {
      await this.#setTheme(theme)
      await look(theme)
    }
    await this.#setTheme('light')
  }

  async #setTheme(theme: Theme): Promise<void> {
    await this.#shown.setTheme(theme)
    await expect
      .poll(() => this.#shown.page.evaluate(`matchMedia('(prefers-color-scheme: dark)').matches`))
      .toBe(theme === 'dark')
  }
}
