/**
 * A time series of fixed size. When it is full, neighbours are folded into one and the step doubles: it always spans
 * everything, and never grows.
 */
export class Series {
  readonly #values: Float64Array
  #length = 0
  /** Values that make one point. */
  #step = 1
  #sum = 0
  #gathered = 0

  /** @param capacity number of points kept, even */
  constructor(capacity = 240) {
    this.#values = new Float64Array(capacity)
  }

  push(value: number): void {
    this.#sum += value
    if (++this.#gathered < this.#step) return
    if (this.#length === this.#values.length) this.#fold()
    // After folding, the point at hand covers only half of the new step: good enough to be seen.
    this.#values[this.#length++] = this.#sum / this.#gathered
    this.#sum = 0
    this.#gathered = 0
  }

  /** The points so far, oldest first; valid until the next push. */
  get points(): Float64Array {
    return this.#values.subarray(0, this.#length)
  }

  #fold(): void {
    const half = this.#length / 2
    for (let i = 0; i < half; i++) {
      this.#values[i] = ((this.#values[2 * i] ?? 0) + (this.#values[2 * i + 1] ?? 0)) / 2
    }
    this.#length = half
    this.#step *= 2
  }
}
