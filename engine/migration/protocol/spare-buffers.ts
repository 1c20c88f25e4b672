/**
 * Large buffers that are used again: a guest's memory crosses in a few of them, in place of one for every frame. Fresh memory
 * costs more than the copy into it, and so much of it has the collector run in the middle of a migration.
 */

/** More than a frame of pages usually has. */
const MOST_BYTES = 2 << 20
const LEAST_BYTES = 64 << 10
/**
 * What is made is as large as this, though less was asked for: frames have as many bytes as there are pages in them that are not
 * zero, and a store of small buffers would have none for the next large one. A batch of pages, with their numbers.
 */
const USUAL_BYTES = (1 << 20) + (64 << 10)

export class SpareBuffers {
  readonly #spare: ArrayBuffer[] = []
  readonly #most: number

  /** @param most that are kept */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns `bytes` long; what is in it is whatever was there last */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < LEAST_BYTES) return new Uint8Array(bytes)
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes)
    const [buffer = new ArrayBuffer(Math.max(bytes, USUAL_BYTES))] = at < 0 ? [] : this.#spare.splice(at, 1)
    return new Uint8Array(buffer, 0, bytes)
  }

  /** The buffer of these bytes is needed no more. One that was handed to another thread is not here to be kept. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    const { byteLength } = buffer
    if (byteLength < LEAST_BYTES || byteLength > MOST_BYTES || this.#spare.length >= this.#most) return
    if (!this.#spare.includes(buffer)) this.#spare.push(buffer)
  }
}

/** Buffers whose bytes have to leave before they are used again. */
export class SentBuffers {
  readonly #spare: SpareBuffers
  readonly #leaving: { readonly bytes: Uint8Array<ArrayBuffer>; readonly end: number }[] = []

  constructor(most: number) {
    this.#spare = new SpareBuffers(most)
  }

  /** @param left how many bytes have left by now */
  take(bytes: number, left: number): Uint8Array<ArrayBuffer> {
    for (;;) {
      const [first] = this.#leaving
      if (first === undefined || first.end > left) break
      this.#leaving.shift()
      this.#spare.give(first.bytes)
    }
    return this.#spare.take(bytes)
  }

  /** Nothing was put there. */
  unused(bytes: Uint8Array<ArrayBuffer>): void {
    this.#spare.give(bytes)
  }

  /** @param end how many bytes have left when these have */
  sent(bytes: Uint8Array<ArrayBuffer>, end: number): void {
    this.#leaving.push({ bytes, end })
  }
}
