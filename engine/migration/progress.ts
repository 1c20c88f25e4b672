/**
 * Progress of a session, told at most 20 times a second: changes (stages, rounds, the policy's decisions) are
 * gathered, so that none is lost, and come with the figures of the moment.
 */
import type { RoundReport } from '../contract/report.ts'
import type { Decision } from './policy/policy.ts'
import type { Stage } from './protocol/frame.ts'

export type ProgressChange =
  | { readonly kind: 'stage'; readonly stage: Stage; readonly atMs: number }
  | { readonly kind: 'round'; readonly round: RoundReport; readonly atMs: number }
  /** After the switch-over: pages are pulled, or the guest waits for the connection. */
  | { readonly kind: 'pull'; readonly why: string; readonly atMs: number }
  | { readonly kind: 'decision'; readonly decision: Decision; readonly atMs: number }

export interface ProgressNow {
  readonly stage: Stage
  /** Rounds of pre-copy that are finished: the number of the current one. */
  readonly round: number
  readonly pagesTotal: number
  /** Left of the current round. */
  readonly remainingPages: number
  readonly pagesSent: number
  readonly bytesSent: number
  /** Bytes per second, 0 while unknown. */
  readonly rate_Bps: number
  /** Time left of the current round at that rate, ms; null while unknown. */
  readonly estimate_ms: number | null
  /** After the switch-over, where pages are pulled. */
  readonly pull: PullNow | null
}

export interface PullNow {
  readonly state: 'pulling' | 'paused'
  /** Pages that have not crossed. */
  readonly left: number
  /** Pages that the guest had to ask for. */
  readonly requests: number
}

export interface ProgressEvent {
  readonly session: string
  readonly side: 'source' | 'target'
  readonly changes: readonly ProgressChange[]
  readonly now: ProgressNow
}

const INTERVAL_MS = 50

export class Progress {
  readonly #session: string
  readonly #side: 'source' | 'target'
  readonly #listener: ((event: ProgressEvent) => void) | undefined
  readonly #now: () => ProgressNow
  #changes: ProgressChange[] = []
  #lastMs = 0
  #timer: NodeJS.Timeout | null = null

  constructor(
    session: string,
    side: 'source' | 'target',
    now: () => ProgressNow,
    listener: ((event: ProgressEvent) => void) | undefined,
  ) {
    this.#session = session
    this.#side = side
    this.#now = now
    this.#listener = listener
  }

  change(change: ProgressChange): void {
    this.#changes.push(change)
    this.touch()
  }

  /** Says that the figures changed. */
  touch(): void {
    if (this.#listener === undefined || this.#timer !== null) return
    const wait = this.#lastMs + INTERVAL_MS - performance.now()
    this.#timer = setTimeout(
      () => {
        this.flush()
      },
      Math.max(1, wait),
    )
  }

  /** Tells what is pending now: at the end. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#lastMs = performance.now()
    const changes = this.#changes
    this.#changes = []
    this.#listener?.({ session: this.#session, side: this.#side, changes, now: this.#now() })
  }
}
