/**
 * Takes a share of its time from a vCPU: after each slice of the guest its thread sleeps in proportion, as QEMU's does
 * (`softmmu/cpu-throttle.c`: sleep = slice × share ÷ (1 − share)). The guest's clocks go on meanwhile.
 */
import { FerryError } from '../util/errors.ts'

/** QEMU: CPU_THROTTLE_PCT_MAX. A vCPU that slept always would answer its guest's timers never. */
export const MAX_THROTTLE = 0.99

export class Throttle {
  readonly #now: () => number
  #share = 0
  /** Start of the slice that runs; NaN: none does. */
  #begunMs = NaN
  #untilMs = 0
  #sleptMs = 0

  /** @param now a clock in ms */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * @param share 0–0.99; 0 ends it at once
   * @returns how long the vCPU has slept for it so far, ms
   * @throws FerryError `machine.throttle`
   */
  set(share: number): number {
    if (!(share >= 0 && share <= MAX_THROTTLE)) {
      throw new FerryError('machine.throttle', `A vCPU is throttled by 0 to ${MAX_THROTTLE * 100} % of its time.`)
    }
    this.#share = share
    if (share === 0) this.#untilMs = 0
    return this.#sleptMs
  }

  sliceBegins(): void {
    this.#begunMs = this.#now()
  }

  sliceEnds(): void {
    const now = this.#now()
    const ran = now - this.#begunMs
    this.#begunMs = NaN
    if (this.#share > 0 && ran > 0) this.#untilMs = now + (ran * this.#share) / (1 - this.#share)
  }

  /** How long the vCPU has to sleep before its next slice, ms; 0 or less: not at all. */
  get leftMs(): number {
    return this.#untilMs === 0 ? 0 : this.#untilMs - this.#now()
  }

  /** @param wait sleeps so many ms, or until the thread has something else to do */
  sleep(wait: (ms: number) => void): void {
    const begunMs = this.#now()
    wait(this.leftMs)
    this.#sleptMs += this.#now() - begunMs
  }
}
