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
import { MAX_PAGES_PER_FRAME } from './protocol/binary.ts'
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
/** A frame has so many pages at least, however slow the link is. */
const FEWEST_PAGES = 4

/** Sends what is cold; returns when the guest has stopped in front of a write, or nothing cold is left. */
export async function sendColdPages(
  connection: Connection,
  sender: PageSender,
  context: SinglePassContext,
): Promise<RoundReport> {
  const { options, deadlines, onDecision } = context
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
  const reading: Promise<{ readonly place: Uint8Array<ArrayBuffer>; readonly read: PageBatch }>[] = []
  const unwritten = await within(machine.unwrittenPages(), 'machine-read')
  const some = framePages(context.link_bps())
  const source = coldPages(total, hot, { unwritten, some, many: sender.takesZeros ? MAX_PAGES_PER_FRAME : some })
  for (;;) {
    while (reading.length < 2 && hit === null) {
      const next = source.next()
      if (next.done === true) break
      const place = connection.place(next.value.length * PAGE_SIZE)
      const taking = machine.takePages({ block: BLOCK.ram, pages: next.value }, place).then((read) => ({ place, read }))
      taking.catch(() => undefined)
      reading.push(taking)
    }
    const first = reading.shift()
    if (first === undefined) break
    const { place, read } = await within(first, 'machine-read')
    const batch = sender.admissible(read)
    // What was read and does not go any more follows with the rest.
    if (hit !== null) break
    for (const part of splitBatch(batch)) {
      await connection.send({ type: 'PAGES', body: { batch: part, hold: false } }, deadlines.progressMs)
    }
    connection.placed(place, batch.data)
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

/** Pages of one frame: for what is read when the guest stops has to cross while it stands. */
const framePages = (bps: number | null): number =>
  Math.max(FEWEST_PAGES, Math.min(MAX_PAGES_PER_FRAME, Math.floor(queueBytes(bps) / PAGE_SIZE)))

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

interface Sizes {
  /** Pages that were never written. */
  readonly unwritten: Uint32Array<ArrayBuffer>
  /** Pages of a frame, and of one of pages that were never written. */
  readonly some: number
  readonly many: number
}

/**
 * What is not hot, ascending, so many at a time. Pages that were never written go last, many at a time: their numbers are all
 * that travels of them, and the guest takes new memory all the time.
 */
function* coldPages(
  total: number,
  hot: ReadonlySet<number>,
  { unwritten, some, many }: Sizes,
): Generator<Uint32Array<ArrayBuffer>> {
  const fresh = new Set(unwritten)
  const written = Uint32Array.from({ length: total }, (_, page) => page).filter((page) => !fresh.has(page))
  yield* slices(written, hot, some)
  yield* slices(unwritten, hot, many)
}

function* slices(pages: Uint32Array<ArrayBuffer>, hot: ReadonlySet<number>, size: number) {
  const cold = pages.filter((page) => !hot.has(page))
  for (let at = 0; at < cold.length; at += size) yield cold.slice(at, at + size)
}
