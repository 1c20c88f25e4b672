/**
 * Pages of RAM that have been taken to be sent, and must not be written any more: in front of the first instruction that
 * would, the machine stops (page-guard-patch.ts). So no page changes after it was taken, and none has to be taken twice.
 *
 * What devices write by DMA cannot be held back like that; a page that was taken and is written so is *spoiled*.
 *
 * Runs on the vCPU thread.
 */
import { BLOCK } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import type { Emulator } from './emulator.ts'
import type { PageSet } from './machine.ts'
import type { MemoryBlocks } from './memory-blocks.ts'
import { checkPages } from './shared-ram.ts'

/** One byte for each page of the 32-bit physical address space: the trap needs no bounds check. */
const MAP_BYTES = 1 << 20

export class PageGuard {
  readonly #emulator: Emulator
  readonly #blocks: MemoryBlocks
  /** Address of the map in wasm memory; allocated once, at the first start, while the guest runs. */
  #map = 0
  #active = false
  readonly #spoiled = new Set<number>()
  #unwatch: () => void = () => {}

  constructor(emulator: Emulator, blocks: MemoryBlocks) {
    this.#emulator = emulator
    this.#blocks = blocks
  }

  get active(): boolean {
    return this.#active
  }

  /** @param onHit called between two slices when the machine has stopped in front of a write, with the page */
  start(onHit: (page: number) => void): void {
    if (this.#active) return
    if (this.#map === 0) this.#map = this.#emulator.allocate(MAP_BYTES)
    this.#emulator.wasm.fill(0, this.#map, this.#map + MAP_BYTES)
    this.#spoiled.clear()
    this.#emulator.guardPages(this.#map, onHit)
    this.#unwatch = this.#emulator.deviceMemory.watch({ written: (start, end) => this.#deviceWrote(start, end) })
    this.#active = true
  }

  stop(): void {
    if (!this.#active) return
    this.#emulator.guardPages(0, () => {})
    this.#unwatch()
    this.#active = false
  }

  /**
   * From now on these pages stay as they are; whoever takes them reads them then.
   * @throws FerryError `machine.guard-off`, `machine.block`, `machine.page-range`
   */
  take(set: PageSet): void {
    if (!this.#active) throw new FerryError('machine.guard-off', 'Pages are not guarded.')
    if (set.block !== BLOCK.ram) throw new FerryError('machine.block', 'Only RAM can be guarded.', { block: set.block })
    checkPages(set.pages, this.#blocks.pages(BLOCK.ram), 'ram')
    const { wasm } = this.#emulator
    for (const page of set.pages) wasm[this.#map + page] = 1
    // What was translated for writing before must walk again.
    this.#emulator.cpu.full_clear_tlb()
  }

  /** Pages that changed after they were taken, by DMA. */
  get spoiled(): PageSet {
    return { block: BLOCK.ram, pages: Uint32Array.from(this.#spoiled).sort() }
  }

  #deviceWrote(start: number, end: number): void {
    for (let page = start >>> 12; page <= (end - 1) >>> 12; page++) {
      if (this.#emulator.wasm[this.#map + page] === 1) this.#spoiled.add(page)
    }
  }
}
