/**
 * Wakes a vCPU thread that sleeps until its guest's next timer. An idle guest halts; its thread must sleep for
 * fractions of a millisecond (timers of the event loop are too coarse) without missing messages and without burning a
 * core. So it waits on a word of shared memory, and whoever posts a message rings.
 */
const RINGS = 0

export class Doorbell {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array<SharedArrayBuffer>
  #heard = 0

  constructor(buffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#heard = Atomics.load(this.#words, RINGS)
  }

  /** From any thread: ends the current or the next `wait`. */
  ring(): void {
    Atomics.add(this.#words, RINGS, 1)
    Atomics.notify(this.#words, RINGS)
  }

  /** On the vCPU thread: sleeps at most `ms`, returns at once if it was rung since the last call. */
  wait(ms: number): void {
    Atomics.wait(this.#words, RINGS, this.#heard, ms)
    this.#heard = Atomics.load(this.#words, RINGS)
  }
}
