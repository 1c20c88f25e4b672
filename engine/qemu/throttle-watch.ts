/** How much a QEMU slows its guest down in a migration of its own: it tells what is in force, when it is asked. */
import { nowMs } from '../util/clock.ts'
import type { Qmp } from './qmp.ts'
import { migrationInfo } from './qmp-messages.ts'

/** Between two questions: the steps of QEMU's throttle last for rounds. */
const INTERVAL_MS = 50

export class ThrottleWatch {
  readonly #qmp: Pick<Qmp, 'ask'>
  #timer: NodeJS.Timeout | undefined
  #share = 0
  #sinceMs = 0
  #most = 0
  #sleptMs = 0

  constructor(qmp: Pick<Qmp, 'ask'>) {
    this.#qmp = qmp
  }

  /** The largest share of its time that the vCPU slept, 0–0.99. */
  get most(): number {
    return this.#most
  }

  /** How long it slept in all, ms: the shares that QEMU told of, over time. */
  get sleptMs(): number {
    return this.#sleptMs
  }

  begin(): void {
    this.#timer = setTimeout(() => void this.#look(), INTERVAL_MS)
  }

  /** The guest has stopped, or goes on as usual. Idempotent. */
  end(): void {
    this.#takes(0)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    const told = await this.#qmp.ask('query-migrate', migrationInfo).catch(() => null)
    if (told === null || this.#timer === undefined) return
    this.#takes((told['cpu-throttle-percentage'] ?? 0) / 100)
    this.begin()
  }

  #takes(share: number): void {
    const now = nowMs()
    this.#sleptMs += (now - this.#sinceMs) * this.#share
    this.#sinceMs = now
    this.#share = share
    this.#most = Math.max(this.#most, share)
  }
}
