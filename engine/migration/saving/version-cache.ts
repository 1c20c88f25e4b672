/**
 * The last sent versions of pages, bounded in bytes: what deltas are made against. Versions that were used longest ago go
 * first. A first version takes free room only, so that memory that is never written again does not push out what is
 * (QEMU keeps no versions of the first round at all; a small guest fits as a whole here).
 */
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { BlockId } from '../../vmstate/blocks.ts'

/** Room is taken as it is needed, in pieces of so many pages. */
const PIECE_PAGES = 256
/** More than the pages of any block. */
const BLOCK_STRIDE = 1 << 20

export class VersionCache {
  readonly #capacity: number
  readonly #pieces: Uint8Array<ArrayBuffer>[] = []
  /** Slot of each version; the one that was used longest ago comes first. */
  readonly #slots = new Map<number, number>()

  /** @param bytes of page versions, at most */
  constructor(bytes: number) {
    this.#capacity = Math.floor(bytes / PAGE_SIZE)
  }

  /** Versions that are kept. */
  get size(): number {
    return this.#slots.size
  }

  /** A view of the version, good until the next `put`. */
  get(block: BlockId, page: number): Uint8Array<ArrayBuffer> | undefined {
    const slot = this.#slots.get(block * BLOCK_STRIDE + page)
    return slot === undefined ? undefined : this.#view(slot)
  }

  /**
   * Keeps a copy as the page's last version.
   * @param again whether the page was sent before: then the oldest other version makes room for it
   */
  put(block: BlockId, page: number, bytes: Uint8Array, again: boolean): void {
    const key = block * BLOCK_STRIDE + page
    const slot = this.#slots.get(key) ?? this.#room(again)
    if (slot === undefined) return
    // At the end of the order, as the newest.
    this.#slots.delete(key)
    this.#slots.set(key, slot)
    this.#view(slot).set(bytes)
  }

  /** The page was sent as zeros. */
  zero(block: BlockId, page: number): void {
    this.get(block, page)?.fill(0)
  }

  #room(evict: boolean): number | undefined {
    if (this.#slots.size < this.#capacity) return this.#slots.size
    const [oldest] = evict ? this.#slots : []
    if (oldest === undefined) return undefined
    this.#slots.delete(oldest[0])
    return oldest[1]
  }

  #view(slot: number): Uint8Array<ArrayBuffer> {
    const piece = (this.#pieces[Math.floor(slot / PIECE_PAGES)] ??= new Uint8Array(PIECE_PAGES * PAGE_SIZE))
    const at = (slot % PIECE_PAGES) * PAGE_SIZE
    return piece.subarray(at, at + PAGE_SIZE)
  }
}
