/**
 * Pages from the source's machine to the connection. Reading ahead, sending, and the target's writing overlap; what
 * is in flight is bounded by `readAhead` batches here, the connection's room, and the target's write window.
 */
import { nowMs, sleep, turns } from '../util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { BlockInfo } from '../vmstate/blocks.ts'
import type { Machine, PageBatch, PageSet } from '../machine/machine.ts'
import { PageMap } from './page-map.ts'
import type { Connection } from './protocol/connection.ts'
import { MAX_PAGES_PER_FRAME } from './protocol/binary.ts'
import type { PagesBody } from './protocol/binary.ts'
import type { PageEncoder } from './saving/page-encoder.ts'
import { inFull } from './saving/zero-pages.ts'
import type { Statistics } from './statistics.ts'
import { TokenBucket } from './token-bucket.ts'
import type { Deadlines } from './deadlines.ts'

export interface SendOptions {
  /** Pages of one PAGES frame, 1–1024. */
  readonly batchPages: number
  /** Batches being read from the machine at the same time. */
  readonly readAhead: number
  /** Limit of the algorithm's rate control, bits per second. */
  readonly rate_bps: number | null
  readonly whileStopped: boolean
  /** Whether pages that are in the dirty log again when their turn comes are left out. */
  readonly skipDirtied: boolean
}

export interface Tally {
  readonly pages: number
  readonly zeroPages: number
}

/** What the target has agreed to. */
export interface PageShape {
  /** Makes the savings on pages; null where there are none. */
  readonly encoder: PageEncoder | null
  /** Pages of zeros travel as their numbers. */
  readonly zero: boolean
}

/** What was read, and what travels of it. */
interface ReadBatch {
  /** What the pages were read into, where they were. */
  readonly place: Uint8Array<ArrayBuffer>
  readonly batch: PageBatch
  readonly bodies: readonly PagesBody[]
}

const dataBytes = (bodies: readonly PagesBody[]): number =>
  bodies.reduce((sum, { batch, encoding }) => sum + (encoding?.bytes ?? batch.data).length, 0)

/** Pages of the sets. */
export function countPages(sets: readonly PageSet[]): number {
  return sets.reduce((sum, set) => sum + set.pages.length, 0)
}

/** Every page of every block. */
export function allPages(blocks: readonly BlockInfo[]): PageSet[] {
  return blocks.map((block) => ({
    block: block.id,
    pages: Uint32Array.from({ length: block.bytes / PAGE_SIZE }, (_, i) => i),
  }))
}

/** Pages to be sent. */
interface Portion extends PageSet {
  /** Whether they have most likely not been written: their numbers are all that travels of them. */
  readonly fresh: boolean
}

function* slices(portions: readonly Portion[], size: number): Generator<Portion> {
  for (const { block, pages, fresh } of portions) {
    const most = fresh ? MAX_PAGES_PER_FRAME : size
    for (let at = 0; at < pages.length; at += most) yield { block, pages: pages.slice(at, at + most), fresh }
  }
}

/**
 * The pages that are not among others.
 * @param others ascending, as `pages` are
 */
export function withoutPages(pages: Uint32Array<ArrayBuffer>, others: Uint32Array): Uint32Array<ArrayBuffer> {
  if (others.length === 0) return pages
  let at = 0
  return pages.filter((page) => {
    while (at < others.length && others[at] < page) at++
    return others[at] !== page
  })
}

/** A batch as batches that fit into one frame each. The data is shared, not copied. */
export function splitBatch(batch: PageBatch): PageBatch[] {
  if (batch.pages.length + batch.zeroPages.length <= MAX_PAGES_PER_FRAME) {
    return batch.pages.length + batch.zeroPages.length === 0 ? [] : [batch]
  }
  const parts: PageBatch[] = []
  const none = new Uint32Array(0)
  for (let at = 0; at < batch.zeroPages.length; at += MAX_PAGES_PER_FRAME) {
    const zeroPages = batch.zeroPages.slice(at, at + MAX_PAGES_PER_FRAME)
    parts.push({ block: batch.block, pages: none, zeroPages, data: new Uint8Array(0) })
  }
  for (let at = 0; at < batch.pages.length; at += MAX_PAGES_PER_FRAME) {
    const pages = batch.pages.slice(at, at + MAX_PAGES_PER_FRAME)
    const data = batch.data.subarray(at * PAGE_SIZE, (at + pages.length) * PAGE_SIZE)
    parts.push({ block: batch.block, pages, zeroPages: none, data })
  }
  return parts
}

export class PageSender {
  readonly #machine: Machine
  readonly #connection: Connection
  readonly #deadlines: Deadlines
  readonly #statistics: Statistics
  readonly #onSent: (pages: number) => void
  readonly #map: PageMap
  readonly #shape: PageShape

  /**
   * @param onSent called after each batch with its number of pages
   * @param map is told of every page
   */
  constructor(
    machine: Machine,
    connection: Connection,
    deadlines: Deadlines,
    statistics: Statistics,
    onSent: (pages: number) => void,
    map = new PageMap(machine.blocks),
    shape: PageShape = { encoder: null, zero: true },
  ) {
    this.#machine = machine
    this.#connection = connection
    this.#deadlines = deadlines
    this.#statistics = statistics
    this.#onSent = onSent
    this.#map = map
    this.#shape = shape
  }

