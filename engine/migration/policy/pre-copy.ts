/**
 * Iterative pre-copy. Stopping rules as in Xen's `xc_domain_save`: few pages left, too many rounds, too much sent, or
 * no progress; rate control as in Clark et al., NSDI 2005, section 4.2 (last dirtying rate plus a step, up to a cap).
 */
import type { Policy, PolicyView, RoundFacts } from './policy.ts'

export interface RateControl {
  /** Rate of the first round, bits per second. Xen: 100 Mbit/s. */
  readonly start_bps: number
  /** Added to the dirtying rate of the last round. Xen: 50 Mbit/s. */
  readonly step_bps: number
  /** Never faster than this. Xen: 500 Mbit/s. */
  readonly cap_bps: number
}

export interface PreCopyOptions {
  /** Switch over when at most this many pages remain. */
  readonly thresholdPages: number
  /** Switch over when the expected downtime is at most this, ms; null: not a criterion. */
  readonly downtimeTarget_ms: number | null
  /** Most rounds, the first full one included. */
  readonly maxRounds: number
  /** Most pages sent, as a multiple of all pages. */
  readonly maxSentFactor: number
  /** Rounds in a row after which no fewer pages remained than before. */
  readonly maxRoundsWithoutProgress: number
  /** What to do when the guest dirties its memory faster than it can be sent. */
  readonly whenStuck: 'switch-over' | 'abort'
  readonly rateControl: RateControl | null
}

export const CLARK_RATE_CONTROL: RateControl = { start_bps: 100e6, step_bps: 50e6, cap_bps: 500e6 }

export const PRE_COPY_DEFAULTS: PreCopyOptions = {
  thresholdPages: 50,
  downtimeTarget_ms: null,
  maxRounds: 29,
  maxSentFactor: 3,
  maxRoundsWithoutProgress: 2,
  whenStuck: 'switch-over',
  rateControl: null,
}

/** Rounds at the end after which no fewer pages remained than after the round before. */
export function roundsWithoutProgress(rounds: readonly RoundFacts[]): number {
  let count = 0
  for (let i = rounds.length - 1; i > 0; i--) {
    const now = rounds[i]
    const before = rounds[i - 1]
    if (now === undefined || before === undefined || now.dirtyPages < before.dirtyPages) break
    count++
  }
  return count
}

/** The rate of the next round. */
export function nextRate(control: RateControl | null, rounds: readonly RoundFacts[]): number | null {
  if (control === null) return null
  const last = rounds.at(-1)
  if (last === undefined) return Math.min(control.start_bps, control.cap_bps)
  const dirtying_bps = (last.dirtyPages * 4096 * 8 * 1000) / Math.max(last.durationMs, 1)
  return Math.min(dirtying_bps + control.step_bps, control.cap_bps)
}

export function preCopy(options: PreCopyOptions = PRE_COPY_DEFAULTS): Policy {
  return (view) => {
    const { rounds, remainingPages } = view
    const rate_bps = nextRate(options.rateControl, rounds)
    if (rounds.length === 0) {
      return {
        action: 'continue',
        code: 'first-round',
        reason: `The first round sends all ${view.pagesTotal} pages while the guest runs.`,
        rate_bps,
      }
    }
    if (remainingPages <= options.thresholdPages) {
      return {
        action: 'switch-over',
        code: 'few-pages',
        reason: `${remainingPages} pages remain, not more than the threshold of ${options.thresholdPages}.`,
      }
    }
    if (options.downtimeTarget_ms !== null && view.expectedDowntimeMs <= options.downtimeTarget_ms) {
      return {
        action: 'switch-over',
        code: 'downtime-target',
        reason:
          `Stopping now is expected to take ${view.expectedDowntimeMs.toFixed(1)} ms, ` +
          `not more than the target of ${options.downtimeTarget_ms} ms.`,
      }
    }
    return (
      stuck(view, options) ?? {
        action: 'continue',
        code: 'above-threshold',
        reason: `${remainingPages} pages remain, more than the threshold of ${options.thresholdPages}.`,
        rate_bps,
      }
    )
  }
}

function stuck(view: PolicyView, options: PreCopyOptions): ReturnType<Policy> | null {
  const { rounds, remainingPages } = view
  const action = options.whenStuck
  if (rounds.length >= options.maxRounds) {
    return {
      action,
      code: 'max-rounds',
      reason: `${rounds.length} rounds were sent, the most allowed; ${remainingPages} pages remain.`,
    }
  }
  if (view.pagesSent >= options.maxSentFactor * view.pagesTotal) {
    return {
      action,
      code: 'sent-limit',
      reason: `${view.pagesSent} pages were sent, ${options.maxSentFactor} times the guest's memory; ${remainingPages} remain.`,
    }
  }
  const idle = roundsWithoutProgress(rounds)
  if (idle >= options.maxRoundsWithoutProgress) {
    return {
      action,
      code: 'no-progress',
      reason: `For ${idle} rounds the guest has dirtied its memory as fast as it was sent; ${remainingPages} pages remain.`,
    }
  }
  return null
}
