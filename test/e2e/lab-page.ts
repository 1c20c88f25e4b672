/** The lab's view as its user finds it: by roles and names. */
import type { Locator, Page } from 'playwright-core'

export const WAIT = { timeout: 60_000 }

export class LabPage {
  readonly page: Page
  readonly dialog: Locator
  /** The guest's serial console. */
  readonly keyboard: Locator
  readonly result: Locator
  readonly progress: Locator

  constructor(page: Page) {
    this.page = page
    this.dialog = page.getByRole('dialog')
    this.keyboard = page.locator('.xterm-helper-textarea')
    this.result = page.getByRole('region', { name: 'Result' })
    this.progress = page.getByRole('region', { name: 'Progress' })
  }

  host(name: string): Locator {
    return this.page.getByRole('article', { name: `Host ${name}`, exact: true })
  }

  async show(view: 'Lab' | 'Measurements' | 'Experiments' | 'Recordings'): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Views' }).getByText(view, { exact: true }).click()
  }

  /** Of the selected guest. */
  async tab(name: string): Promise<void> {
    await this.page.getByRole('tab', { name: new RegExp(`^${name}`) }).click()
  }

  async closed(): Promise<void> {
    await this.dialog.waitFor({ state: 'hidden', ...WAIT })
  }

  async newGuest(host: string, image: string, workload = 'idle'): Promise<void> {
    await this.host(host).getByRole('button', { name: 'New guest…' }).click()
    await this.dialog.getByLabel('Image').selectOption(image)
    if (workload !== 'idle') await this.dialog.getByLabel('Workload').selectOption(workload)
    await this.dialog.getByRole('button', { name: /^Create/ }).click()
    await this.closed()
    await this.runsOn(host)
  }

  async runsOn(host: string): Promise<void> {
    await this.host(host).getByText('running').waitFor(WAIT)
  }

  async addHost(kind: 'xen' | 'kvm', name: string, memory_MB: number): Promise<void> {
    await this.host('xen').getByRole('button', { name: 'More for host xen' }).click()
    await this.page.getByRole('menuitem', { name: 'Add another host…' }).click()
    await this.dialog.getByLabel('Hypervisor').selectOption(kind)
    await this.dialog.getByLabel('Name').fill(name)
    await this.dialog.getByLabel('Machine memory, MiB').fill(String(memory_MB))
    await this.dialog.getByRole('button', { name: 'Add host' }).click()
    await this.closed()
    await this.host(name).waitFor(WAIT)
  }

  async pickLink(label: RegExp): Promise<void> {
    const link = this.page.getByRole('region', { name: 'Link between the hosts' }).getByRole('combobox').first()
    const options = await link.locator('option').allTextContents()
    await link.selectOption({ label: options.find((option) => label.test(option)) ?? '' })
  }

  /** Opens the dialog for the first guest of a host. */
  async askToMigrate(from: string): Promise<Locator> {
    await this.host(from)
      .getByRole('button', { name: /^Migrate/ })
      .first()
      .click()
    await this.dialog.waitFor(WAIT)
    return this.dialog
  }

  async migrate(from: string): Promise<void> {
    const dialog = await this.askToMigrate(from)
    await dialog.getByRole('button', { name: /^Migrate/ }).click()
    await this.closed()
  }

  /** Types a line, a key after another as people do. */
  async type(line: string, delay = 15): Promise<void> {
    await this.keyboard.focus()
    await this.page.keyboard.type(`${line}\n`, { delay })
  }

  /** A whole line that the guest wrote. */
  async guestSays(line: string): Promise<void> {
    await this.page.locator('.xterm-rows').getByText(line, { exact: true }).first().waitFor(WAIT)
  }

  /** A figure of the result, as its text: `4.34 ms`. */
  async figure(name: string): Promise<string> {
    const figure = this.result.locator('dl > div').filter({ has: this.page.getByText(name, { exact: true }) })
    return (await figure.locator('dd').textContent()) ?? ''
  }

  /** The name of the pane that has the focus. */
  focusedPane(): Promise<string> {
    return this.page.evaluate<string>(`(() => {
      const pane = document.activeElement?.closest('[data-pane]')
      return pane?.getAttribute('aria-label') ?? pane?.tagName ?? ''
    })()`)
  }
}
