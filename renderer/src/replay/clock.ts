/** The time of a recording: it plays at a rate, stands still, or is set. It moves in the window's frames. */
import type { Frames } from '../state/pace.ts'

export const RATES = [0.25, 0.5, 1, 2, 4, 8] as const
export type Rate = (typeof RATES)[number]

/** A window that was not drawn for longer has not been watched: the recording stood still meanwhile. */
const LONGEST_FRAME_MS = 250

export interface ClockEvents {
  /** Time went on by playing: all between is to be shown. */
  readonly advanced: (from_ms: number, to_ms: number) => void
  /** Time was set. */
  readonly jumped: (to_ms: number) => void
  /** Playing or not, at another rate. */
  readonly changed: () => void
}

export class ReplayClock {
  readonly duration_ms: number
  readonly #frames: Frames
  readonly #now: () => number
  readonly #tell: ClockEvents
  #t = 0
  #rate: Rate = 1
  #frame = 0
  #last = 0

  /** @param now monotonic, milliseconds */
  constructor(duration_ms: number, tell: ClockEvents, frames: Frames, now: () => number = () => performance.now()) {
    this.duration_ms = duration_ms
    this.#tell = tell
    this.#frames = frames
    this.#now = now
  }

  /** Milliseconds since the recording began. */
  get t(): number {
    return this.#t
  }

  get playing(): boolean {
    return this.#frame !== 0
  }

  get rate(): Rate {
    return this.#rate
  }

  /** At its end it begins anew. */
  play(): void {
    if (this.playing || this.duration_ms === 0) return
    if (this.#t >= this.duration_ms) this.seek(0)
    this.#last = this.#now()
    this.#next()
    this.#tell.changed()
  }

  pause(): void {
    if (!this.playing) return
    this.#stop()
    this.#tell.changed()
  }

  toggle(): void {
    if (this.playing) this.pause()
    else this.play()
  }

  setRate(rate: Rate): void {
    this.#rate = rate
    this.#tell.changed()
  }

  /** Goes on playing if it did. */
  seek(to_ms: number): void {
    this.#t = Math.min(this.duration_ms, Math.max(0, to_ms))
    this.#last = this.#now()
    this.#tell.jumped(this.#t)
  }

  /** For good. */
  end(): void {
    this.#stop()
  }

  #next(): void {
    this.#frame = this.#frames.request(() => this.#tick())
  }

  #tick(): void {
    const now = this.#now()
    const passed = Math.min(LONGEST_FRAME_MS, Math.max(0, now - this.#last))
    this.#last = now
    const from = this.#t
    this.#t = Math.min(this.duration_ms, from + passed * this.#rate)
    const over = this.#t >= this.duration_ms
    if (over) this.#frame = 0
    else this.#next()
    if (this.#t > from) this.#tell.advanced(from, this.#t)
    if (over) this.#tell.changed()
  }

  #stop(): void {
    if (this.#frame !== 0) this.#frames.cancel(this.#frame)
    this.#frame = 0
  }
}
