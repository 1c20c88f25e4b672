/**
 * Which pages of RAM have not come yet, one byte each, and how many they are: in the machine's memory, which is shared. The
 * vCPU's thread says what is missing and waits for it; the thread that has the connections brings it in.
 *
 * A page is written before its byte is cleared, and each byte is read by an atomic load before the page is: so what is
 * read is the page (ECMAScript memory model; WebAssembly threads proposal, sequentially consistent accesses).
 */
import { countBits, spreadBits } from '../util/bitmap.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { PageBatch } from './machine.ts'
import type { RamPages } from './ram-pages.ts'

/** One byte for each page of the 32-bit physical address space: the trap needs no bounds check. The count is behind it. */
const MAP_BYTES = 1 << 20
export const MISSING_MAP_BYTES = MAP_BYTES + 4

export class MissingMap {
  readonly #ram: RamPages
  readonly #map: Uint8Array<SharedArrayBuffer>
  readonly #left: Int32Array<SharedArrayBuffer>

  /** @param address of `MISSING_MAP_BYTES` in `memory`, a multiple of 8 */
  constructor(memory: SharedArrayBuffer, address: number, pages: number, ram: RamPages) {
    this.#ram = ram
    this.#map = new Uint8Array(memory, address, pages)
    this.#left = new Int32Array(memory, address + MAP_BYTES, 1)
  }

  /** Pages that have not come. */
  get left(): number {
    return Atomics.load(this.#left, 0)
  }

  has(page: number): boolean {
    return Atomics.load(this.#map, page) === 1
  }

  /**
   * From now on these pages are missing. On the vCPU's thread. Part of the downtime: no step for each page.
   * @param bitmap one bit for each page, the first one in bit 0 of the first byte; none beyond RAM
   */
  begin(bitmap: Uint8Array): void {
    this.#map.fill(0, 8 * bitmap.length)
    spreadBits(bitmap, this.#map)
    Atomics.store(this.#left, 0, countBits(bitmap))
  }

  /** None is missing any more, whether it has come or not. */
  clear(): void {
    Atomics.store(this.#left, 0, 0)
    this.#map.fill(0)
  }

  /**
   * Writes those pages of a batch of RAM that are missing; what the guest has already is the guest's.
   * @returns how many are missing still
   */
  supply({ pages, zeroPages, data }: PageBatch): number {
    let taken = 0
    const take = (page: number, write: () => void) => {
      if (page >= this.#map.length || !this.has(page)) return
      write()
      Atomics.store(this.#map, page, 0)
      taken++
    }
    pages.forEach((page, i) => {
      take(page, () => this.#ram.write(page, data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)))
    })
    for (const page of zeroPages) take(page, () => this.#ram.clear(page))
    return Atomics.sub(this.#left, 0, taken) - taken
  }
}
