/**
 * Pages that the guest says are free, as with virtio-balloon's free page reporting (Virtio 1.2, 5.5.6.7): the host may
 * forget what they hold. They are filled with zeros at once, as if a device had written them, so that whoever watches
 * writes (dirty log, guard, missing pages) sees it; and where nobody does, they count as never written from then on.
 *
 * A 32-bit port. Read: "FREE". Write: bits 0–19 the first page, bits 20–31 the number of pages less one. It keeps nothing
 * between two accesses, so there is no state to carry to another host; a host without it reads all ones.
 *
 * Runs on the vCPU thread.
 */
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Emulator } from './emulator.ts'
import type { WriteMap } from './write-map.ts'

/** In the range that a PC leaves to its board, and that no device of ours has (`info mtree` of QEMU's `pc` too). */
export const FREE_PAGES_PORT = 0x0f60
/** "FREE", little endian. */
export const FREE_PAGES_MAGIC = 0x45455246
const PAGE_BITS = 20
/** v86 itself writes there, whatever the guest says. */
const FIRST_PAGE = 256
const ZEROS = new Uint8Array(PAGE_SIZE)

export class FreePages {
  readonly #emulator: Emulator
  readonly #written: WriteMap
  readonly #pages: number
  readonly #watched: () => boolean
  /** Given back, and perhaps used again since. */
  readonly #given = new Set<number>()
  /** Given back since the last slice of the guest ended. */
  #fresh: number[] = []

  /** @param watched whether somebody has to hear of every write now */
  constructor(emulator: Emulator, written: WriteMap, pages: number, watched: () => boolean) {
    this.#emulator = emulator
    this.#written = written
    this.#pages = pages
    this.#watched = watched
    const { io } = emulator.cpu
    io.register_read(FREE_PAGES_PORT, this, undefined, undefined, () => FREE_PAGES_MAGIC)
    io.register_write(FREE_PAGES_PORT, this, undefined, undefined, (value) => this.#free(value >>> 0))
  }

  /** How many pages of those that the guest has given back hold zeros still. */
  get count(): number {
    const { cpu } = this.#emulator
    let zero = 0
    for (const page of this.#given) {
      if (!this.#written.isPopulated(page) || cpu.is_memory_zeroed(page * PAGE_SIZE, PAGE_SIZE)) zero++
      else this.#given.delete(page)
    }
    return zero
  }

  #free(value: number): void {
    const first = value & ((1 << PAGE_BITS) - 1)
    const end = Math.min(first + (value >>> PAGE_BITS) + 1, this.#pages)
    for (let page = Math.max(first, FIRST_PAGE); page < end; page++) {
      if (this.#written.isPopulated(page)) this.#emulator.cpu.write_blob(ZEROS, page * PAGE_SIZE)
      this.#given.add(page)
      if (this.#fresh.push(page) === 1) setImmediate(() => this.#forget())
    }
  }

  /** Between two slices, for the vCPU must walk again: it may have written the pages anew meanwhile. */
  #forget(): void {
    const pages = this.#fresh
    this.#fresh = []
    if (this.#watched()) return
    const { cpu } = this.#emulator
    this.#written.forget(pages.filter((page) => cpu.is_memory_zeroed(page * PAGE_SIZE, PAGE_SIZE)))
  }
}
