/** The lab's view, full: four hosts, eight guests each, names of 32 characters; and each dialog. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MigrationProgress } from '../../engine/contract/lab.ts'
import { plural } from '../../renderer/src/data/format.ts'
import { axe } from '../setup/axe.ts'
import { type BenchPage, openBench } from './bench.ts'
import { answers, noneFits, type Size } from './stand-in-lab.ts'
import { noChromium } from './window.ts'

declare const bench: BenchPage

interface Box {
  readonly scrollWidth: number
  readonly clientWidth: number
}

const UNDER_WAY: Omit<MigrationProgress, 'pull'> = {
  stage: 5,
  round: 0,
  pages_total: 4096,
  remaining_pages: 0,
  pages_sent: 1400,
  bytes_sent_B: 5e6,
  rate_Bps: 0,
  estimate_ms: null,
  notes: [],
  stages: [],
  rounds: [],
}

const FULL: Size = { hosts: 4, guests: 8 }
const SIZES = [
  [1024, 700],
  [1440, 900],
  [3840, 2160],
  // A small window at 200 %.
  [512, 350],
] as const

describe.skipIf(noChromium !== null)(`the lab’s view${noChromium === null ? '' : ` (skipped: ${noChromium})`}`, () => {
  let page: Page
  let close: () => Promise<void>
  beforeAll(async () => {
    ;({ page, close } = await openBench({ App: 'App.svelte' }, null))
    await page.addStyleTag({ content: '* { animation: none !important }' })
  })
  afterAll(() => close?.())

  async function open(size: Size): Promise<void> {
    await page.evaluate((given) => {
      bench.answers = given
      bench.show('App', { api: bench.api })
    }, answers(size))
    await page.getByRole('article').first().waitFor()
  }

  const host = (name: string) => page.getByRole('article', { name: `Host ${name}`, exact: true })

  async function barriers(where: string, within = 'body'): Promise<string[]> {
    const found: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const { violations } = await axe(page, colorScheme).include(within).exclude('.xterm').analyze()
      found.push(...violations.map(({ id, nodes }) => `${colorScheme} ${where}: ${id} ${nodes[0]?.html}`))
    }
    return found
  }

  test('stays within the window at every size, full as it may be', async () => {
    await open(FULL)
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height })
      for (const selector of ['body', '.lab', 'article', 'article li', 'article header', 'article li .first'])
        expect(
          await page
            .locator(selector)
            .evaluateAll((all: Box[]) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length),
          `${selector} at ${width}`,
        ).toBe(0)
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  })

  test('offers migrate by keyboard, to the next host as dragging does', async () => {
    await open(FULL)
    const card = host('kvm').getByRole('button', { name: /^labos-8/ })
    await card.focus()
    await page.keyboard.press('Alt+ArrowRight')
    const dialog = page.getByRole('dialog')
    expect(await dialog.getByLabel('Destination').inputValue()).toBe('xen-of-the-north-wing-room-three')
    await page.keyboard.press('Escape')
    await card.focus()
    await page.keyboard.press('Alt+ArrowLeft')
    expect(await dialog.getByLabel('Destination').inputValue()).toBe('xen')
    await page.keyboard.press('Escape')
  })

  test('offers the algorithms that the guest’s host has, and no others', async () => {
    const given = answers({ hosts: 2, guests: 2 })
    const hosts = (given['hosts.list'] as object[]).map((each) => ({ ...each, algorithms: ['stop-and-copy'] }))
    await page.evaluate(
      (all) => {
        bench.answers = all
        bench.show('App', { api: bench.api })
      },
      { ...given, 'hosts.list': hosts },
    )
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .click()
    await page.keyboard.press('m')
    const group = page.getByRole('dialog').getByRole('group', { name: 'Algorithm' })
    await group.getByRole('radio', { name: /^Stop and copy/ }).waitFor()
    // With the random and the automatic choice.
    expect(await group.getByRole('radio').count()).toBe(3)
    await page.keyboard.press('Escape')
  })

  test('opens the same dialog for a guest that is dropped on another host', async () => {
    await open(FULL)
    await host('xen').getByRole('listitem').first().dragTo(host('kvm-2'))
    expect(await page.getByRole('dialog').getByLabel('Destination').inputValue()).toBe('kvm-2')
    await page.keyboard.press('Escape')
  })

  test('keeps what an inspector shows when its guest changes', async () => {
    await open({ hosts: 2, guests: 2 })
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .click()
    await page.getByRole('tab', { name: 'Memory' }).click()
    const drawn = page.getByRole('region', { name: 'Memory, drawn' })
    const first = await drawn.elementHandle()
    const [guest] = answers({ hosts: 2, guests: 2 })['guests.list'] as object[]
    await page.evaluate((changed) => bench.tell('guests.changed', changed), { ...guest, state: 'paused' })
    await host('xen').getByText('paused').first().waitFor()
    const second = await drawn.elementHandle()
    expect(await page.evaluate(([a, b]) => a === b, [first, second])).toBe(true)
    await page.getByRole('tab', { name: 'Migration' }).click()
  })

  test('shows three hosts whole in a window of 1024 px: nothing scrolls sideways', async () => {
    await page.setViewportSize({ width: 1024, height: 700 })
    await open({ hosts: 3, guests: 2 })
    const stage = page.getByRole('region', { name: 'Hosts and link' })
    expect(await stage.evaluate((box: Box) => box.scrollWidth - box.clientWidth)).toBe(0)
    await page.setViewportSize({ width: 1440, height: 900 })
  })

  test('creates a guest with image, host, RAM, bandwidth and workload, and its link is the one Migrate begins with', async () => {
    await open({ hosts: 2, guests: 2 })
    await page.keyboard.press('n')
    const dialog = page.getByRole('dialog', { name: 'New guest' })
    for (const label of ['Image', 'Host', 'RAM, MiB', 'Bandwidth', 'Workload'])
      expect(await dialog.getByLabel(label).count()).toBe(1)
    await dialog.getByLabel('Bandwidth').selectOption('ADSL')
    const created = {
      ...(answers({ hosts: 2, guests: 2 })['guests.list'] as object[])[0],
      id: 'new',
      name: 'labos-new',
    }
    await page.evaluate((guest) => Object.assign(bench.answers, { 'guests.create': guest }), created)
    await dialog.getByRole('button', { name: 'Create and start' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await host('xen')
      .getByRole('button', { name: /^labos-new/ })
      .focus()
    await page.keyboard.press('m')
    expect(
      await page
        .getByRole('dialog', { name: /^Migrate labos-new/ })
        .getByLabel('Link', { exact: true })
        .inputValue(),
    ).toBe('ADSL')
    await page.keyboard.press('Escape')
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .click()
    await page.keyboard.press('m')
    expect(
      await page
        .getByRole('dialog', { name: /^Migrate labos-0/ })
        .getByLabel('Link', { exact: true })
        .inputValue(),
    ).toBe('1G')
    await page.keyboard.press('Escape')
  })

  test('says before an automatic choice which algorithm it would be, what the others miss, and why', async () => {
    await open({ hosts: 2, guests: 2 })
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .focus()
    await page.keyboard.press('m')
    const automatic = page.getByRole('radio', { name: /^Automatic/ })
    await automatic.check()
    const dialog = page.getByRole('dialog')
    const row = (name: RegExp) => dialog.getByRole('row', { name })
    await row(/^Iterative pre-copy.*would be chosen/).waitFor()
    expect(await row(/^Stop and copy/).textContent()).toContain('downtime 900 ms, more than 300 ms')
    const formula = dialog.getByText('fixed part 12 ms + 40 pages left').first()
    expect(await formula.isVisible()).toBe(false)
    await dialog.getByRole('button', { name: 'Formula of Iterative pre-copy' }).press('Enter')
    expect(await formula.isVisible()).toBe(true)
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height })
      expect(await dialog.locator('.body').evaluate((body: Box) => body.scrollWidth - body.clientWidth)).toBe(0)
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    expect(await barriers('automatic', 'dialog')).toEqual([])
    await page.evaluate((given) => {
      bench.answers = { ...bench.answers, 'migrations.predict': given }
    }, noneFits())
    await dialog.getByLabel('Downtime, ms').fill('1')
    await dialog.getByText('No algorithm keeps your targets.', { exact: true }).waitFor()
    expect(await dialog.getByRole('button', { name: 'Try anyway' }).count()).toBe(1)
    await page.keyboard.press('Escape')
  })

  test('says what is left while pages follow the guest, and that nothing is lost when the connection is cut', async () => {
    await open({ hosts: 2, guests: 2 })
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .focus()
    await page.keyboard.press('m')
    await page.getByRole('dialog').getByRole('button', { name: 'Migrate', exact: true }).click()
    const progress = page.getByRole('region', { name: 'Progress' })
    await progress.waitFor()
    for (const [state, left_pages] of [
      ['pulling', 2800],
      ['paused', 1],
    ] as const) {
      const pull = { state, left_pages, requests: 31 }
      await page.evaluate((event) => bench.tell('migrations.progress', event), {
        ...UNDER_WAY,
        run_id: 'run-live',
        pull,
      })
      await progress.getByText(`${state}: ${plural(left_pages, 'page')} still at xen, 31 asked for`).waitFor()
      expect(await progress.getByText('Nothing is lost').count()).toBe(state === 'paused' ? 1 : 0)
    }
    expect(await barriers('paused', '#guest-panel')).toEqual([])
  })

  test('lets the targets of a run be changed by keys, and says how the guest is where that fails', async () => {
    await open({ hosts: 2, guests: 2 })
    await host('xen')
      .getByRole('button', { name: /^labos-0/ })
      .focus()
    await page.keyboard.press('m')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Bandwidth, Mbit/s').fill('100')
    await dialog.getByRole('button', { name: 'Migrate', exact: true }).click()
    const panel = page.locator('#guest-panel')
    const targets = panel.getByText(/^Targets, at most/)
    expect(await targets.textContent()).toBe('Targets, at most: bandwidth 100 Mbit/s')
    await targets.press('Enter')
    const downtime = panel.getByLabel('Downtime, ms')
    await page.keyboard.press('Tab')
    expect(
      await downtime.evaluate((element: { matches(selector: string): boolean }) => element.matches(':focus')),
    ).toBe(true)
    expect(await panel.getByLabel('Bandwidth, Mbit/s').inputValue()).toBe('100')

    await page.evaluate(() => {
      const refused = { then: (_: unknown, reject: (why: Error) => void) => reject(new Error('The lab is busy.')) }
      bench.answers = { ...bench.answers, 'migrations.setTargets': refused }
    })
    await page.keyboard.type('20')
    await page.keyboard.press('Enter')
    const problem = await panel.getByRole('alert').textContent()
    expect(problem).toMatch(/The targets were not changed\..*The lab is busy\..*labos-0 goes on crossing/)
    expect(await targets.textContent()).toBe('Targets, at most: bandwidth 100 Mbit/s')
    expect(await barriers('targets', '#guest-panel')).toEqual([])

    await page.evaluate(() => {
      bench.answers = { ...bench.answers, 'migrations.setTargets': { max_downtime_ms: 20, max_bandwidth_bps: 50e6 } }
    })
    await downtime.press('Enter')
    await panel.getByText('From now on, at most: downtime 20 ms, bandwidth 50 Mbit/s.').waitFor()
    expect(await panel.getByRole('alert').count()).toBe(0)
    expect(await targets.textContent()).toBe('Targets, at most: downtime 20 ms, bandwidth 50 Mbit/s')

    // Somebody else changes them, before and while the user writes others.
    const tell = (max_downtime_ms: number) =>
      page.evaluate((event) => bench.tell('migrations.targets', event), {
        run_id: 'run-live',
        targets: { max_downtime_ms, max_bandwidth_bps: 50e6 },
      })
    await panel.getByLabel('Bandwidth, Mbit/s').fill('50')
    await tell(30)
    await panel.getByText('Targets, at most: downtime 30 ms').waitFor()
    expect(await downtime.inputValue()).toBe('30')
    await downtime.fill('7')
    await tell(40)
    await panel.getByText('Targets, at most: downtime 40 ms').waitFor()
    expect(await downtime.inputValue()).toBe('7')
  })

  test('is found free of barriers, full, empty, and in every dialog, light and dark', async () => {
    await open(FULL)
    const found = await barriers('full')
    await open({ hosts: 2, guests: 2 })
    const dialogs: readonly (readonly [string, () => Promise<void>])[] = [
      ['new guest', () => page.keyboard.press('n')],
      ['shortcuts', () => page.keyboard.press('?')],
      [
        'migrate',
        async () => {
          await host('xen')
            .getByRole('button', { name: /^labos-0/ })
            .focus()
          await page.keyboard.press('m')
          await page.getByText('all 3 points pass').waitFor()
        },
      ],
      [
        'destroy',
        async () => {
          await host('xen')
            .getByRole('button', { name: /^labos-0/ })
            .focus()
          await page.keyboard.press('Delete')
        },
      ],
      [
        'add host',
        async () => {
          await page.getByRole('button', { name: 'More for host xen', exact: true }).click()
          await page.getByRole('menuitem', { name: /^Add another/ }).click()
        },
      ],
    ]
    for (const [name, show] of dialogs) {
      await show()
      await page.getByRole('dialog').waitFor()
      found.push(...(await barriers(name, 'dialog')))
      await page.keyboard.press('Escape')
    }
    await page.evaluate(() => bench.tell('state', 'closed'))
    found.push(...(await barriers('lost connection')))
    expect(found).toEqual([])
  }, 400_000)
})
