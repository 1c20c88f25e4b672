/**
 * Which pages of RAM were ever written, and which since somebody last asked. One byte a page: the trap in v86's page
 * walk (dirty-log-patch.ts) marks what the CPU writes, the functions of `DeviceMemory` what devices write.
 *
 * It is on from the machine's first instruction, as a hypervisor's second-level page table is: a page that was never
 * written is known to hold zeros without being looked at, and takes no memory of the host.
 *
 * Runs on the vCPU thread.
 */
import type { Emulator } from './emulator.ts'
import { DIRTY, POPULATED, indicesOf } from './ram-pages.ts'

/** One byte for each page of the 32-bit physical address space, so that no walk needs a bounds check. */
const MAP_BYTES = 1 << 20
/** v86 itself writes firmware areas there, and page tables at address 0 are not trapped. */
const FIRST_PAGES = 256

export class WriteMap {
  readonly #emulator: Emulator
  /** Address in wasm memory. */
  readonly #map: number
  readonly #pages: number
  /** Address of the map of accessed pages; allocated when somebody wants to know first. */
  #used = 0

  /** @param pages of RAM. The machine must not have run yet. */
  constructor(emulator: Emulator, pages: number) {
    this.#emulator = emulator
    this.#pages = pages
    this.#map = emulator.allocate(MAP_BYTES)
    this.#bytes().fill(POPULATED, 0, Math.min(FIRST_PAGES, pages))
    emulator.dirtyLog = this.#map
    emulator.deviceMemory.watch({
      written: (start, end) =>
        emulator.wasm.fill(DIRTY, this.#map + (start >>> 12), this.#map + ((end - 1) >>> 12) + 1),
    })
    emulator.cpu.full_clear_tlb()
  }

  /** Where the map lies. */
  get address(): number {
    return this.#map
  }

  /** False: the page was never written, so it holds zeros. */
  isPopulated(page: number): boolean {
    return this.#emulator.wasm[this.#map + page] !== 0
  }

  /** These pages hold zeros, and count as never written from now on. */
  forget(pages: readonly number[]): void {
    for (const page of pages) this.#emulator.wasm[this.#map + page] = 0
    // It must walk again.
    this.#emulator.cpu.full_clear_tlb()
  }

  /** Pages that were never written, ascending. */
  unwritten(): Uint32Array<ArrayBuffer> {
    return indicesOf(this.#bytes(), 0)
  }

  /** Pages that the guest or a device has written since they were last cleared, ascending. */
  dirty(): Uint32Array<ArrayBuffer> {
    return indicesOf(this.#bytes(), DIRTY)
  }

  /** From now on it is noted which pages the CPU accesses. What it has in its TLB is found at its next walk only. */
  watchUse(): void {
    if (this.#used === 0) this.#used = this.#emulator.allocate(MAP_BYTES)
    else this.#emulator.wasm.fill(0, this.#used, this.#used + this.#pages)
    this.#emulator.usedPages = this.#used
    this.#emulator.cpu.full_clear_tlb()
  }

  /** Pages of RAM that the CPU has accessed since `watchUse`, ascending; and no more is noted. */
  takeUsed(): Uint32Array<ArrayBuffer> {
    if (this.#used === 0) return new Uint32Array(0)
    this.#emulator.usedPages = 0
    return indicesOf(this.#emulator.wasm.subarray(this.#used, this.#used + this.#pages), 1)
  }

  /** The next first write to each of these pages will be found again. */
  clear(dirty: Uint32Array): void {
    const map = this.#bytes()
    for (const page of dirty) map[page] = POPULATED
    // It must walk again.
    this.#emulator.cpu.full_clear_tlb()
  }

  #bytes(): Uint8Array<SharedArrayBuffer> {
    return this.#emulator.wasm.subarray(this.#map, this.#map + this.#pages)
  }
}
