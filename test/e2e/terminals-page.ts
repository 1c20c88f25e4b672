/** Terminals of hosts, and the editor of their files, as their user finds them. */
import type { Locator } from 'playwright-core'
import { expect } from 'vitest'
import { type LabPage, WAIT } from './lab-page.ts'

export class TerminalsPage {
  readonly pane: Locator
  readonly #lab: LabPage

  constructor(lab: LabPage) {
    this.#lab = lab
    this.pane = lab.page.getByRole('region', { name: 'Terminals' })
  }

  /** Opens the host's terminal, or comes back to it. */
  async of(host: string): Promise<Terminal> {
    await this.#lab.host(host).getByRole('button', { name: 'Terminal' }).click()
    const terminal = new Terminal(this.pane, host)
    await terminal.waits()
    return terminal
  }

  /** Opens a file by `edit`, changes its text, saves it, and comes back to the terminal. */
  async edit(host: string, path: string, change: (text: string) => string): Promise<void> {
    const terminal = await this.of(host)
    await terminal.type(`edit ${path}`)
    const text = this.pane.getByRole('textbox', { name: `Text of ${path}` })
    await text.waitFor(WAIT)
    const before = await text.inputValue()
    const after = change(before)
    expect(after).not.toBe(before)
    await text.fill(after)
    await text.press('Control+s')
    await this.pane.getByText('Saved', { exact: true }).waitFor(WAIT)
    await this.pane.getByRole('button', { name: 'Close', exact: true }).click()
    await terminal.waits()
  }
}

export class Terminal {
  readonly #keys: Locator
  readonly #rows: Locator
  readonly #prompt: string

  constructor(pane: Locator, host: string) {
    this.#keys = pane.getByRole('textbox', { name: `Terminal of ${host}` })
    this.#rows = pane.locator('.xterm-rows')
    this.#prompt = `root@${host}:~#`
  }

  /** Until it waits for a command. */
  async waits(): Promise<void> {
    await expect.poll(() => this.#lastLine()).toBe(this.#prompt)
  }

  /** Types a command, once the one before is over, and gives it. */
  async type(command: string): Promise<void> {
    await this.waits()
    await this.#keys.focus()
    await this.#keys.page().keyboard.type(command)
    await expect.poll(() => this.#lastLine()).toBe(`${this.#prompt} ${command}`)
    await this.#keys.page().keyboard.press('Enter')
  }

  /** Gives a command, and waits for its end. @returns what it printed, as far as it is still to be seen */
  async run(command: string): Promise<string> {
    await this.type(command)
    await this.waits()
    const all = (await this.#lines()).join('\n')
    const end = all.lastIndexOf(this.#prompt)
    const begin = `${this.#prompt} ${command}\n`
    const from = all.lastIndexOf(begin)
    return all.slice(from < 0 ? 0 : from + begin.length, end)
  }

  async #lastLine(): Promise<string> {
    return (await this.#lines()).findLast((line) => line !== '') ?? ''
  }

  async #lines(): Promise<string[]> {
    const rows = await this.#rows.locator('> div').allInnerTexts()
    return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
  }
}
