/** A set of small numbers, one bit each, whose size is known at any time. */
export class Bitmap {
  /** Numbers that it may hold: 0 … length − 1. */
  readonly length: number
  readonly #bytes: Uint8Array<ArrayBuffer>
  #size = 0

  constructor(length: number) {
    this.length = length
    this.#bytes = new Uint8Array(Math.ceil(length / 8))
  }

  /** @param bytes bit 0 of the first byte is number 0; bits beyond `length` must be 0 */
  static of(bytes: Uint8Array, length: number): Bitmap {
    const made = new Bitmap(length)
    made.#bytes.set(bytes)
    for (let byte of made.#bytes) for (; byte !== 0; byte &= byte - 1) made.#size++
    return made
  }

  /** How many numbers are in it. */
  get size(): number {
    return this.#size
  }

  has(number: number): boolean {
    return number < this.length && ((this.#bytes[number >>> 3] >>> (number & 7)) & 1) === 1
  }

  /** Returns whether it was not there before. */
  add(number: number): boolean {
    if (number >= this.length || this.has(number)) return false
    this.#bytes[number >>> 3] |= 1 << (number & 7)
    this.#size++
    return true
  }

  /** Returns whether it was there. */
  delete(number: number): boolean {
    if (!this.has(number)) return false
    this.#bytes[number >>> 3] &= ~(1 << (number & 7))
    this.#size--
    return true
  }

  /** The first number of it that is `from` or more; −1 = none. */
  next(from: number): number {
    for (let number = from; number < this.length; number++) {
      // Empty stretches are passed eight at a time.
      if ((number & 7) === 0 && this.#bytes[number >>> 3] === 0) number += 7
      else if (this.has(number)) return number
    }
    return -1
  }

  /** All numbers, ascending. */
  numbers(): Uint32Array<ArrayBuffer> {
    const all = new Uint32Array(this.#size)
    let i = 0
    for (let number = this.next(0); number >= 0; number = this.next(number + 1)) all[i++] = number
    return all
  }

  /** A copy of its bytes, as `of` takes them. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice()
  }
}
