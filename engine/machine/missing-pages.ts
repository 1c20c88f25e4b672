/**
 * The pages of RAM that have not come yet, while the guest runs already (post-copy). An access to one of them, by the
 * CPU (demand-paging-patch.ts) or by a device, is a page fault of the machine: it asks for the page and blocks the vCPU
 * until it is there. The guest sees nothing of it but the time that it takes.
 *
 * Runs on the vCPU thread. Another one brings the pages (shared-ram.ts), and wakes it.
 */
import { nowMs } from '../util/clock.ts'
import { BLOCK } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import type { Emulator } from './emulator.ts'
import type { FaultRecord } from './machine.ts'
import type { MemoryBlocks } from './memory-blocks.ts'
import { MISSING_MAP_BYTES, MissingMap } from './missing-map.ts'

/** Faults that are kept until somebody asks for them; older ones are counted only. */
const FAULTS_KEPT = 65_536

/**
 * A page comes within a fraction of a millisecond over a fast link, and to sleep and be woken takes as long; so the vCPU looks
 * for it for a moment before it sleeps, ms.
 */
const LOOK_MS = 0.3

/** How the outside brings pages in. */
export interface PageSource {
  /** Asks for a page; some time it is missing no more. */
  request(page: number): void
  /** Sleeps until something may have come. */
  wait(): void
}

export class MissingPages {
  readonly #emulator: Emulator
  readonly #pages: number
  readonly #source: PageSource
  /** Of the map in wasm memory, a multiple of 8. */
  readonly address: number
  readonly #map: MissingMap
  #unwatch: () => void = () => {}
  #faults: FaultRecord[] = []

  constructor(emulator: Emulator, blocks: MemoryBlocks, source: PageSource) {
    this.#emulator = emulator
    this.#pages = blocks.pages(BLOCK.ram)
    this.#source = source
    // Beforehand: the memory may have to grow for it.
    this.address = (emulator.allocate(MISSING_MAP_BYTES + 8) + 7) & ~7
    this.#map = new MissingMap(emulator.cpu.wasm_memory.buffer, this.address, blocks.pages(BLOCK.ram), blocks.ram)
  }

  /** Pages that have not come. */
  get left(): number {
    return this.#map.left
  }

  /**
   * From now on these pages of RAM are missing. The machine must stand still.
   * @param bitmap one bit for each page, the first page in bit 0 of the first byte
   * @throws FerryError `machine.page-range`
   */
  start(bitmap: Uint8Array): void {
    this.end()
    const limit = this.#pages
    if (bitmap.length > limit / 8) {
      const message = `${8 * bitmap.length} pages were to be missing; RAM has ${limit}.`
      throw new FerryError('machine.page-range', message, { pages: limit })
    }
    this.#faults = []
    this.#map.begin(bitmap)
    if (this.left === 0) return
    this.#emulator.trapMissing(this.address, (page) => this.#fault(page))
    this.#unwatch = this.#emulator.deviceMemory.watch({ before: (start, end) => this.#ensure(start, end) })
    // What was translated before did not walk past the trap.
    this.#emulator.cpu.full_clear_tlb()
  }

  /** All have come, or are wanted no more: nothing is trapped. */
  end(): void {
    this.#map.clear()
    this.#emulator.trapMissing(0, () => {})
    this.#unwatch()
    this.#unwatch = () => {}
  }

  /** Faults since the last call, the oldest first. */
  takeFaults(): FaultRecord[] {
    const faults = this.#faults
    this.#faults = []
    return faults
  }

  #ensure(start: number, end: number): void {
    for (let page = start >>> 12; page <= (end - 1) >>> 12; page++) {
      if (page < this.#pages && this.#map.has(page)) this.#fault(page)
    }
  }

  /** Returns when the page is there. */
  #fault(page: number): void {
    const atMs = nowMs()
    this.#source.request(page)
    let requested = false
    while (this.#map.has(page)) {
      requested = true
      if (nowMs() - atMs > LOOK_MS) this.#source.wait()
    }
    if (this.#faults.length < FAULTS_KEPT) this.#faults.push({ page, atMs, stallMs: nowMs() - atMs, requested })
  }
}
