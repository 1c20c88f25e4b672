/**
 * A machine before it is a certain one: built and warmed up, its memory made ready to be written while nobody needs it,
 * and then powered on as if it had been built at that moment. Runs on the vCPU thread.
 */
import { nowMs } from '../util/clock.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { Emulator } from './emulator.ts'
import { captureState, restoreState } from './state/index.ts'
import type { WriteMap } from './write-map.ts'

/**
 * The first capture and restore of a thread run uncompiled and take five times as long as later ones; in a migration
 * they lie in the downtime. So they are run often enough beforehand, on the reset machine, where they change nothing.
 */
const WARM_UP_ROUNDS = 40
/** Pages are touched for so long without an answer, ms; one takes from 3 to 45 µs, by the host. */
const TOUCH_MS = 1
/** Pages between two looks at the clock. */
const TOUCH_SLICE = 8
/** Between two slices: the thread of a machine that nobody needs yet takes at most a quarter of a core. */
const TOUCH_REST_MS = 4

export class PowerOn {
  readonly #emulator: Emulator
  readonly #written: WriteMap
  readonly #state: MachineState
  #timer: NodeJS.Timeout | null = null

  /** Warms up. @param emulator has not run yet */
  constructor(emulator: Emulator, written: WriteMap, apic: boolean) {
    this.#emulator = emulator
    this.#written = written
    for (let i = 0; i < WARM_UP_ROUNDS; i++) restoreState(emulator, captureState(emulator, apic), 'freeze')
    this.#state = captureState(emulator, apic)
  }

  /**
   * Has the host hand out memory for these pages of RAM, a few at a time; they stay zero, and count as never written.
   * Takes the place of what was asked for before.
   */
  touch(pages: Uint32Array): void {
    this.#stop()
    if (pages.length === 0) return
    const startMs = nowMs()
    let done = 0
    do {
      this.#touchNow(pages.subarray(done, done + TOUCH_SLICE))
      done += TOUCH_SLICE
    } while (done < pages.length && nowMs() - startMs < TOUCH_MS)
    this.#timer = setTimeout(() => this.touch(pages.subarray(done)), TOUCH_REST_MS)
  }

  #touchNow(pages: Uint32Array): void {
    const { ram } = this.#emulator
    for (const page of pages) {
      const at = page * PAGE_SIZE
      // It holds zero already; the write is what makes it the process's own.
      if (at < ram.length && !this.#written.isPopulated(page)) ram[at] = 0
    }
  }

  /** Its clocks start now, and its network card has this address. */
  identify(mac: string): void {
    this.#stop()
    const { rtc } = this.#state
    restoreState(this.#emulator, { ...this.#state, rtc: { ...rtc, timeMs: BigInt(Date.now()) } }, 'freeze')
    this.#emulator.identify(mac)
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
