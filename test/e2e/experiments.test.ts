/** An experiment in the app: begun, paused, cut off by the end of the app, gone on with, read and taken away as files. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Locator } from 'playwright-core'
import { parseCsv } from '../cli/command.ts'
import { here } from '../electron/app.ts'
import { Desk } from './desk.ts'
import { WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'

const place = await here()
/** Two algorithms, twice each. */
const TRIALS = 4

describe.skipIf(place.reason !== undefined)(`an experiment in the app${place.because}`, () => {
  let desk: Desk
  let looks: Looks
  beforeAll(async () => {
    desk = await Desk.open(await place.setting())
    looks = new Looks(desk)
  })
  afterAll(() => desk?.close())

  const progress = (): Locator => desk.page.getByRole('region', { name: 'Progress' })
  const ended = async (): Promise<number> => Number(/(\d+) of \d+ trials/.exec(await progress().innerText())?.[1])
  const button = (name: string | RegExp): Locator => desk.page.getByRole('button', { name })
  const says = (status: string | RegExp): Promise<void> =>
    progress().getByRole('status').filter({ hasText: status }).waitFor(WAIT)
  const plan = async (repeats: number): Promise<void> => {
    const { page } = desk
    await page.getByLabel(/^RAM, MiB/).fill('16')
    await page.getByLabel('Repeats').fill(String(repeats))
    await page.getByLabel('Warm-up').fill('0')
    await page.getByLabel('Settling, ms').fill('0')
    await page.getByText(`2 conditions, ${2 * repeats} trials`).waitFor(WAIT)
  }

  test('is put together from a plan, started, paused and gone on with', async () => {
    await desk.lab.show('Experiments')
    await button('RAM scaling').click()
    await plan(TRIALS / 2)
    await button('Start experiment').click()
    await says('Running')
    await expect.poll(ended).toBeGreaterThan(0)
    await button('Pause').click()
    await says('Paused')
    expect(await ended()).toBeLessThan(TRIALS)
    await button('Resume').click()
    await says('Running')
  })

  test('loses no finished trial when app and lab service are killed, and goes on to its end afterwards', async () => {
    const before = await ended()
    await desk.kill()
    await desk.start()
    await desk.lab.show('Experiments')
    await says('Interrupted: its process ended. Every finished trial is kept')
    const kept = await ended()
    expect(kept).toBeGreaterThanOrEqual(before)
    expect(kept).toBeLessThan(TRIALS)
    await button('Resume').click()
    await says('Completed')
    await desk.page.getByText(`${TRIALS} of ${TRIALS} measured trials`).waitFor(WAIT)
  })

  test('shows its results as tables and pictures', async () => {
    const { page } = desk
    const rows = (name: string) => page.getByRole('region', { name }).locator('tbody tr')
    expect(await rows('Figures by condition').count()).toBe(2)
    expect(await rows('Figures by condition').first().textContent()).toMatch(/\d – \d.*IQR [\d.]+ – \d/)
    expect(await rows('Comparisons').count()).toBe(1)
    // Four figures, the parts of the downtime, the rounds, and what a client saw: each is drawn.
    await expect.poll(() => page.getByRole('figure').count()).toBe(7)
    const blank = await page.evaluate<number>(`[...document.querySelectorAll('figure canvas')].filter((canvas) =>
      !canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0)).length`)
    expect(blank).toBe(0)
    expect(await looks.seen('experiment')).toEqual([])
  })

  test('is taken away as CSV and as pictures of three sizes, each with a file that says where it came from', async () => {
    const { page } = desk
    const [table, meta] = await desk.saves(2, () => button('Raw').click())
    expect(table?.[0]).toMatch(/^ferry-experiment-raw-.*\.csv$/)
    expect(meta?.[0]).toBe(`${table?.[0]}.meta.json`)
    const attempts = parseCsv(table?.[1].toString('utf8') ?? '')
    expect(attempts.filter((row) => row['trial_state'] === 'completed')).toHaveLength(TRIALS)
    expect(attempts.every((row) => row['trial_state'] !== 'completed' || Number(row['downtime_ms']) > 0)).toBe(true)
    expect(JSON.parse(meta?.[1].toString('utf8') ?? '')).toMatchObject({ file: table?.[0] })

    const figure = page.getByRole('figure', { name: /^Downtime/ }).first()
    const sizes: (readonly [number, number])[] = []
    for (const scale of ['1', '2', '3']) {
      await figure.getByLabel('Size of the PNG').selectOption(scale)
      const [picture, about] = await desk.saves(2, () => figure.getByRole('button', { name: /as PNG$/ }).click())
      expect(about?.[0]).toBe(`${picture?.[0]}.meta.json`)
      expect(JSON.parse(about?.[1].toString('utf8') ?? '')).toMatchObject({ file: picture?.[0] })
      sizes.push(pngSize(picture?.[1]))
    }
    const [width, height] = sizes[0] ?? [0, 0]
    expect(width * height).toBeGreaterThan(0)
    expect(sizes).toEqual([1, 2, 3].map((scale) => [scale * width, scale * height]))
  })

  test('is cancelled for good: what was made stays, and there is no going on', async () => {
    await button('Use its plan').click()
    await plan(20)
    await button('Start experiment').click()
    await says('Running')
    await button('Cancel…').click()
    await desk.lab.dialog.getByRole('button', { name: 'Cancel experiment' }).click()
    await says('Cancelled')
    expect(await button('Resume').count()).toBe(0)
    expect(await desk.page.getByRole('complementary', { name: 'Experiments' }).getByRole('listitem').count()).toBe(2)
  })
})

/** Of the first chunk of a PNG: width and height, px. */
function pngSize(png: Buffer | undefined): readonly [number, number] {
  expect(png?.subarray(1, 4).toString('latin1')).toBe('PNG')
  return [png?.readUInt32BE(16) ?? 0, png?.readUInt32BE(20) ?? 0]
}
