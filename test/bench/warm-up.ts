/**
 * How fast a guest runs right after it came to a machine on which nothing is compiled yet, against the same guest going on
 * after a pause where it was. Time is the CPU time of the vCPU's thread: other programs of a busy computer do not count.
 */
import { GuestConsole } from '../../engine/lab/console.ts'
import { loadImage, startGuest } from '../../engine/lab/guest-images.ts'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import type { Machine, PageSet } from '../../engine/machine/machine.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'
import { PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import type { BenchOptions } from './downtime.ts'
import { type Row, show, summarize } from './statistics.ts'

const CONFIG = { ramBytes: 128 * 2 ** 20, vgaBytes: 2 ** 20, mac: '02:00:00:00:00:01', disk: null, apic: false }
const WINDOW_MS = 5
const SPAN_MS = 500
/** Windows that are taken together to tell how fast it is. */
const SMOOTHED = 4
const LOSSES_MS = [50, 100, 200]
const BATCH_PAGES = 512
/** A guest that sleeps takes longer for its CPU time; at most so much longer. */
const LONGEST = 8
const SETTLE_MS = 1500
const LATE_ROUNDS = 3

const LOADS: Readonly<Record<string, readonly (readonly [name: string, command: string])[]>> = {
  linux: [
    ['shell arithmetic', 'while :; do i=$((i+1)); done &'],
    ['dd and md5sum', 'while :; do dd if=/dev/zero bs=64k count=64 2>/dev/null | md5sum >/dev/null; done &'],
    ['compile', 'workload compile'],
    ['dirty', 'workload dirty 1000000 8 random'],
  ],
  labos: [['load', 'load 1000000']],
}

/** Instructions since the start, at the end of each window. */
type Curve = readonly number[]

export async function warmUpRows({ guest, n, progress }: BenchOptions): Promise<Row[]> {
  const rows: Row[] = []
  for (const [name, command] of LOADS[guest] ?? []) rows.push(...(await load(guest, n, name, command, progress)))
  return rows
}

async function load(guest: string, n: number, name: string, command: string, progress: BenchOptions['progress']) {
  const image = await loadImage(guest)
  const terminal = new GuestConsole(guest)
  let machine: Machine = await createMachine(CONFIG)
  terminal.listen(machine)
  terminal.feed(machine)
  await startGuest(image, machine, terminal, '10.0.0.11')
  await terminal.command(command, /\n/)
  await sleep(2 * SETTLE_MS)
  const warm: Curve[] = []
  const cold: Curve[] = []
  for (let i = 1; i <= n; i++) {
    await sleep(SETTLE_MS)
    await machine.pause()
    warm.push(await curveOf(machine))
    const target = await createMachine(CONFIG)
    terminal.listen(target)
    await move(machine, target)
    terminal.feed(target)
    cold.push(await curveOf(target))
    await machine.close()
    machine = target
    progress(`warm-up, ${name}: ${i} of ${n}`)
  }
  await machine.close()
  return rowsOf(`${guest}, ${name}`, warm, cold)
}

/** Moves a running guest, but does not let it go on. */
async function move(from: Machine, to: Machine): Promise<void> {
  const copy = async (sets: readonly PageSet[]) => {
    for (const { block, pages } of sets) {
      for (let at = 0; at < pages.length; at += BATCH_PAGES) {
        await to.writePages(await from.readPages({ block, pages: pages.slice(at, at + BATCH_PAGES) }))
      }
    }
  }
  await from.dirtyLogStart()
  await copy(
    from.blocks.map(({ id, bytes }) => ({
      block: id,
      pages: Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, page) => page),
    })),
  )
  for (let round = 0; round < LATE_ROUNDS; round++) await copy(await from.dirtyLogFetch(true))
  const report = await from.stop({ inlinePages: 4096 })
  await copy(report.remaining)
  await to.load(report.batches, report.state, 'continue')
}

/** Lets a guest that stands go on, and counts. */
async function curveOf(machine: Machine): Promise<Curve> {
  const look = async () => {
    const [instructions, cpuMs] = await Promise.all([machine.instructions(), machine.cpuTimeMs()])
    return { instructions, cpuMs }
  }
  const start = await look()
  const begunMs = nowMs()
  const resumed = machine.resume()
  const seen = [{ atMs: 0, count: 0 }]
  for (let atMs = 0; atMs < SPAN_MS && nowMs() - begunMs < LONGEST * SPAN_MS;) {
    const { instructions, cpuMs } = await look()
    atMs = cpuMs - start.cpuMs
    seen.push({ atMs, count: (instructions - start.instructions) >>> 0 })
    await sleep(1)
  }
  await resumed
  return Array.from({ length: SPAN_MS / WINDOW_MS }, (_, i) => countAt(seen, (i + 1) * WINDOW_MS))
}

function countAt(seen: readonly { atMs: number; count: number }[], ms: number): number {
  const next = seen.findIndex(({ atMs }) => atMs >= ms)
  if (next <= 0) return Number.NaN
  const [a, b] = [seen[next - 1], seen[next]]
  return a.count + ((b.count - a.count) * (ms - a.atMs)) / (b.atMs - a.atMs)
}

function rowsOf(name: string, warm: readonly Curve[], cold: readonly Curve[]): Row[] {
  const at = (ms: number) => ms / WINDOW_MS - 1
  const steady = summarize(warm.flatMap((curve) => perMs(curve)).filter(Number.isFinite)).median
  const losses = LOSSES_MS.map((ms) => {
    const lost = cold.map((curve, i) => (warm[i][at(ms)] - curve[at(ms)]) / 1e6).filter(Number.isFinite)
    const share = cold.map((curve, i) => (100 * curve[at(ms)]) / warm[i][at(ms)]).filter(Number.isFinite)
    const figure =
      share.length === 0 ? '–' : `${summarize(share).median.toFixed(0)} % (millions lost: ${show(summarize(lost), 1)})`
    return row(`${name}: executed in the first ${ms} ms, against the warm machine`, figure)
  })
  const until = cold.map((curve) => {
    const fast = perMs(curve).findIndex((rate) => rate >= 0.9 * steady)
    return fast < 0 ? SPAN_MS : (fast + SMOOTHED / 2) * WINDOW_MS
  })
  return [
    row(`${name}: speed when warm, thousand instructions/ms`, (steady / 1000).toFixed(0)),
    ...losses,
    row(`${name}: until 90 % of that speed (${SPAN_MS}: later), ms`, show(summarize(until), 0)),
  ]
}

/** Instructions per ms, over some windows each. */
const perMs = (curve: Curve): number[] =>
  curve.slice(SMOOTHED).map((count, i) => (count - curve[i]) / (SMOOTHED * WINDOW_MS))

const row = (measured: string, figure: string): Row => ({ measured, figure, target: '–', reached: true })
