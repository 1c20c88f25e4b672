/** Tells of changes at once, but no more than four times a second; and every second while nothing changes. */
import { nowMs } from '../../util/clock.ts'

const LEAST_MS = 250
const IDLE_MS = 1000

export class Pulse {
  readonly #tell: () => void
  readonly #idle: NodeJS.Timeout
  #waiting: NodeJS.Timeout | null = null
  #lastMs = -Infinity

  constructor(tell: () => void) {
    this.#tell = tell
    this.#idle = setInterval(() => this.beat(), IDLE_MS)
  }

  beat(): void {
    if (this.#waiting !== null) return
    const wait = Math.max(0, this.#lastMs + LEAST_MS - nowMs())
    this.#waiting = setTimeout(() => {
      this.#waiting = null
      this.#lastMs = nowMs()
      this.#tell()
    }, wait)
  }

  close(): void {
    clearInterval(this.#idle)
    if (this.#waiting !== null) clearTimeout(this.#waiting)
  }
}
