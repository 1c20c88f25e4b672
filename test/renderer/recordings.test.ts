/** Recordings in the window: opened from a file, played, gone through by keys; the lab's views follow and change nothing. */
import { readFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SAMPLE } from '../replay/sample.ts'
import { axe } from '../setup/axe.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

describe.skipIf(noChromium !== null)(`recordings${noChromium === null ? '' : ` (skipped: ${noChromium})`}`, () => {
  let lab: LabWindow
  let page: Page
  beforeAll(async () => {
    lab = await openWindow({ reducedMotion: 'reduce' })
    page = lab.page
    await page.keyboard.press('Alt+5')
    await page.getByLabel('Recording to open').setInputFiles(SAMPLE)
    await time().waitFor()
  })
  afterAll(() => lab?.close())

  const time = () => page.getByRole('slider', { name: 'Time' })
  const now = async () => Number(await time().inputValue())
  const duration = async () => Number(await time().getAttribute('max'))
  const seek = (t: number) =>
    time().evaluate((slider: { value: string; dispatchEvent(event: unknown): void }, to) => {
      slider.value = String(to)
      slider.dispatchEvent(new Event('input', { bubbles: true }))
    }, t)
  const press = async (key: string) => {
    await time().focus()
    await page.keyboard.press(key)
  }
  type Box = NonNullable<Awaited<ReturnType<Locator['boundingBox']>>>
  async function boxOf(element: Locator): Promise<Box> {
    const box = await element.boundingBox()
    if (box === null) throw new Error('It is not to be seen.')
    return box
  }
  /** All that the lab's view says; what it draws is not in it. */
  const seen = () => page.locator('.picture').ariaSnapshot()

  /** The view at a time once it stands still: figures are shown at a pace that can be read. */
  async function seenAt(t: number): Promise<string> {
    await seek(t)
    let last = ''
    for (let same = 0; same < 2;) {
      await page.waitForTimeout(120)
      const next = await seen()
      same = next === last ? same + 1 : 0
      last = next
    }
    return last
  }

  test('refuses what is no recording by its name, what is wrong with it, and what to do', async () => {
    const other = await lab.page.context().newPage()
    await other.goto(page.url())
    await other.getByText('Connected').waitFor()
    await other.keyboard.press('Alt+5')
    const open = (name: string, bytes: Buffer) =>
      other
        .getByLabel('Recording to open')
        .setInputFiles({ name: `${name}.ferryrec`, mimeType: 'application/octet-stream', buffer: bytes })
    const alert = other.getByRole('alert')
    const spoilt = await readFile(SAMPLE)
    // Within the first part: 16 bytes of the file's header and 24 of the part's stand before it.
    spoilt.fill(0xff, 60, 90)
    const cases = [
      [
        'notes',
        Buffer.from('a lesson, honestly\n'.repeat(50)),
        /is no recording of Ferry.*Choose another file\..*recording\.not-one/,
      ],
      ['spoilt', spoilt, /is damaged.*ask for another copy.*recording\.damaged/],
    ] as const
    for (const [name, bytes, said] of cases) {
      await open(name, bytes)
      await alert.filter({ hasText: `${name} could not be opened.` }).waitFor()
      expect(await alert.textContent()).toMatch(said)
    }
    await other.close()
  })

  test('shows the lab as it was at any time, and the same however that was reached', async () => {
    await seek((await duration()) / 2)
    for (const tab of ['Protocol', 'State', 'Memory']) {
      await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click()
      const end = await duration()
      const times = [0.2, 0.75].map((share) => share * end)
      const first: string[] = []
      for (const t of times) first.push(await seenAt(t))
      // The other way round.
      for (const [i, t] of [...times.entries()].reverse()) expect(await seenAt(t), `${tab} at ${t}`).toBe(first[i])
      expect(new Set(first).size, tab).toBeGreaterThan(1)
    }
  })

  test('plays to its end, and shows what seeking there shows', async () => {
    await seek((await duration()) / 2)
    await page.getByRole('tab', { name: /^Migration/ }).click()
    const end = await duration()
    const sought = await seenAt(end)
    await seek(end - 4000)
    await press('6')
    await press(' ')
    await page.getByRole('button', { name: 'Play' }).waitFor()
    await page.waitForFunction(
      (to) =>
        Number(
          (globalThis as never as { document: { querySelector(s: string): { value: string } } }).document.querySelector(
            'input[type=range]',
          ).value,
        ) >= to,
      end,
    )
    expect(await seenAt(await now())).toBe(sought)
  })

  test('where no guest was there yet, tells how to get to one, and asks for none to be made', async () => {
    await seek(0)
    const empty = page.getByRole('region', { name: 'Guest', exact: true })
    await empty.getByText('No guest at this time').waitFor()
    expect(await empty.textContent()).toContain('choose another time in the timeline')
    expect(await empty.textContent()).not.toMatch(/create/i)
  })

  test('is gone through by keys', async () => {
    await press('Home')
    expect(await now()).toBe(0)
    await press(']')
    const chapter = await now()
    expect(chapter).toBeGreaterThan(0)
    await press('.')
    const event = await now()
    expect(event).toBeGreaterThan(chapter)
    await press(',')
    expect(await now()).toBeLessThan(event)
    await press('ArrowRight')
    await press('ArrowLeft')
    await press('End')
    expect(await now()).toBe(await duration())
    await press('[')
    expect(await now()).toBeLessThan(await duration())
    expect(await time().getAttribute('aria-valuetext')).toMatch(/^\d+:\d\d\.\d of /)
  })

  test('changes nothing: what would act is off, and keys go nowhere', async () => {
    const picture = page.locator('.picture')
    for (const name of [/^New guest/, /^Migrate…/, /^Pause/]) {
      const buttons = picture.getByRole('button', { name })
      for (let i = 0; i < (await buttons.count()); i++)
        expect(await buttons.nth(i).isDisabled(), String(name)).toBe(true)
    }
    await page.keyboard.press('n')
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect((await lab.service.call('guests.list', {})).length).toBe(0)
  })

  test('has no barriers, in both themes', async () => {
    await seek((await duration()) * 0.6)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const [width, height] of [
        [1024, 700],
        [1440, 900],
      ] as const) {
        await page.setViewportSize({ width, height })
        await page.waitForTimeout(300)
        if (process.env.FERRY_LOOK) await page.screenshot({ path: `output/recordings-${colorScheme}-${width}.png` })
      }
      const { violations } = await axe(page, colorScheme).exclude('.xterm').analyze()
      expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`)).toEqual([])
    }
  })

  test('shows both hosts and all of a guest’s card beside notes and the guide', async () => {
    const hosts = page.locator('.picture article')
    const inside = (outer: Box, inner: Box) =>
      inner.x >= outer.x &&
      inner.x + inner.width <= outer.x + outer.width &&
      inner.y + inner.height <= outer.y + outer.height
    await seek((await duration()) * 0.6)
    await page.keyboard.press('Alt+G')
    await page.getByRole('button', { name: 'Notes', exact: true }).click()
    // In a narrow window the guide lies over the lab.
    for (const [width, height, guide] of [
      [1440, 900, true],
      [1024, 700, false],
    ] as const) {
      await page.setViewportSize({ width, height })
      if (!guide) await page.keyboard.press('Alt+G')
      await page.waitForTimeout(300)
      if (process.env.FERRY_LOOK) await page.screenshot({ path: `output/recordings-beside-${width}.png` })
      const picture = await boxOf(page.locator('.picture'))
      for (const host of await hosts.all()) expect(inside(picture, await boxOf(host)), `${width}`).toBe(true)
      const guests = await boxOf(hosts.filter({ hasText: 'labos-1' }).first().locator('.guests'))
      expect(inside(guests, await boxOf(page.getByRole('button', { name: 'More for labos-1' })))).toBe(true)
    }
    await page.getByRole('button', { name: 'Notes', exact: true }).click()
  })
})
