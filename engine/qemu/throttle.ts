/**
 * Takes a share of its time from the vCPU of a QEMU: stops it and lets it go on, over and over. QEMU's own throttle works in
 * its own migrations only (`auto-converge`, migration/ram.c); here the pages are read from outside. Its proportion is QEMU's
 * (softmmu/cpu-throttle.c): 10 ms of running, then share ÷ (1 − share) of that. The guest's clock stands still meanwhile, for it
 * counts instructions.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'

/** CPU_THROTTLE_TIMESLICE_NS. */
const RUN_MS = 10
/** CPU_THROTTLE_PCT_MAX: a vCPU that slept always would answer its guest's timers never. */
const MAX_SHARE = 0.99

/** What is done to the vCPU. */
export interface Brake {
  readonly stop: () => Promise<unknown>
  readonly cont: () => Promise<unknown>
}

export class Throttle {
  readonly #brake: Brake
  #share = 0
  #sleptMs = 0
  /** While the share is not 0. */
  #running: Promise<void> | null = null
  /** Ends the present wait. */
  #wake = (): void => undefined
  /** Who waits for the vCPU to run; null: it does. */
  #waiting: (() => void)[] | null = null

  constructor(brake: Brake) {
    this.#brake = brake
  }

  get share(): number {
    return this.#share
  }

  /**
   * @param share 0–0.99; 0 ends it, and the vCPU runs when this resolves
   * @returns how long it has been stopped for that so far, ms
   * @throws FerryError `machine.throttle`
   */
  async set(share: number): Promise<number> {
    if (!(share >= 0 && share <= MAX_SHARE)) {
      throw new FerryError('machine.throttle', `A vCPU is throttled by 0 to ${MAX_SHARE * 100} % of its time.`)
    }
    this.#share = share
    if (share === 0) this.#wake()
    else this.#running ??= this.#run()
    if (share === 0) await this.#running
    return this.#sleptMs
  }

  /** Does something while nothing is throttled. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    const share = this.#share
    await this.set(0)
    try {
      return await work()
    } finally {
      await this.set(share)
    }
  }

  /** Calls when the vCPU is not stopped for this: at once, or when it goes on. In the order of the calls. */
  awake(call: () => void): void {
    if (this.#waiting === null) call()
    else this.#waiting.push(call)
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        await this.#wait(RUN_MS)
        if (this.#share === 0) return
        await this.#nap()
      }
    } catch {
      // QEMU has ended, or does not answer: whoever asks it next is told.
    } finally {
      this.#running = null
    }
  }

  async #nap(): Promise<void> {
    this.#waiting = []
    await this.#brake.stop()
    const fromMs = nowMs()
    await this.#wait((RUN_MS * this.#share) / (1 - this.#share))
    const going = this.#brake.cont()
    for (const call of this.#waiting) call()
    this.#waiting = null
    await going
    this.#sleptMs += nowMs() - fromMs
  }

  #wait(ms: number): Promise<void> {
    if (this.#share === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
