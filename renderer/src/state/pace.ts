/**
 * Keeps what comes often down to what can be read: many wishes make one call, in an animation frame, and the last wish is
 * never lost. In a window that is not drawn nothing is called, and nothing queues up.
 */

/** Figures that change more often than this cannot be read; laying them out would only cost frames. */
export const READABLE_MS = 100

/** Where the frames come from: the window's, or a test's. */
export interface Frames {
  /** @returns what `cancel` takes; never 0 */
  request(draw: () => void): number
  cancel(frame: number): void
}

export class Pace {
  readonly #every_ms: number
  readonly #apply: () => void
  readonly #frames: Frames
  #timer: ReturnType<typeof setTimeout> | undefined
  #frame = 0
  #last_ms = -Infinity

  /** @param every_ms least time between two calls of `apply` */
  constructor(every_ms: number, apply: () => void, frames: Frames) {
    this.#every_ms = every_ms
    this.#apply = apply
    this.#frames = frames
  }

  /** There is something new. */
  wish(): void {
    if (this.#timer !== undefined || this.#frame !== 0) return
    const wait = this.#last_ms + this.#every_ms - performance.now()
    if (wait <= 0) this.#ask()
    else
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#ask()
      }, wait)
  }

  /** What was wished for and not done yet is given up. */
  cancel(): void {
    clearTimeout(this.#timer)
    if (this.#frame !== 0) this.#frames.cancel(this.#frame)
    this.#timer = undefined
    this.#frame = 0
  }

  #ask(): void {
    this.#frame = this.#frames.request(() => {
      this.#frame = 0
      this.#last_ms = performance.now()
      this.#apply()
    })
  }
}
