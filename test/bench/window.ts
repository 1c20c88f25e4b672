/**
 * The window in the real Electron under Xvfb: how long until it is there, how long from *Start* to a guest's prompt, and
 * how evenly it draws while a guest crosses. Xvfb has no graphics card: everything is drawn by the processor, beside the
 * guests, so figures of a desktop are better.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { mean, quantile } from 'simple-statistics'
import { loadManifest } from '../../images/manifest.ts'
import { type ControlClient, runningLabs } from '../../engine/lab/control-client.ts'
import { environment, here, newFolder, type Setting } from '../electron/app.ts'
import { attach, debuggingAddress } from '../electron/devtools.ts'
import { inElectron } from '../e2e/in-electron.ts'
import { LabPage, WAIT } from '../e2e/lab-page.ts'
import type { BenchOptions } from './downtime.ts'
import { type Row, show, summarize } from './statistics.ts'

const LAUNCHER = fileURLToPath(new URL('../../build/runtime/main.ts', import.meta.url))
const FPS = 60
/** A frame that took longer than two of the display was left out at least once: it is seen. */
const LATE_MS = 2.05 * (1000 / FPS)
/** So much fewer frames a second still count: the clock of the display and that of the page are two. */
const TOLERANCE = 1.05
const FIRST_WINDOW_MS = 1500
const SHELL_MS = 3000
const RAM_MB = 128

export async function windowRows(options: BenchOptions): Promise<Row[]> {
  const { reason, setting } = await here()
  if (reason !== undefined) {
    options.progress(`The window is left out: ${reason}`)
    return []
  }
  const at = await setting()
  try {
    return [...(await firstWindow(at, options)), ...(await inTheWindow(at, options))]
  } finally {
    at.display.close()
  }
}

/** From the start of the process to the first picture with content, as the page itself dates it. */
async function firstWindow(setting: Setting, { n, progress }: BenchOptions): Promise<Row[]> {
  const launchers = [
    { name: 'the launcher', command: process.execPath, args: ['--disable-warning=ExperimentalWarning', LAUNCHER] },
    { name: 'npm start', command: 'npm', args: ['start', '--silent', '--'] },
  ]
  const times: number[][] = launchers.map(() => [])
  // The first start of all is left away: caches are filled.
  for (let i = 0; i <= n; i++) {
    for (const [index, { name, command, args }] of launchers.entries()) {
      const ms = await startOnce(setting, command, args)
      if (i === 0) continue
      times[index].push(ms)
      progress(`${i}/${n} first window, ${name}: ${ms.toFixed(0)} ms`)
    }
  }
  return launchers.map(({ name }, index) => row(`first window: ${name}`, times[index], FIRST_WINDOW_MS, '1.5 s'))
}

async function startOnce({ display, runtime }: Setting, command: string, args: readonly string[]): Promise<number> {
  const folder = newFolder()
  const started = Date.now()
  const app = spawn(command, [...args, '--remote-debugging-port=0', `--user-data-dir=${join(folder, 'config')}`], {
    env: environment(display, folder, { FERRY_ELECTRON: runtime.program }),
    stdio: ['ignore', 'ignore', 'pipe'],
    // Of its own, so that all of it hears Ctrl-C.
    detached: true,
  })
  const ended = new Promise((resolve) => app.on('close', resolve))
  const address = await debuggingAddress(app)
  // Looking on costs time: not before it is over, mostly.
  await sleep(FIRST_WINDOW_MS)
  const { browser, page } = await attach(address)
  try {
    await page.getByText('Connected').waitFor(WAIT)
    const painted = await page.evaluate<number>(
      // On a busy machine it may be connected before it was painted.
      `new Promise((resolve) =>
        new PerformanceObserver((seen) => {
          const [first] = seen.getEntriesByName('first-contentful-paint')
          if (first !== undefined) resolve(performance.timeOrigin + first.startTime)
        }).observe({ type: 'paint', buffered: true }))`,
    )
    return painted - started
  } finally {
    await browser.close()
    if (app.pid !== undefined) process.kill(-app.pid, 'SIGINT')
    await ended
  }
}

async function inTheWindow(setting: Setting, options: BenchOptions): Promise<Row[]> {
  const window = await inElectron(setting)
  try {
    const lab = new LabPage(window.page)
    await window.page.getByText('Connected').waitFor(WAIT)
    const [control] = await runningLabs(join(window.folder, 'ferry'))
    const rows = [...(await shells(lab, control, options)), ...(await frames(lab, control, options))]
    control.close()
    return rows
  } finally {
    await window.close()
  }
}

