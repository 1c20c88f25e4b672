/**
 * The pages of RAM that come when the guest runs in QEMU already (post-copy). QEMU asks for those that the guest waits for
 * on its way back; every page is given to it once, for it takes none a second time.
 */
import type { FaultRecord, PageBatch } from '../machine/machine.ts'
import { Bitmap } from '../util/bitmap.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Arrival } from './arrival.ts'
import type { Qmp } from './qmp.ts'

/** Faults that are kept until somebody asks for them. */
const FAULTS_KEPT = 65_536

export interface LateMemoryOptions {
  readonly arrival: Pick<Arrival, 'begin' | 'pages' | 'end'>
  readonly qmp: Pick<Qmp, 'patient'>
  /** All of the stream but the pages that are missing: `ending.ts`. */
  readonly bytes: Uint8Array
  /** Pages of RAM that QEMU has not; taken over. */
  readonly missing: Bitmap
  /** These pages are about to go into QEMU. */
  readonly onGiven: (batch: PageBatch) => void
  /** The guest waits for this page. */
  readonly onFault: (page: number) => void
}

/**
 * Which pages are missing, as the contract of a machine has it; undefined: none are.
 * @throws FerryError `machine.page-range`
 */
export function missingOf(bits: Uint8Array | undefined, pages: number): Bitmap | undefined {
  if (bits === undefined) return undefined
  if (bits.length <= pages / 8) {
    const missing = Bitmap.of(bits, pages)
    return missing.size === 0 ? undefined : missing
  }
  const message = `${8 * bits.length} pages were to be missing; RAM has ${pages}.`
  throw new FerryError('machine.page-range', message, { pages })
}

export class LateMemory {
  readonly #options: LateMemoryOptions
  /** When QEMU asked for a page that it has not been given yet, `nowMs()`. */
  readonly #waiting = new Map<number, number>()
  #faults: FaultRecord[] = []
  #finished: Promise<void> | null = null
  #onAsked: (atMs: number) => void = () => undefined

  private constructor(options: LateMemoryOptions) {
    this.#options = options
  }

  /** @returns `begun` resolves when the guest may run; it rejects with FerryError `qemu.refused` */
  static begin(options: LateMemoryOptions): { readonly late: LateMemory; readonly begun: Promise<void> } {
    const late = new LateMemory(options)
    options.qmp.patient = true
    return { late, begun: options.arrival.begin(options.bytes, (first, count) => late.#asked(first, count)) }
  }

  /** Pages that QEMU has not. */
  get missing(): Bitmap {
    return this.#options.missing
  }
  get left(): number {
    return this.#options.missing.size
  }

  /** QEMU asks for pages: a vCPU, or a device, waits for them. */
  #asked(first: number, count: number): void {
    this.#onAsked(nowMs())
    for (let page = first; page < first + count; page++) {
      if (!this.#options.missing.has(page)) {
        // It is on its way into QEMU; how long that takes QEMU tells nobody.
        this.#note({ page, atMs: nowMs(), stallMs: 0, requested: false })
      } else if (!this.#waiting.has(page)) {
        this.#waiting.set(page, nowMs())
        this.#options.onFault(page)
      }
    }
  }

  /**
   * Gives QEMU those pages of a batch that it has not. With the last one it resolves when QEMU has them all.
   * @returns how many are missing still
   */
  async supply(batch: PageBatch): Promise<number> {
    const wanted = this.#wanted(batch)
    if (wanted.pages.length + wanted.zeroPages.length > 0) {
      this.#options.onGiven(wanted)
      await this.#options.arrival.pages(wanted)
      this.#given(wanted)
    }
    if (this.left === 0) {
      this.#finished ??= this.#finish()
      await this.#finished
    }
    return this.left
  }

  /** Resolves when QEMU next asks for a page, `nowMs()`. */
  nextAsked(): Promise<number> {
    return new Promise((resolve) => (this.#onAsked = resolve))
  }

  /** Since the last call, the oldest first. A wait ends here when its page goes into QEMU. */
  takeFaults(): FaultRecord[] {
    const faults = this.#faults
    this.#faults = []
    return faults
  }

  async #finish(): Promise<void> {
    await this.#options.arrival.end()
    this.#options.qmp.patient = false
  }

  /** Takes them out of what is missing at once: a batch that comes meanwhile must not bring them again. */
  #wanted(batch: PageBatch): PageBatch {
    const { missing } = this.#options
    if (batch.block !== BLOCK.ram) return { ...batch, pages: NONE, zeroPages: NONE, data: new Uint8Array(0) }
    const indices = [...batch.pages.keys()].filter((i) => missing.delete(batch.pages[i] ?? 0))
    const zeroPages = batch.zeroPages.filter((page) => missing.delete(page))
    if (indices.length === batch.pages.length) return { ...batch, zeroPages }
    const data = new Uint8Array(indices.length * PAGE_SIZE)
    indices.forEach((from, to) => {
      data.set(batch.data.subarray(from * PAGE_SIZE, (from + 1) * PAGE_SIZE), to * PAGE_SIZE)
    })
    return { block: batch.block, pages: Uint32Array.from(indices, (i) => batch.pages[i] ?? 0), zeroPages, data }
  }

  #given({ pages, zeroPages }: PageBatch): void {
    const now = nowMs()
    for (const numbers of [pages, zeroPages]) {
      for (const page of numbers) {
        const atMs = this.#waiting.get(page)
        if (atMs === undefined) continue
        this.#waiting.delete(page)
        this.#note({ page, atMs, stallMs: now - atMs, requested: true })
      }
    }
  }

  #note(fault: FaultRecord): void {
    if (this.#faults.length < FAULTS_KEPT) this.#faults.push(fault)
  }
}

const NONE = new Uint32Array(0)
