/**
 * In which order pages travel after the switch-over: each of them once. In the background those go first that the guest
 * used last, for it is about to use them again (Denning's locality, CACM 1968); the others in ascending order
 * from where the guest faulted last, for what it needs next is mostly near to that; and around to the beginning again.
 */
import type { Bitmap } from '../../util/bitmap.ts'

/** Pages in front of the one that was asked for that follow it, too: code and data are often walked downwards. */
const BEHIND = 4

export class PushOrder {
  #left: Bitmap
  #cursor = 0
  readonly #first: Uint32Array
  #firstGiven = 0

  /**
   * @param missing pages that the target has not; taken over
   * @param first those of them that go before all others
   */
  constructor(missing: Bitmap, first: Uint32Array = new Uint32Array(0)) {
    this.#left = missing
    this.#first = first
  }

  /** What goes before all others has not been given out yet. */
  get urgent(): boolean {
    while (this.#firstGiven < this.#first.length && !this.#left.has(this.#first[this.#firstGiven])) this.#firstGiven++
    return this.#firstGiven < this.#first.length
  }

  /** Pages that have not been given out. */
  get size(): number {
    return this.#left.size
  }

  /** What has not been given out. */
  get missing(): Bitmap {
    return this.#left
  }

  /** Begins anew with what the target says it has not: after a connection was lost with pages on it. */
  reset(missing: Bitmap): void {
    this.#left = missing
  }

  /** Of the pages asked for, those that are not under way yet; the background goes on around them. */
  demand(pages: Iterable<number>): Uint32Array<ArrayBuffer> {
    const given = this.among(Uint32Array.from(pages))
    const last = given.at(-1)
    if (last !== undefined) this.#cursor = Math.max(0, last - BEHIND)
    return given
  }

  /** Of these pages, those that have not been given out; they are now. */
  among(pages: Uint32Array): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(pages.filter((page) => this.#left.delete(page)))
  }

  /** The next `count` pages of the background, at most; ascending. Empty when all were given out. */
  take(count: number): Uint32Array<ArrayBuffer> {
    const given: number[] = []
    while (given.length < count && this.urgent) {
      const page = this.#first[this.#firstGiven++]
      this.#left.delete(page)
      given.push(page)
    }
    if (given.length > 0) return Uint32Array.from(given)
    if (this.#left.next(this.#cursor) < 0) this.#cursor = 0
    for (let page = this.#left.next(this.#cursor); page >= 0 && given.length < count; page = this.#left.next(page)) {
      this.#left.delete(page)
      given.push(page)
      this.#cursor = page + 1
    }
    return Uint32Array.from(given)
  }
}
