/**
 * The pages of RAM that have not come yet, while the guest runs already (post-copy). An access to one of them, by the
 * CPU (demand-paging-patch.ts) or by a device, is a page fault of the machine: it asks for the page and blocks the vCPU
 * until it is there. The guest sees nothing of it but the time that it takes.
 *
 * Runs on the vCPU thread. Pages come by a port of their own, which is read while the thread is blocked, too.
 */
import { countBits, spreadBits } from '../util/bitmap.ts'
import { nowMs } from '../util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import type { Emulator } from './emulator.ts'
import type { FaultRecord, PageBatch } from './machine.ts'
import type { MemoryBlocks } from './memory-blocks.ts'

/** One byte for each page of the 32-bit physical address space: the trap needs no bounds check. */
const MAP_BYTES = 1 << 20
/** Faults that are kept until somebody asks for them; older ones are counted only. */
const FAULTS_KEPT = 65_536

/** How the outside brings pages in. */
export interface PageSource {
  /** Asks for a page; it comes some time, by `next`. */
  request(page: number): void
  /** Takes one batch that has come meanwhile, an urgent one first; false: none has. */
  take(): boolean
  /** Sleeps until something may have come. */
  wait(): void
}

export class MissingPages {
  readonly #emulator: Emulator
  readonly #blocks: MemoryBlocks
  readonly #source: PageSource
  /** Address of the map in wasm memory, a multiple of 8. */
  readonly #map: number
  #left = 0
  #unwatch: () => void = () => {}
  #faults: FaultRecord[] = []

  constructor(emulator: Emulator, blocks: MemoryBlocks, source: PageSource) {
    this.#emulator = emulator
    this.#blocks = blocks
    this.#source = source
    // Beforehand: the memory may have to grow for it.
    this.#map = (emulator.allocate(MAP_BYTES + 8) + 7) & ~7
  }

  /** Pages that have not come. */
  get left(): number {
    return this.#left
  }

  /**
   * From now on these pages of RAM are missing. The machine must stand still. Part of the downtime: no step for each page.
   * @param bitmap one bit for each page, the first page in bit 0 of the first byte
   * @throws FerryError `machine.page-range`
   */
  start(bitmap: Uint8Array): void {
    this.#end()
    const limit = this.#blocks.pages(BLOCK.ram)
    if (bitmap.length > limit / 8) {
      const message = `${8 * bitmap.length} pages were to be missing; RAM has ${limit}.`
      throw new FerryError('machine.page-range', message, { pages: limit })
    }
    this.#faults = []
    this.#left = countBits(bitmap)
    const map = this.#emulator.wasm.subarray(this.#map, this.#map + limit)
    map.fill(0, 8 * bitmap.length)
    spreadBits(bitmap, map)
    if (this.#left === 0) return
    this.#emulator.trapMissing(this.#map, (page) => this.#fault(page))
    this.#unwatch = this.#emulator.deviceMemory.watch({ before: (start, end) => this.#ensure(start, end) })
    // What was translated before did not walk past the trap.
    this.#emulator.cpu.full_clear_tlb()
  }

  /**
   * Writes those pages of the batch that are missing; what the guest has already is the guest's.
   * @returns how many are missing still
   */
  supply(batch: PageBatch): number {
    const { wasm } = this.#emulator
    const wanted = (page: number) => wasm[this.#map + page] === 1
    if (this.#left === 0 || batch.block !== BLOCK.ram) return this.#left
    const indices = [...batch.pages.keys()].filter((i) => wanted(batch.pages[i]))
    const zeroPages = batch.zeroPages.filter(wanted)
    const all = indices.length === batch.pages.length
    this.#blocks.write({
      block: BLOCK.ram,
      pages: all ? batch.pages : Uint32Array.from(indices, (i) => batch.pages[i]),
      zeroPages,
      data: all ? batch.data : gather(batch.data, indices),
    })
    for (const i of indices) wasm[this.#map + batch.pages[i]] = 0
    for (const page of zeroPages) wasm[this.#map + page] = 0
    this.#left -= indices.length + zeroPages.length
    if (this.#left === 0) this.#end()
    return this.#left
  }

  /** Faults since the last call, the oldest first. */
  takeFaults(): FaultRecord[] {
    const faults = this.#faults
    this.#faults = []
    return faults
  }

  #end(): void {
    this.#left = 0
    this.#emulator.trapMissing(0, () => {})
    this.#unwatch()
    this.#unwatch = () => {}
  }

  #ensure(start: number, end: number): void {
    for (let page = start >>> 12; page <= (end - 1) >>> 12; page++) {
      if (this.#emulator.wasm[this.#map + page] === 1) this.#fault(page)
    }
  }

  /** Returns when the page is there. */
  #fault(page: number): void {
    const atMs = nowMs()
    const isMissing = () => this.#left > 0 && this.#emulator.wasm[this.#map + page] === 1
    // At once: what has come meanwhile takes a while to write, and whoever is asked knows what has been sent.
    this.#source.request(page)
    let requested = false
    while (isMissing()) {
      if (this.#source.take()) continue
      requested = true
      this.#source.wait()
    }
    if (this.#faults.length < FAULTS_KEPT) this.#faults.push({ page, atMs, stallMs: nowMs() - atMs, requested })
  }
}

function gather(data: Uint8Array, indices: readonly number[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(indices.length * PAGE_SIZE)
  indices.forEach((from, to) => out.set(data.subarray(from * PAGE_SIZE, (from + 1) * PAGE_SIZE), to * PAGE_SIZE))
  return out
}
