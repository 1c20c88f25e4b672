/**
 * A token bucket in its scheduling form: instead of asking "may these bytes leave now?" it answers "when do they
 * leave?". Pure arithmetic over a clock that the caller brings, so that its accuracy can be tested without time.
 */
export class TokenBucket {
  readonly #bytesPerMs: number
  readonly #burstMs: number
  /** When everything taken so far has left. */
  #busyUntil = Number.NEGATIVE_INFINITY

  /**
   * @param rate_bps bits per second
   * @param burstMs how much unused time may be caught up, in ms of the rate: covers late timers, not idle periods
   */
  constructor(rate_bps: number, burstMs = 0) {
    this.#bytesPerMs = rate_bps / 8000
    this.#burstMs = burstMs
  }

  /** Takes `bytes` and returns the time (ms, same clock as `nowMs`) at which the last of them has left. */
  take(nowMs: number, bytes: number): number {
    const start = Math.max(this.#busyUntil, nowMs - this.#burstMs)
    this.#busyUntil = start + bytes / this.#bytesPerMs
    return Math.max(this.#busyUntil, nowMs)
  }
}
