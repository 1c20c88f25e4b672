/**
 * A probe: echo requests at an even pace, with the time at which each was sent and answered. It knows no packets; the
 * station gives it the means to send and tells it of answers.
 *
 * The pace does not drift: request k is due at start + k·interval. A timer of Node fires on whole milliseconds and
 * late when the thread is busy, so each time all that are due are sent, and the true time of each is recorded. After
 * a longer stall at most 32 are made up for (a network card's ring holds hardly more), the rest is skipped.
 */
import { nowMs, sleep } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'

export type ProbeKind = 'icmp' | 'udp'

/** Requests sent at once at most. */
export const MAX_BURST = 32
export const MIN_INTERVAL_MS = 1
export const MAX_INTERVAL_MS = 1000
/** Wait for answers under way when a probe is stopped. */
export const DEFAULT_GRACE_MS = 250

/** What a probe saw. Times are milliseconds of `nowMs()`; index is the sequence number. */
export interface ProbeSeries {
  readonly kind: ProbeKind
  readonly ip: string
  readonly intervalMs: number
  readonly sentAtMs: Float64Array<ArrayBuffer>
  /** Arrival of the first answer, NaN where none came. As long as `sentAtMs`. */
  readonly answeredAtMs: Float64Array<ArrayBuffer>
  /** Further answers to a request that was answered already. */
  readonly duplicates: number
  /** "Port unreachable" messages: the guest is there, but nobody serves UDP port 7. */
  readonly refused: number
  /** Requests that were due and not sent, because this thread was held up. */
  readonly skipped: number
}

export interface ProbeOptions {
  readonly ip: string
  /** 1–1000 ms, fractions allowed. */
  readonly intervalMs: number
  readonly kind: ProbeKind
}

/** Throws `network.probe-interval` for an interval outside 1–1000 ms. */
export function checkInterval(intervalMs: number): void {
  if (intervalMs >= MIN_INTERVAL_MS && intervalMs <= MAX_INTERVAL_MS) return
  throw new FerryError(
    'network.probe-interval',
    `A probe's interval lies between ${MIN_INTERVAL_MS} and ${MAX_INTERVAL_MS} ms, not ${intervalMs}.`,
    { interval_ms: intervalMs },
  )
}

export class Probe {
  readonly #options: ProbeOptions
  readonly #send: (sequence: number) => void
  readonly #ended: () => void
  readonly #sentAtMs: number[] = []
  readonly #answeredAtMs: number[] = []
  #startedAtMs = 0
  #timer: NodeJS.Timeout | undefined
  /** Requests that were due so far, sent or skipped. */
  #due = 0
  #skipped = 0
  #duplicates = 0
  #refused = 0
  #sending = false
  #stopped: Promise<ProbeSeries> | null = null

  /**
   * Throws `network.probe-interval` for an interval outside 1–1000 ms.
   * @param send puts request `sequence` on the network
   * @param ended called once, when no answer is waited for any more
   */
  constructor(options: ProbeOptions, send: (sequence: number) => void, ended: () => void) {
    checkInterval(options.intervalMs)
    this.#options = options
    this.#send = send
    this.#ended = ended
  }

  /** Sends the first request at once and the others when they are due. To be called once. */
  start(): void {
    this.#startedAtMs = nowMs()
    this.#sending = true
    this.#tick()
  }

  /** The station received an answer. Unknown sequence numbers are ignored. */
  answered(sequence: number, atMs: number): void {
    const before = this.#answeredAtMs[sequence]
    if (before === undefined) return
    if (Number.isNaN(before)) this.#answeredAtMs[sequence] = atMs
    else this.#duplicates++
  }

  /** The station received a "port unreachable" for one of the requests. */
  refused(): void {
    this.#refused++
  }

  /** A copy of what was seen so far; the last requests may be under way. */
  series(): ProbeSeries {
    return {
      kind: this.#options.kind,
      ip: this.#options.ip,
      intervalMs: this.#options.intervalMs,
      sentAtMs: Float64Array.from(this.#sentAtMs),
      answeredAtMs: Float64Array.from(this.#answeredAtMs),
      duplicates: this.#duplicates,
      refused: this.#refused,
      skipped: this.#skipped,
    }
  }

  /** Stops sending at once, waits `graceMs` for answers under way, and resolves with the series. Idempotent. */
  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<ProbeSeries> {
    this.#halt()
    this.#stopped ??= (async () => {
      if (graceMs > 0 && this.#answeredAtMs.some(Number.isNaN)) await sleep(graceMs)
      this.#ended()
      return this.series()
    })()
    return this.#stopped
  }

  #halt(): void {
    this.#sending = false
    clearTimeout(this.#timer)
  }

  #tick(): void {
    const interval = this.#options.intervalMs
    const due = Math.floor((nowMs() - this.#startedAtMs) / interval) + 1
    const behind = due - this.#due
    this.#skipped += Math.max(0, behind - MAX_BURST)
    this.#due = due
    for (let i = 0; i < Math.min(behind, MAX_BURST) && this.#sending; i++) {
      const sequence = this.#sentAtMs.length
      // Recorded before it is sent: in this process the answer may come within the call.
      this.#answeredAtMs.push(NaN)
      this.#sentAtMs.push(nowMs())
      this.#send(sequence)
    }
    if (!this.#sending) return
    const wait = this.#startedAtMs + this.#due * interval - nowMs()
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(wait)))
  }
}
