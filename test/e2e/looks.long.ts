/** Every view of the app in every size of window, in both themes: nothing is wider than its window, and axe finds nothing. */
import type { CDPSession } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { here } from '../electron/app.ts'
import { Desk } from './desk.ts'
import { GuidePage } from './guide-page.ts'
import { WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'
import { TerminalsPage } from './terminals-page.ts'

const place = await here()
/** Width and height in px, and pixels of the screen for each. */
const SIZES = [
  [1024, 700, 1],
  [1440, 900, 1],
  [1440, 900, 2],
  [2560, 1440, 1],
  [3840, 2160, 1],
] as const
const LONG_NAME = 'a-host-whose-name-is-as-long'

describe.skipIf(place.reason !== undefined)(`the looks of the app${place.because}`, () => {
  let desk: Desk
  let looks: Looks
  let devtools: CDPSession
  beforeAll(async () => {
    desk = await Desk.open(await place.setting())
    looks = new Looks(desk)
    devtools = await desk.page.context().newCDPSession(desk.page)
  })
  afterAll(() => desk?.close())

  async function size(width: number, height: number, deviceScaleFactor: number): Promise<void> {
    await devtools.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor, mobile: false })
    await expect.poll(() => desk.page.evaluate('[innerWidth, devicePixelRatio]')).toEqual([width, deviceScaleFactor])
    await looks.settled()
  }

  /** What is shown now: pictures of it in all sizes are kept. */
  async function see(view: string): Promise<void> {
    for (const [width, height, scale] of SIZES) {
      await size(width, height, scale)
      const [wider_px, higher_px] = await looks.overflow()
      expect.soft(Math.max(wider_px, higher_px), `${view} at ${width} × ${height}`).toBeLessThanOrEqual(0)
      expect.soft(await cutRows(), `${view} at ${width} × ${height}`).toEqual([])
      if (scale === 1) await looks.picture(`${view}-${width}`)
      else await looks.picture(`${view}-${width}x${scale}`, photograph)
    }
    await size(1440, 900, 1)
    expect.soft(await looks.faults(view)).toEqual([])
  }
  const photograph = async () =>
    Buffer.from((await devtools.send('Page.captureScreenshot', { format: 'png' })).data, 'base64')
  /** Of terminals, those that are higher than what shows them: by how many px. */
  const cutRows = () =>
    desk.page.evaluate<number[]>(`[...document.querySelectorAll('.terminal')]
      .map((shown) => [shown, shown.querySelector('.xterm-screen')])
      .filter(([, rows]) => rows !== null)
      .map(([shown, rows]) => rows.getBoundingClientRect().bottom - shown.getBoundingClientRect().bottom)
      .filter((px) => px > 0.5)`)
  const button = (name: string | RegExp) => desk.page.getByRole('button', { name })
  const away = async (): Promise<void> => {
    await desk.page.keyboard.press('Escape')
    await desk.lab.closed()
  }

  // Whatever a test before has left open.
  beforeEach(async () => {
    for (let i = 0; i < 3 && (await desk.lab.dialog.isVisible()); i++) await desk.page.keyboard.press('Escape')
  })

  test('with nothing in it', async () => {
    await see('empty-lab')
    for (const view of ['Measurements', 'Experiments', 'Recordings'] as const) {
      await desk.lab.show(view)
      await desk.page.locator('.empty').waitFor(WAIT)
      await see(`empty-${view.toLowerCase()}`)
    }
  })

  test('the lab, its dialogs, and what a migration shows', async () => {
    const { lab, page } = desk
    await lab.show('Lab')
    await button(/^Record$/).click()
    await lab.dialog.waitFor(WAIT)
    await see('dialog-record')
    await lab.dialog.getByLabel('Title').fill('Two crossings of a guest that writes its memory, and a refusal')
    await lab.dialog.getByRole('button', { name: 'Record' }).click()
    await lab.closed()
    await lab.host('xen').getByRole('button', { name: 'New guest…' }).click()
    await lab.dialog.getByLabel('Image').selectOption('labos')
    await lab.dialog.getByLabel('Workload').selectOption('dirty')
    await see('dialog-new-guest')
    await lab.dialog.getByRole('button', { name: /^Create/ }).click()
    await lab.closed()
    await lab.runsOn('xen')
    await lab.askToMigrate('xen')
    await see('dialog-migrate')
    await lab.dialog.getByRole('radio', { name: /^Automatic/ }).check()
    await lab.dialog.getByRole('group', { name: 'Predictions' }).waitFor(WAIT)
    await see('dialog-migrate-automatic')
    await lab.dialog.getByRole('button', { name: /^Migrate|^Try/ }).click()
    await lab.closed()
    await lab.runsOn('kvm')
    await lab.result.waitFor(WAIT)
    await lab.addHost('kvm', LONG_NAME, 16)
    await see('lab')
    for (const tab of ['Protocol', 'State', 'Memory'] as const) {
      await lab.tab(tab)
      await page.waitForTimeout(2000)
      await see(tab.toLowerCase())
    }
    await lab.tab('Migration')
    await lab.pickLink(/^10 M/)
    await lab.migrate('kvm')
    await lab.progress.getByRole('button', { name: /Cancel/ }).waitFor(WAIT)
    await looks.picture('migrating')
    await lab.progress.getByRole('button', { name: /Cancel/ }).click()
    await lab.result
      .getByText(/cancelled/i)
      .first()
      .waitFor(WAIT)
    await see('cancelled')
    await lab.pickLink(/^1 G/)
    const dialog = await lab.askToMigrate('kvm')
    await dialog.getByLabel('Destination').selectOption(LONG_NAME)
    await dialog.getByText(/would refuse/).waitFor(WAIT)
    await see('dialog-migrate-refused')
    await dialog.getByRole('button', { name: 'Try anyway' }).click()
    await page.getByRole('alert').filter({ hasText: 'refused.out-of-memory' }).first().waitFor(WAIT)
    await see('refused')
    await away()
    await lab
      .host('kvm')
      .getByRole('button', { name: /^More for labos/ })
      .click()
    await page.getByRole('menuitem', { name: 'Change workload…' }).click()
    await see('dialog-workload')
    await away()
    await page.keyboard.press('?')
    await lab.dialog.waitFor(WAIT)
    await see('dialog-shortcuts')
    await away()
  })

  test('terminals and files of hosts, and the guide beside them', async () => {
    const { lab, page } = desk
    await lab.show('Lab')
    const terminals = new TerminalsPage(lab)
    const terminal = await terminals.of('xen')
    await terminal.run('xm list')
    await terminal.run('cat /etc/xen/labos.cfg')
    await see('terminal')
    await terminal.type('edit /etc/xen/xend-config.sxp')
    await terminals.pane.getByRole('textbox', { name: /^Text of/ }).waitFor(WAIT)
    await see('editor')
    await terminals.pane.getByRole('button', { name: 'Close', exact: true }).click()
    const guide = new GuidePage(page)
    await guide.show()
    await guide.pane.getByRole('button', { name: /^Meet the hosts/ }).waitFor(WAIT)
    await see('guide-list')
    await guide.open(/^Homogeneous migration on KVM/)
    await see('guide-exercise')
    await guide.report(/^Table of/)
    await lab.dialog.waitFor(WAIT)
    await see('dialog-reports')
    await away()
    await guide.close()
    await terminal.type('exit')
  })

  test('measurements, and the details of one', async () => {
    await desk.lab.show('Measurements')
    await desk.page.getByRole('row').nth(2).click(WAIT)
    await see('measurements')
  })

  test('a recording', async () => {
    const { lab, page } = desk
    await button(/^Stop$/).click()
    await lab.show('Recordings')
    await button(/^Two crossings/).waitFor(WAIT)
    await see('recordings')
    await button(/^Two crossings/).click()
    const time = page.getByRole('slider', { name: 'Time' })
    await time.focus()
    for (const key of [']', 'ArrowRight', 'b']) await page.keyboard.press(key)
    await button('Notes').click()
    await page
      .getByRole('button', { name: /^Add at/ })
      .last()
      .click()
    await see('player')
  })

  test('an experiment, from its plan to its results', async () => {
    const { lab, page } = desk
    await lab.show('Experiments')
    await button('RAM scaling').click()
    await page.getByLabel(/^RAM, MiB/).fill('16 32')
    await page.getByLabel('Repeats').fill('2')
    await page.getByLabel('Warm-up').fill('0')
    await page.getByLabel('Settling, ms').fill('0')
    await page.getByText('4 conditions, 8 trials').waitFor(WAIT)
    await see('experiment-plan')
    await button('Start experiment').click()
    await page.getByText(/^[1-7] of 8 trials/).waitFor(WAIT)
    await looks.picture('experiment-running')
    await page.getByText('Completed', { exact: true }).waitFor({ timeout: 300_000 })
    await page.getByRole('figure').first().waitFor(WAIT)
    await see('experiment')
    await button('Merge files…').click()
    await see('dialog-merge')
    await away()
  })
})