  /** Reads and sends the pages; resolves when the last frame was handed over. */
  async send(sets: readonly PageSet[], options: SendOptions): Promise<Tally> {
    const { interrupt } = this.#connection
    this.#map.changed(sets)
    const bucket = options.rate_bps === null ? null : new TokenBucket(options.rate_bps, 5)
    const source = slices(await this.#portions(sets), Math.max(1, Math.min(options.batchPages, MAX_PAGES_PER_FRAME)))
    const reading: Promise<ReadBatch>[] = []
    const readMore = (): void => {
      while (reading.length < options.readAhead) {
        const next = source.next()
        if (next.done === true) return
        const { pages, fresh } = next.value
        const place = this.#connection.place(fresh ? 0 : pages.length * PAGE_SIZE)
        const read = options.skipDirtied
          ? this.#readClean(next.value, place)
          : this.#machine.readPages(next.value, place)
        const moment = options.whileStopped ? 'streamed' : 'running'
        const promise = read.then(async (pages) => {
          const batch = this.admissible(pages)
          return { place, batch, bodies: await this.encode(splitBatch(batch), moment) }
        })
        // A failed read is noticed when its turn comes; until then it must not count as unhandled.
        promise.catch(() => undefined)
        reading.push(promise)
      }
    }
    let pages = 0
    let zeroPages = 0
    for (;;) {
      readMore()
      const first = reading.shift()
      if (first === undefined) return { pages, zeroPages }
      const { place, batch, bodies } = await interrupt.within(first, this.#deadlines.machineMs, 'machine-read')
      readMore()
      if (bucket !== null) {
        const wait = bucket.take(nowMs(), dataBytes(bodies)) - nowMs()
        if (wait > 2) await interrupt.within(sleep(wait), Infinity, 'rate-control')
      }
      for (const body of bodies) await this.#connection.send({ type: 'PAGES', body }, this.#deadlines.progressMs)
      this.#connection.placed(place, batch.data)
      // Pages are read in this thread: what came meanwhile, from the guest or for it, does not wait for all of them.
      if (batch.data.length > 0 && !options.whileStopped) await turns(1)
      const counted = this.count(batch, options.whileStopped)
      pages += counted.pages
      zeroPages += counted.zeroPages
    }
  }

  /** The sets with those pages of RAM apart that were never written, where there are many and they travel as numbers. */
  async #portions(sets: readonly PageSet[]): Promise<readonly Portion[]> {
    const whole = sets.map((set) => ({ ...set, fresh: false }))
    const at = sets.findIndex(({ block, pages }) => block === BLOCK.ram && pages.length > MAX_PAGES_PER_FRAME)
    if (at < 0 || !this.#shape.zero) return whole
    const reading = this.#machine.unwrittenPages()
    const unwritten = await this.#connection.interrupt.within(reading, this.#deadlines.machineMs, 'machine-read')
    const { block, pages } = sets[at]
    const written = withoutPages(pages, unwritten)
    const rest = withoutPages(pages, written)
    return whole.toSpliced(at, 1, { block, pages: written, fresh: false }, { block, pages: rest, fresh: true })
  }

  /** Share of the pages' bytes that is left to travel. */
  get share(): number {
    return this.#shape.encoder?.share ?? 1
  }

  /** Whether a page of zeros travels as its number. */
  get takesZeros(): boolean {
    return this.#shape.zero
  }

  /** The batch with its pages of zeros in full, where the target has not agreed to take their numbers. */
  admissible(batch: PageBatch): PageBatch {
    return this.#shape.zero ? batch : inFull(batch)
  }

  /** Batches of one frame each, as they travel, in their order. */
  async encode(batches: readonly PageBatch[], moment: 'running' | 'streamed' | 'held'): Promise<readonly PagesBody[]> {
    const { encoder } = this.#shape
    if (encoder === null) return batches.map((batch) => ({ batch, hold: moment === 'held' }))
    return Promise.all(batches.map((batch) => encoder.encode(batch, moment)))
  }

  /** Reads the pages that the guest has not changed again since the log was cleared; the others are in the log. */
  async #readClean(set: PageSet, place: Uint8Array<ArrayBuffer>): Promise<PageBatch> {
    const { block, pages } = set
    const clean = withoutPages(pages, await this.#machine.dirtyAmong(set))
    const skipped = pages.length - clean.length
    if (skipped > 0) {
      this.#statistics.pages_skipped += skipped
      this.#onSent(skipped)
    }
    if (clean.length > 0) return this.#machine.readPages({ block, pages: clean }, place)
    return { block, pages: new Uint32Array(0), zeroPages: new Uint32Array(0), data: new Uint8Array(0) }
  }

  /** Where the copy of every page stands. */
  get map(): PageMap {
    return this.#map
  }

  /** Counts a batch that was sent. */
  count(batch: PageBatch, whileStopped: boolean): Tally {
    const statistics = this.#statistics
    for (const numbers of [batch.pages, batch.zeroPages]) {
      statistics.pages_retransmitted += this.#map.sent(batch.block, numbers)
    }
    const pages = batch.pages.length + batch.zeroPages.length
    statistics.pages_sent += pages
    statistics.zero_pages += batch.zeroPages.length
    if (whileStopped) statistics.pages_while_stopped += pages
    this.#onSent(pages)
    return { pages, zeroPages: batch.zeroPages.length }
  }
}
