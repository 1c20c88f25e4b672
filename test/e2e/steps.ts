/** What a student does in the first ten minutes, step by step: the same in a browser and in the app. */
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseCsv } from '../cli/command.ts'
import { long } from '../setup/variants.ts'
import type { Driver } from './driver.ts'
import { LabPage, WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'

/** What an inspector shows once it knows something. */
const READY = {
  Protocol: (panel: Locator) => panel.getByRole('grid', { name: 'Messages' }),
  State: (panel: Locator) => panel.getByText(/^Captured/),
  Memory: (panel: Locator) => panel.getByText(/direct mode|slots mode|pages,/),
}
const SMALL_HOST_MB = 16
const LETTERS = 'abcdefghijklmnopqrstuvwxyz-0123456789'

export function steps(open: () => Promise<Driver>): void {
  let driver: Driver
  let page: Page
  let lab: LabPage
  let looks: Looks

  beforeAll(async () => {
    driver = await open()
    looks = new Looks(driver)
    page = driver.page
    lab = new LabPage(page)
    await page.getByText('Connected').waitFor(WAIT)
  })
  afterAll(() => driver?.close())

  /** What the views look like is looked at in the browser; they are the same in the app. */
  const looked = (): boolean => long || driver.name === 'chromium'
  const picture = async (view: string): Promise<void> => {
    if (looked()) await looks.picture(view)
  }
  const faults = async (view: string): Promise<string[]> => (looked() ? looks.faults(view) : [])

  test('a guest is created, and its console answers what is typed', async () => {
    await picture('empty')
    await lab.newGuest('xen', 'labos')
    await lab.type('echo over here')
    await lab.guestSays('ECHO over here')
  })

  test.each([
    ['xen', 'kvm'],
    ['kvm', 'xen'],
  ])('it crosses from %s to %s while its user types, and no character is lost', async (from, to) => {
    await lab.pickLink(/^1 G/)
    await lab.migrate(from)
    await lab.type(`echo ${from}-${LETTERS}`)
    await lab.guestSays(`ECHO ${from}-${LETTERS}`)
    await lab.runsOn(to)
    await lab.result.waitFor(WAIT)
    expect(await lab.figure('Downtime')).toMatch(/^\d+(\.\d+)? ms$/)
  })

  test('every view of the guest can be looked at', async () => {
    await picture('lab')
    for (const tab of ['Protocol', 'State', 'Memory'] as const) {
      await lab.tab(tab)
      await READY[tab](page.getByRole('tabpanel')).first().waitFor(WAIT)
      await picture(tab.toLowerCase())
      expect(await faults(tab)).toEqual([])
    }
    await lab.tab('Migration')
  })

  test('a migration that is cancelled leaves the guest where it was', async () => {
    await lab.pickLink(/^10 M/)
    await lab.migrate('xen')
    await lab.progress.getByRole('button', { name: /Cancel/ }).click(WAIT)
    await lab.result
      .getByText(/cancelled/i)
      .first()
      .waitFor(WAIT)
    await lab.runsOn('xen')
    await lab.type('echo still here')
    await lab.guestSays('ECHO still here')
  })

  test('a host that is too small refuses: what happened, that the guest is safe, what to do', async () => {
    await lab.pickLink(/^1 G/)
    await lab.addHost('kvm', 'small', SMALL_HOST_MB)
    const dialog = await lab.askToMigrate('xen')
    await dialog.getByLabel('Destination').selectOption('small')
    const failed = dialog.getByRole('region', { name: 'Pre-flight check' }).getByRole('listitem')
    const reason = failed.filter({ has: page.getByRole('img', { name: 'fails' }) })
    await reason.waitFor(WAIT)
    expect(await reason.textContent()).toMatch(/memory.*16 MiB|16 MiB.*memory/i)
    expect(await dialog.textContent()).toMatch(/small would refuse.*the guest would go on on xen/)
    await picture('refusal-foreseen')
    await dialog.getByRole('button', { name: 'Try anyway' }).click()
    const told = page.getByRole('alert').filter({ hasText: 'refused.out-of-memory' })
    await told.first().waitFor(WAIT)
    const text = (await told.first().textContent()) ?? ''
    expect(text).toMatch(/memory/)
    expect(text).toMatch(/(goes on|runs|is safe)/)
    expect(text).toMatch(/Destroy or move a guest on the target, or choose a host with more free memory/)
    await picture('refused')
    if (await lab.dialog.isVisible()) await page.keyboard.press('Escape')
    await lab.closed()
    await lab.runsOn('xen')
    await lab.type('echo safe and sound')
    await lab.guestSays('ECHO safe and sound')
  })

  test('it crosses by the keyboard alone', async () => {
    await lab
      .host('xen')
      .getByRole('button', { name: /running/ })
      .focus()
    await page.keyboard.press('m')
    await lab.dialog.waitFor(WAIT)
    await picture('migrate')
    // The dialog waits on its main button.
    await page.keyboard.press('Enter')
    await lab.closed()
    await lab.runsOn('kvm')
    await lab.result.getByText('xen → kvm: completed').waitFor(WAIT)
  })

  test('a host is asked in its terminal, with Tab, and set up by its file, whose errors have their line', async () => {
    const pane = page.getByRole('region', { name: 'Terminals' })
    await lab.host('xen').getByRole('button', { name: 'Terminal' }).click()
    const screen = pane.locator('.xterm-rows')
    await screen.getByText('root@xen:~#').first().waitFor(WAIT)
    await page.keyboard.type('xm li\t\n')
    await screen.getByText('Domain-0').first().waitFor(WAIT)
    await picture('terminal')
    expect(await faults('Terminal')).toEqual([])
    await pane.getByRole('textbox', { name: /^Terminal of xen/ }).focus()
    await page.keyboard.type('edit /etc/xen/xend\t\n')
    const text = pane.getByRole('textbox', { name: 'Text of /etc/xen/xend-config.sxp' })
    await text.waitFor(WAIT)
    const before = await text.inputValue()
    await text.fill(before.replace('(xend-relocation-server yes)', '(xend-relocation-server maybe)'))
    await page.keyboard.press('Control+s')
    await pane
      .getByRole('alert')
      .getByText(/line \d+: xend-relocation-server is yes or no/)
      .waitFor(WAIT)
    await picture('editor')
    expect(await faults('Editor')).toEqual([])
    await text.fill(before.replace("hosts-allow '')", () => "hosts-allow '^localhost$ ^kvm$')"))
    await page.keyboard.press('Control+s')
    await pane.getByText('Saved', { exact: true }).waitFor(WAIT)
    await pane.getByRole('button', { name: 'Close', exact: true }).click()
    await pane.getByRole('textbox', { name: /^Terminal of xen/ }).waitFor({ state: 'attached', ...WAIT })
    await page.keyboard.type('grep\b\b\b\bcat /etc/xen/xend\t\n')
    await screen
      .getByText(/hosts-allow '\^localhost\$/)
      .first()
      .waitFor(WAIT)
    await page.keyboard.type('exit\n')
    await pane.waitFor({ state: 'hidden', ...WAIT })
  })

  test("a student's report is saved", async () => {
    await page.keyboard.press('Alt+g')
    const guide = page.getByRole('complementary', { name: 'Guide' })
    await guide.getByRole('button', { name: /^Meet the hosts/ }).click()
    await guide
      .getByRole('group', { name: /^Check:/ })
      .first()
      .waitFor(WAIT)
    await guide.getByRole('button', { name: 'All exercises' }).click()
    const report = await driver.saved(() => guide.getByRole('button', { name: 'Save report…' }).click())
    expect(report).toContain('<h2>Meet the hosts</h2>')
    await guide.getByRole('button', { name: /^Close the guide/ }).click()
  })

  test('F6 goes round all panes and back, out of the console too', async () => {
    await lab.keyboard.focus()
    const first = await lab.focusedPane()
    expect(first).toMatch(/^Console of/)
    const way: string[] = []
    do {
      await page.keyboard.press('F6')
      way.push(await lab.focusedPane())
    } while (way.at(-1) !== first && way.length < 10)
    expect(way).toHaveLength(4)
    expect(new Set(way).size).toBe(4)
    await page.keyboard.press('Shift+F6')
    expect(await lab.focusedPane()).toBe(way.at(-2))
  })

  test('all runs are in the measurements, and their export says the same figures', async () => {
    const shown = parseFloat(await lab.figure('Downtime'))
    await lab.show('Measurements')
    await page.getByRole('row').nth(1).waitFor(WAIT)
    await picture('measurements')
    expect(await faults('Measurements')).toEqual([])
    const runs = page.getByRole('group', { name: /^Export/ }).getByRole('button', { name: 'Runs' })
    const csv = await driver.saved(() => runs.click())
    expect(csv).toMatch(/\r\n$/)
    const rows = parseCsv(csv)
    expect(rows.map(({ from, to, outcome }) => `${from} → ${to}: ${outcome}`).sort()).toEqual([
      'kvm → xen: completed',
      'xen → kvm: cancelled',
      'xen → kvm: completed',
      'xen → kvm: completed',
      'xen → small: failed',
    ])
    const last = rows.filter(({ outcome }) => outcome === 'completed').map((row) => Number(row['downtime_ms']))
    expect(last.some((downtime_ms) => Math.abs(downtime_ms - shown) <= 0.05)).toBe(true)
    await lab.show('Lab')
  })

  // Those of the dialogs: test/renderer/lab-view.test.ts.
  test('Ctrl-C in a terminal cancels the migration that its command waits for; the guest is there, and so is its console', async () => {
    const pane = page.getByRole('region', { name: 'Terminals' })
    const screen = pane.locator('.xterm-rows')
    await lab.host('kvm').getByRole('button', { name: 'Terminal' }).click()
    await screen.getByText('root@kvm:~#').first().waitFor(WAIT)
    await page.keyboard.type('virsh migrate-setspeed labos-1 1\n')
    // Ctrl-C ends what runs, and forgets what was typed ahead: so the first command has to be over.
    await expect.poll(async () => (await screen.innerText()).match(/root@kvm:~#/g)?.length, { timeout: 60_000 }).toBe(2)
    await page.keyboard.type('virsh migrate --live labos-1 xen+ssh://xen/\n')
    await lab
      .host('kvm')
      .getByRole('button', { name: /^labos-1 migrating/ })
      .waitFor(WAIT)
    await page.keyboard.press('Control+c')
    await screen.getByText('labos-1 is on kvm, as before.').first().waitFor(WAIT)
    await page.keyboard.type('virsh console labos-1\n')
    await expect.poll(() => lab.focusedPane()).toBe('labos-1')
    await pane.getByRole('textbox', { name: /^Terminal of kvm/ }).focus()
    await page.keyboard.type('virsh migrate-setspeed labos-1 10000\nexit\n')
    await pane.waitFor({ state: 'hidden', ...WAIT })
  })

  test('axe finds nothing in the lab; its dialogs open and close', async () => {
    expect(await faults('Lab')).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /Keyboard shortcuts/ }).click()
    await lab.dialog.waitFor(WAIT)
    await picture('shortcuts')
    await page.keyboard.press('Escape')
    await lab.closed()
    await lab.host('kvm').getByRole('button', { name: 'New guest…' }).click()
    await lab.dialog.waitFor(WAIT)
    await picture('new-guest')
    await page.keyboard.press('Escape')
    await lab.closed()
  })
}
