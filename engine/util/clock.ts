/**
 * One monotonic clock for all threads of the process: milliseconds since 1970 with sub-microsecond resolution.
 * `performance.now()` alone starts at zero in every worker thread, so its origin is added.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves when the loop of this thread has looked so many times for what came on sockets and from other threads. */
export async function turns(count: number): Promise<void> {
  // Immediates come right after that look; the first of them belongs to the look that this is part of.
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Keeps the loop of this thread from falling asleep while something is expected any moment: to be woken takes the operating
 * system longer than many an answer takes.
 */
export class Wakefulness {
  #untilMs = 0
  #awake = false

  /** From now on for so long. Costs a core meanwhile: a few milliseconds. */
  stay(ms: number): void {
    this.#untilMs = nowMs() + ms
    if (this.#awake) return
    this.#awake = true
    this.#look()
  }

  #look(): void {
    if (nowMs() < this.#untilMs) setImmediate(() => this.#look())
    else this.#awake = false
  }
}
