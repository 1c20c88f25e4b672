/** How long it takes to go to another time of a long recording, in the real window in Chromium: until nothing changes any more. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { quantile } from 'simple-statistics'
import { noChromium, openWindow } from '../renderer/window.ts'
import type { BenchOptions } from './downtime.ts'
import { recordMinute, stretched } from './long-recording.ts'
import { type Row, show, summarize } from './statistics.ts'

const LEAST_MS = 10 * 60_000
const SEEKS_A_ROUND = 10
/** More than that is felt. */
const MOST_MS = 100
const TABS = ['Migration', 'Protocol', 'State', 'Memory'] as const

export async function replayRows({ guest, n, progress }: BenchOptions): Promise<Row[]> {
  if (noChromium !== null) {
    progress(`The replay is left out: ${noChromium}`)
    return []
  }
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'))
  try {
    progress('A minute is recorded, and made a lesson of.')
    const path = join(folder, 'long.ferryrec')
    const file = await stretched(await recordMinute(folder, guest), LEAST_MS)
    await writeFile(path, file)
    progress(`It has ${(file.length / 1e6).toFixed(1)} MB.`)
    return await inTheWindow(path, n, progress)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function inTheWindow(path: string, n: number, progress: BenchOptions['progress']): Promise<Row[]> {
  const window = await openWindow({ reducedMotion: 'reduce' })
  try {
    const { page } = window
    await page.keyboard.press('Alt+5')
    const began = performance.now()
    await page.getByLabel('Recording to open').setInputFiles(path)
    const slider = page.getByRole('slider', { name: 'Time' })
    await slider.waitFor({ timeout: 300_000 })
    const opened_ms = performance.now() - began
    const minutes = Number(await slider.getAttribute('max')) / 60_000
    const rows = [
      row(`a recording of ${minutes.toFixed(1)} min is opened, ms`, opened_ms.toFixed(0), '–', true),
      ...(await seeks(page, n * SEEKS_A_ROUND, progress)),
    ]
    return rows
  } finally {
    await window.close()
  }
}

async function seeks(page: Page, n: number, progress: BenchOptions['progress']): Promise<Row[]> {
  const rows: Row[] = []
  // Not at its beginning: a lab without a guest has no tabs.
  await seek(page, 0.5)
  for (const tab of TABS) {
    await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click()
    await page.waitForTimeout(1000)
    const times: number[] = []
    for (let i = 0; i < n; i++) times.push(await seek(page, Math.random()))
    const summary = summarize(times)
    const p95 = quantile(times, 0.95)
    progress(`${tab}: ${summary.median.toFixed(0)} ms, 95 % within ${p95.toFixed(0)} ms`)
    rows.push(
      row(`a seek to any place, ${tab} shown, ms`, show(summary, 0), `≤ ${MOST_MS}`, summary.median <= MOST_MS),
      row('95 % of them within, ms', p95.toFixed(0), `≤ ${MOST_MS}`, p95 <= MOST_MS),
    )
  }
  return rows
}

/** @returns from setting the time until the last change of the picture, as the page itself measures it, ms */
const seek = (page: Page, share: number): Promise<number> =>
  page.evaluate<number>(`new Promise((resolve) => {
    const QUIET_MS = 250
    const slider = document.querySelector('.timeline input[type=range]')
    const began = performance.now()
    let last = began
    const observer = new MutationObserver(() => {
      // What was changed is seen with the next frame.
      requestAnimationFrame(() => (last = performance.now()))
    })
    observer.observe(document.querySelector('.picture'), { subtree: true, childList: true, characterData: true, attributes: true })
    slider.value = String(${share} * Number(slider.max))
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    const timer = setInterval(() => {
      if (performance.now() - last < QUIET_MS) return
      clearInterval(timer)
      observer.disconnect()
      resolve(last - began)
    }, 20)
  })`)

const row = (measured: string, figure: string, target: string, reached: boolean): Row => ({
  measured,
  figure,
  target,
  reached,
})
