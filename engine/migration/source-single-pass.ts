/**
 * The first half of a single pass: pages that the guest does not write cross while it runs, and are guarded from then on.
 * In front of the first instruction that would write one of them, the guest stops, and switches over; what has not
 * crossed follows on demand. So every page crosses once, which is what the paper promises of its scheme.
 *
 * Which pages are cold is estimated beforehand: those that were not written for a while (Denning's working set, CACM 1968).
 */
import type { RoundReport } from '../contract/report.ts'
import type { PageBatch, PageSet } from '../machine/machine.ts'
import { nowMs, sleep } from '../util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Deadlines } from './deadlines.ts'
import { type PageSender, splitBatch } from './page-sender.ts'
import type { Decision } from './policy/policy.ts'
import type { Connection } from './protocol/connection.ts'
import type { SourceOptions, Tuning } from './source-options.ts'

export interface SinglePassContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  readonly tuning: Tuning
  /** Rate of the link, bits per second; null: unlimited. */
  readonly link_bps: () => number | null
  readonly onDecision: (decision: Decision) => void
}

/** Looks at the dirty log in between, so that a guest that stops changing is not waited for. */
const SAMPLES = 10
/** What is under way when the guest stops is waited for while it stands: so little of it, ms of the link … */
const QUEUE_MS = 2
/** … and bytes where the link is unlimited. */
const QUEUE_BYTES = 256 << 10

/** Sends what is cold; returns when the guest has stopped in front of a write, or nothing cold is left. */
export async function sendColdPages(
  connection: Connection,
  sender: PageSender,
  context: SinglePassContext,
): Promise<RoundReport> {
  const { options, tuning, deadlines, onDecision } = context
  const { machine } = options
  const within = <T>(call: Promise<T>, what: string) => connection.interrupt.within(call, deadlines.machineMs, what)
  const hot = await workingSet(connection, context)
  const total = machine.config.ramBytes / PAGE_SIZE
  const startMs = nowMs()
  const startBytes = connection.bytesSent
  let hit: number | null = null
  const off = machine.on('guarded', (page) => (hit = page))
  await within(machine.guardStart(), 'guard')
  const counts = { pages: 0, zeroPages: 0 }
  const reading: Promise<PageBatch>[] = []
  const source = coldPages(total, hot, tuning.pushPages)
  for (;;) {
    while (reading.length < 2 && hit === null) {
      const next = source.next()
      if (next.done === true) break
      const read = machine.takePages({ block: BLOCK.ram, pages: next.value })
      read.catch(() => undefined)
      reading.push(read)
    }
    const first = reading.shift()
    if (first === undefined) break
    const batch = sender.admissible(await within(first, 'machine-read'))
    // What was read and does not go any more follows with the rest.
    if (hit !== null) break
    for (const part of splitBatch(batch)) {
      await connection.send({ type: 'PAGES', body: { batch: part, hold: false } }, deadlines.progressMs)
    }
    const tally = sender.count(batch, false)
    counts.pages += tally.pages
    counts.zeroPages += tally.zeroPages
    await connection.queueBelow(queueBytes(context.link_bps()), deadlines.progressMs)
  }
  off()
  onDecision(endOf(hit, counts.pages, total))
  return {
    index: 0,
    pages_sent: counts.pages,
    zero_pages: counts.zeroPages,
    bytes_sent_B: connection.bytesSent - startBytes,
    dirty_pages: hot.size,
    duration_ms: nowMs() - startMs,
  }
}

const queueBytes = (bps: number | null): number => (bps === null ? QUEUE_BYTES : (bps / 8000) * QUEUE_MS)

function endOf(hit: number | null, pages: number, total: number): Decision {
  const reason =
    hit === null
      ? `All ${pages} pages that the guest does not write have crossed; the other ${total - pages} follow on demand.`
      : `The guest was about to write page ${hit}, which had crossed: it stops, and the other ${total - pages} pages follow on demand.`
  return { action: 'switch-over', code: hit === null ? 'few-pages' : 'written-again', reason }
}

/** Pages of RAM that the guest writes. */
async function workingSet(connection: Connection, context: SinglePassContext): Promise<ReadonlySet<number>> {
  const { options, tuning, deadlines, onDecision } = context
  const { machine } = options
  const hot = new Set<number>()
  const within = <T>(call: Promise<T>) => connection.interrupt.within(call, deadlines.machineMs, 'dirty-log')
  await within(machine.dirtyLogStart())
  for (let i = 0; i < SAMPLES; i++) {
    await connection.interrupt.within(sleep(tuning.workingSetMs / SAMPLES), Infinity, 'working-set')
    add(hot, await within(machine.dirtyLogFetch(true)))
  }
  await within(machine.dirtyLogStop())
  const reason = `The guest wrote ${hot.size} pages within ${tuning.workingSetMs} ms. They are left for the end; the others cross first.`
  onDecision({ action: 'continue', code: 'first-round', reason })
  return hot
}

function add(hot: Set<number>, sets: readonly PageSet[]): void {
  for (const { block, pages } of sets) if (block === BLOCK.ram) for (const page of pages) hot.add(page)
}

function* coldPages(total: number, hot: ReadonlySet<number>, count: number): Generator<Uint32Array<ArrayBuffer>> {
  let some: number[] = []
  for (let page = 0; page < total; page++) {
    if (!hot.has(page)) some.push(page)
    if (some.length === count || (page === total - 1 && some.length > 0)) {
      yield Uint32Array.from(some)
      some = []
    }
  }
}
