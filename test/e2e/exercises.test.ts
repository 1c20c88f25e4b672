/** Exercises, done in the app as a student does them: by what is clicked, typed and read there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lineOf, readReport } from '../../engine/guide/report.ts'
import { here } from '../electron/app.ts'
import { Desk } from './desk.ts'
import { GuidePage } from './guide-page.ts'
import { WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'
import { pdfText } from './pdf-text.ts'
import { TerminalsPage } from './terminals-page.ts'

const place = await here()
const CONFIG = '/etc/xen/xend-config.sxp'

describe.skipIf(place.reason !== undefined)(`a student in the app${place.because}`, () => {
  let desk: Desk
  let looks: Looks
  let guide: GuidePage
  const begin = () => (guide = new GuidePage(desk.page))

  beforeAll(async () => {
    desk = await Desk.open(await place.setting())
    looks = new Looks(desk)
    begin()
  })
  afterAll(() => desk?.close())

  test('follows a field and a page through the common format, and every check is passed', async () => {
    const { lab, page } = desk
    await guide.show()
    await guide.pane.getByLabel('Student').fill('Ada Lovelace')
    await guide.pane.getByLabel('Student').press('Enter')
    await guide.open(/^Through the common format/)
    await lab.newGuest('xen', 'labos', 'dirty')
    await lab.tab('State')
    await guide.isDone('The state inspector was open')

    await lab.host('xen').getByRole('button', { name: 'Pause' }).click()
    await guide.isDone('A guest stands still on a Xen-like host')
    const state = page.getByRole('region', { name: 'State' })
    await state.getByRole('button', { name: 'Refresh' }).click()
    await state.getByText(/^Captured/).waitFor(WAIT)
    await state.getByLabel('Search fields').fill('rip')
    // The common format has no field of this name: there is nothing to go through.
    expect(await state.getByRole('tree').count()).toBe(2)
    const field = state.getByRole('treeitem', { name: /rip/ }).first()
    await field.hover()
    const trail = (await state.locator('.trail').innerText()).replaceAll(/\s+/g, ' ')
    // The same instruction pointer in the three forms.
    const values = trail.match(/0x[\da-f]+/g) ?? []
    expect(values).toHaveLength(3)
    expect(new Set(values.map(BigInt)).size, trail).toBe(1)
    await guide.answers(/^EIP in hvm_hw_cpu/, trail)
    await state.getByLabel('Search fields').fill('')

    await lab.host('xen').getByRole('button', { name: 'Resume' }).click()
    await lab.runsOn('xen')
    await lab.tab('Memory')
    await guide.isDone('The memory inspector was open')
    for (const [from, to, check] of [
      ['xen', 'kvm', 'It crossed from Xen to KVM, and not one page differed'],
      ['kvm', 'xen', 'It came back from KVM to Xen, and its own check is fine'],
    ] as const) {
      const dialog = await lab.askToMigrate(from)
      await dialog.getByRole('checkbox', { name: /Compare both RAMs/ }).check()
      await dialog.getByRole('button', { name: /^Migrate/ }).click()
      await lab.closed()
      await lab.runsOn(to)
      await guide.isDone(check)
    }
    expect(await guide.checks.count()).toBe(await guide.checks.filter({ hasText: 'Done.' }).count())
    await guide.close()
  })

  test('sets up a Xen host by its files, is refused, mends it, and moves a domain with xm', async () => {
    const { lab } = desk
    await lab.addHost('xen', 'xen-2', 256)
    const terminals = new TerminalsPage(lab)
    const xen = await terminals.of('xen')
    // The console has the keyboard, and the window its key.
    await guide.show()
    await xen.waits()
    await guide.open(/^Homogeneous migration on Xen/)

    // Step 1: the domain's file, with a disk that both hosts reach.
    expect(await xen.run('cat /etc/xen/labos.cfg')).toContain('kernel = "/boot/labos"')
    await terminals.edit(
      'xen',
      '/etc/xen/labos.cfg',
      (text) => `${text.replace(/^disk\b.*\n/m, '')}Disk = ['phy:/dev/vg_xen/labos,xvda,w']\n`,
    )
    const created = await xen.run('xm create labos.cfg')
    expect(created).toContain('sets "Disk"; xm knows "disk"')
    expect(created).toContain('Started domain labos')
    expect(await xen.run('xm list')).toMatch(/^labos\s+\d+\s+16\s/m)
    await guide.isDone('The domain was created with xm')

    // Step 2: as installed.
    await terminals.edit('xen-2', CONFIG, (text) => text.replaceAll(/^\(xend-relocation-/gm, '#(xend-relocation-'))
    await guide.isDone('The lines of a host begin with #')
    await terminals.of('xen')
    expect(await xen.run('xm migrate --live labos xen-2')).toContain('xen-2 answered REQ_FAIL')
    await guide.isDone('A host as installed refused the domain')
    await guide.answers(/^Look at the failed run/, 'In stage 1; the domain ran on, on xen.')
    await guide.isOpen('A domain crossed from Xen to Xen, and passed its own check')

    // Step 3: mended.
    await terminals.edit('xen-2', CONFIG, (text) => text.replaceAll('#(xend-relocation-', '(xend-relocation-'))
    expect(await (await terminals.of('xen-2')).run('service xend restart')).not.toContain('rror')
    await terminals.of('xen')
    expect(await xen.run('scp /etc/xen/labos.cfg root@xen-2:/etc/xen/')).not.toContain('rror')
    await guide.isDone("The domain's file was copied")
    expect(await xen.run('xm migrate --live labos xen-2')).toMatch(/labos runs on xen-2: pre-copy, downtime [\d.]+ ms/)
    await guide.isDone('A domain crossed from Xen to Xen, and passed its own check')
    await guide.answers(/^Does xm migrate read the copy/, 'No: it is for xm create on xen-2.')

    // Step 4: another port.
    const xen2 = await terminals.of('xen-2')
    expect(await xen2.run('xm list')).toContain('labos')
    await xen2.run('xm migrate --live labos xen')
    await terminals.edit('xen-2', CONFIG, (text) =>
      text.replace(
        /\(xend-relocation-port \d+\)/,
        (entry) => `(xend-relocation-port ${Number(/\d+/.exec(entry)) + 1})`,
      ),
    )
    await terminals.of('xen')
    expect(await xen.run('xm migrate --live labos xen-2')).toContain('Connection refused')
    await guide.answers(/^What differs between this failure/, 'Nobody listened, so nothing was asked: no run.')
    expect(await looks.seen('exercise')).toEqual([])
  })

  test('finds all of it again after the app was ended, saves the report, and prints it', async () => {
    await desk.quit()
    await desk.start()
    begin()
    await guide.answer(/^What differs/).waitFor(WAIT)
    await expect.poll(() => guide.answer(/^What differs/).inputValue()).toMatch(/^Nobody listened/)
    expect(await guide.checks.filter({ hasText: 'Done.' }).count()).toBe(5)

    const [file] = await desk.saves(1, () => guide.report(/^Save report/))
    const [name, page] = file ?? ['', Buffer.from('')]
    expect(name).toBe('Ada-Lovelace.html')
    const report = readReport(page.toString('utf8'), name)
    expect(lineOf(report)).toMatchObject({ student: 'Ada Lovelace', exercises: 2, passed: 10, checks: 10, answered: 4 })
    expect(report.runs.map(({ from, to, outcome }) => `${from} → ${to}: ${outcome}`).sort()).toEqual([
      'kvm → xen: completed',
      'xen → kvm: completed',
      'xen → xen-2: completed',
      'xen → xen-2: failed',
      'xen-2 → xen: completed',
    ])

    const pdf = await desk.prints(() => guide.report(/^Print report/))
    const printed = pdfText(pdf)
    for (const part of [
      'AdaLovelace:report',
      'HomogeneousmigrationonXen',
      '✓passed',
      'Nobodylistened,sonothingwasasked',
    ]) {
      expect(printed).toContain(part)
    }
    // Of the window nothing.
    expect(printed).not.toContain('Connected')
    expect(await desk.page.locator('.printed-page').count()).toBe(0)
  })
})
