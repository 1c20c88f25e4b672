/** How many bits of each byte are set. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)
/** Each byte's bits as bytes of their own, the first one lowest: little endian, as every machine that Node runs on. */
const SPREAD = BigUint64Array.from({ length: 256 }, (_, byte) =>
  Array.from({ length: 8 }, (_, bit) => BigInt((byte >>> bit) & 1) << BigInt(8 * bit)).reduce((a, b) => a | b),
)

/**
 * Writes a bitmap as one byte for each bit, 0 or 1, eight at a time.
 * @param to at an address that is a multiple of 8, with room for all bits of all bytes
 */
export function spreadBits(bits: Uint8Array, to: Uint8Array): void {
  const words = new BigUint64Array(to.buffer, to.byteOffset, bits.length)
  bits.forEach((byte, i) => (words[i] = SPREAD[byte]))
}

/** How many bits of a bitmap are set. */
export function countBits(bits: Uint8Array): number {
  let count = 0
  for (const byte of bits) count += BITS[byte]
  return count
}

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
    made.#size = countBits(bytes)
    return made
  }

  /** All numbers from 0 to `length` − 1. */
  static full(length: number): Bitmap {
    const made = new Bitmap(length)
    made.#bytes.fill(0xff)
    if (length % 8 !== 0) made.#bytes[made.#bytes.length - 1] = 0xff >>> (8 - (length % 8))
    made.#size = length
    return made
  }

  /** How many numbers are in it. */
  get size(): number {
    return this.#size
  }

  has(number: number): boolean {
    return number < this.length && ((this.#bytes[number >>> 3] >>> (number & 7)) & 1) === 1
  }

  /** Whether all numbers of a stretch are in it. */
  hasAll(first: number, count: number): boolean {
    for (let number = first; number < first + count; number++) if (!this.has(number)) return false
    return true
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

  copy(): Bitmap {
    const made = new Bitmap(this.length)
    made.#bytes.set(this.#bytes)
    made.#size = this.#size
    return made
  }

  /** Whether every number of it is in the other one. */
  isWithin(other: Bitmap): boolean {
    return this.#bytes.every((byte, i) => (byte & ~other.#bytes[i]) === 0)
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
