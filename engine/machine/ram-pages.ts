/**
 * RAM page by page, as it lies in a machine's memory. That memory is shared: the vCPU's thread uses this, and the thread
 * that has the connections, where the guest does not mind (shared-ram.ts).
 */
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { PageBatch } from './machine.ts'

const ZEROS = Buffer.alloc(PAGE_SIZE)
/** In the map of written pages: by the guest or a device since somebody last asked; before that, or from outside. */
export const DIRTY = 1
export const POPULATED = 2

/** Where things lie in the memory: addresses in bytes, numbers of pages. */
export interface RamPlace {
  readonly memory: SharedArrayBuffer
  readonly pages: number
  readonly ram: number
  /** One byte a page: 0 where it was never written, which means that it holds zeros. */
  readonly written: number
}

export class RamPages {
  readonly #bytes: Uint8Array<SharedArrayBuffer>
  readonly #written: Uint8Array<SharedArrayBuffer>

  constructor({ memory, pages, ram, written }: RamPlace) {
    // Of use even after the memory has grown: shared memory never moves.
    this.#bytes = new Uint8Array(memory, ram, pages * PAGE_SIZE)
    this.#written = new Uint8Array(memory, written, pages)
  }

  isZero(page: number): boolean {
    const from = page * PAGE_SIZE
    return this.#written[page] === 0 || ZEROS.compare(this.#bytes, from, from + PAGE_SIZE) === 0
  }

  /** Pages that were never written, ascending. */
  unwritten(): Uint32Array<ArrayBuffer> {
    return indicesOf(this.#written, 0)
  }

  /** Of these pages, those that the guest or a device has written since somebody last asked. */
  dirtyAmong(pages: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    return pages.filter((page) => this.#written[page] === DIRTY)
  }

  /**
   * Copies pages out, zero pages apart.
   * @param pages numbers of pages that RAM has
   * @param place where the data may be put, if it fits
   */
  read(pages: Uint32Array<ArrayBuffer>, place?: Uint8Array<ArrayBuffer>): PageBatch {
    const isZero = Uint8Array.from(pages, (page) => Number(this.isZero(page)))
    const full = pages.filter((_, i) => isZero[i] === 0)
    const bytes = full.length * PAGE_SIZE
    const data = place !== undefined && place.length >= bytes ? place.subarray(0, bytes) : new Uint8Array(bytes)
    full.forEach((page, i) => {
      const from = page * PAGE_SIZE
      data.set(this.#bytes.subarray(from, from + PAGE_SIZE), i * PAGE_SIZE)
    })
    return { block: BLOCK.ram, pages: full, zeroPages: pages.filter((_, i) => isZero[i] === 1), data }
  }

  /** @param content a page of bytes */
  write(page: number, content: Uint8Array): void {
    this.#bytes.set(content, page * PAGE_SIZE)
    if (this.#written[page] === 0) this.#written[page] = POPULATED
  }

  /** Writes all of a batch, whose numbers are pages that RAM has. */
  fill({ pages, zeroPages, data }: PageBatch): void {
    pages.forEach((page, i) => this.write(page, data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)))
    for (const page of zeroPages) this.clear(page)
  }

  clear(page: number): void {
    // What was never written is zero; to write it would take memory of the host for it.
    if (this.#written[page] !== 0) this.#bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  }
}

/** Where a map of one byte a page has this mark, ascending. */
export function indicesOf(map: Uint8Array, mark: number): Uint32Array<ArrayBuffer> {
  const found: number[] = []
  // indexOf is a vectorised search: pages of a kind lie together.
  for (let page = map.indexOf(mark); page >= 0; page = map.indexOf(mark, page + 1)) found.push(page)
  return Uint32Array.from(found)
}
