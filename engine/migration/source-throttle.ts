/** The source's vCPU, slowed down while the rounds need it, and never longer. */
import type { Machine } from '../machine/machine.ts'
import type { Statistics } from './statistics.ts'

export class SourceThrottle {
  readonly #machine: Machine
  readonly #statistics: Statistics
  #share = 0

  constructor(machine: Machine, statistics: Statistics) {
    this.#machine = machine
    this.#statistics = statistics
  }

  /** The share of its time that the vCPU sleeps, 0–1. */
  get share(): number {
    return this.#share
  }

  /** @throws FerryError `machine.*` */
  async set(share: number): Promise<void> {
    if (share === this.#share) return
    this.#share = share
    this.#statistics.throttle_max = Math.max(this.#statistics.throttle_max, share)
    this.#statistics.throttled_ms = await this.#machine.throttle(share)
  }

  /**
   * Ends it, whatever comes next. Not waited for: calls are carried out in their order, so a stop that is ordered after
   * it is not later for it; and a machine that has died needs no more.
   */
  end(): void {
    if (this.#share === 0) return
    void this.set(0).catch(() => undefined)
  }
}
