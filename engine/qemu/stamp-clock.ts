/**
 * QEMU stamps its events by the wall clock, exactly; Ferry's clock is another, and events arrive late where this process
 * is busy. The least delay that was ever seen tells the distance of the two clocks.
 */
import type { QmpEvent } from './qmp-messages.ts'

export class StampClock {
  #distanceMs = Infinity

  /**
   * When an event happened, by `nowMs()`.
   * @param afterMs when what it follows from was ordered: it cannot have happened before, even if the wall clock was set
   */
  timeOf({ stampMs, atMs }: QmpEvent, afterMs: number): number {
    this.#distanceMs = Math.min(this.#distanceMs, atMs - stampMs)
    return Math.min(atMs, Math.max(afterMs, stampMs + this.#distanceMs))
  }
}