/** From the click to the prompt on the page's own terminal. */
async function shells(lab: LabPage, control: ControlClient, { guest, n, progress }: BenchOptions): Promise<Row[]> {
  const { images } = await loadManifest()
  const rows: Row[] = []
  for (const name of new Set(['labos', guest])) {
    const image = images.find((entry) => entry.name === name)
    if (image === undefined) continue
    const times: number[] = []
    // The first one fills the caches, or saves the booted state.
    for (let i = 0; i <= n; i++) {
      await lab.host('xen').getByRole('button', { name: 'New guest…' }).click()
      await lab.dialog.getByLabel('Image').selectOption(name)
      const start = performance.now()
      await lab.dialog.getByRole('button', { name: /^Create/ }).click()
      await lab.page.locator('.xterm-rows').getByText(image.shell.prompt.trim()).first().waitFor({ timeout: 300_000 })
      if (i > 0) {
        times.push(performance.now() - start)
        progress(`${i}/${n} ${name}: prompt after ${times.at(-1)?.toFixed(0)} ms`)
      }
      await lab.closed()
      for (const { id } of await control.call('guests.list', {})) await control.call('guests.destroy', { guest: id })
      await lab.host('xen').getByText('No guests here').waitFor(WAIT)
    }
    rows.push(row(`guest shell after Start: ${name}`, times, SHELL_MS, '3 s'))
  }
  return rows
}

/** Times between the frames that the page drew during crossings, for the lab and with each inspector open. */
async function frames(lab: LabPage, control: ControlClient, { guest, n, progress }: BenchOptions): Promise<Row[]> {
  const { id } = await control.call('guests.create', {
    image: guest,
    host: 'xen',
    ram_MB: RAM_MB,
    workload: 'dirty:2000',
  })
  const rows: Row[] = []
  let to: 'xen' | 'kvm' = 'kvm'
  await lab.runsOn('xen')
  for (const tab of ['none', 'Migration', 'Protocol', 'State', 'Memory']) {
    if (tab !== 'none') await lab.tab(tab)
    const intervals: number[] = []
    const totals: number[] = []
    for (let i = 0; i < n; i++) {
      await sleep(500)
      const drawn = startFrames(lab.page)
      if (tab !== 'none') {
        const { run_id } = await control.call('migrations.start', { guest: id, to, link: '1G', check: false })
        totals.push((await control.call('migrations.wait', { run_id })).total_ms)
        to = to === 'kvm' ? 'xen' : 'kvm'
      } else await sleep(2000)
      intervals.push(...(await drawn()))
    }
    const what = tab === 'none' ? 'nobody crosses' : `${RAM_MB} MB cross, ${tab} shown`
    const all = summarize(intervals)
    const p95 = quantile(intervals, 0.95)
    const late = intervals.filter((interval) => interval > LATE_MS).length
    // That the window is smooth must not be at the guest's cost.
    const took = totals.length === 0 ? '' : `; the crossing took ${show(summarize(totals), 0)} ms`
    progress(`frames, ${what}: median ${all.median.toFixed(1)} ms, 95 % within ${p95.toFixed(1)} ms${took}`)
    // Over the whole time: a median alone would hide the frames that were left out.
    const fps = 1000 / mean(intervals)
    rows.push({
      measured: `frame interval, ms: ${what}`,
      figure: `${show(all, 1)}; p95 ${p95.toFixed(1)}; ${late} over ${LATE_MS.toFixed(0)} ms; ${fps.toFixed(1)} fps`,
      target: '60 fps',
      reached: fps * TOLERANCE >= FPS,
    })
  }
  await control.call('guests.destroy', { guest: id })
  return rows
}

/** Begins to note when frames are drawn. @returns what ends it, and gives the times between them, in ms */
function startFrames(page: Page): () => Promise<number[]> {
  const begun = page.evaluate(`{
    window.framesSeen = []
    const note = (at) => {
      window.framesSeen.push(at)
      window.framesNext = requestAnimationFrame(note)
    }
    window.framesNext = requestAnimationFrame(note)
  }`)
  return async () => {
    await begun
    const at = await page.evaluate<number[]>('(cancelAnimationFrame(window.framesNext), window.framesSeen)')
    return at.slice(1).map((time, i) => time - at[i])
  }
}

const row = (measured: string, times: readonly number[], target_ms: number, target: string): Row => {
  const summary = summarize(times)
  return { measured: `${measured}, ms`, figure: show(summary, 0), target, reached: summary.median < target_ms }
}
