/**
 * A policy decides between two rounds what comes next. It is a pure function of what was measured: no clock, no
 * randomness, so that a decision can be tested, replayed and explained.
 */

/** One finished round, as a policy sees it. */
export interface RoundFacts {
  readonly pagesSent: number
  /** Pages that the guest dirtied while the round was sent. */
  readonly dirtyPages: number
  readonly durationMs: number
  readonly bytesSent: number
  /** Share of its time that the vCPU was made to sleep meanwhile, 0–1. Absent = 0. */
  readonly throttle?: number | undefined
}

export interface PolicyView {
  /** Pages of all blocks. */
  readonly pagesTotal: number
  /** Pages that the target does not have yet, or only an older version of. */
  readonly remainingPages: number
  /** All pages sent so far, zero pages included. */
  readonly pagesSent: number
  /** Finished rounds, the first one first. */
  readonly rounds: readonly RoundFacts[]
  /** Downtime to expect if the guest were stopped now, ms; see `expectedDowntimeMs`. */
  readonly expectedDowntimeMs: number
  /** Since the migration began, ms. */
  readonly elapsedMs: number
}

export type DecisionCode =
  | 'first-round'
  | 'above-threshold'
  | 'stop-at-once'
  | 'few-pages'
  | 'downtime-target'
  | 'total-target'
  | 'max-rounds'
  | 'sent-limit'
  | 'no-progress'
  | 'rate-cap'
  | 'written-again'

export interface Decision {
  readonly action: 'continue' | 'switch-over' | 'abort'
  readonly code: DecisionCode
  /** Why, in a sentence for the user. */
  readonly reason: string
  /** Limit for the next round, bits per second; absent or null: none but the link's. */
  readonly rate_bps?: number | null
  /** Share of its time that the vCPU sleeps in the next round, 0–1; absent: as before. */
  readonly throttle?: number
}

export type Policy = (view: PolicyView) => Decision

/**
 * Downtime to expect: the remaining pages at the rate of the last rounds, and a fixed part for state and commit.
 * @param bytesPerMs measured rate of the last round
 * @param fixedMs measured by the rehearsal, or an assumption
 */
export function expectedDowntimeMs(remainingPages: number, bytesPerMs: number, fixedMs: number): number {
  if (remainingPages === 0) return fixedMs
  if (bytesPerMs <= 0) return Number.MAX_SAFE_INTEGER
  return (remainingPages * 4096) / bytesPerMs + fixedMs
}
