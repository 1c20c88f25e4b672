/**
 * Iterative pre-copy. Stopping rules as in Xen's `xc_domain_save`: few pages left, too many rounds, too much sent, or
 * no progress; rate control as in Clark et al., NSDI 2005, section 4.2 (last dirtying rate plus a constant, between a
 * minimum and a maximum), with its own stopping rule: a round that grew although it was sent at the maximum.
 */
import type { Decision, Policy, PolicyView, RoundFacts } from './policy.ts'
import { nextThrottle, type ThrottleSteps } from './throttle.ts'

export interface RateControl {
  /** Rate of the first round, bits per second; never slower. Xen: 100 Mbit/s. */
  readonly min_bps: number
  /** Added to the dirtying rate of the last round. Xen: 50 Mbit/s. */
  readonly step_bps: number
  /** Never faster than this. Xen: 500 Mbit/s. */
  readonly max_bps: number
}

export interface PreCopyOptions {
  /** Switch over when at most this many pages remain. */
  readonly thresholdPages: number
  /** Switch over when the expected downtime is at most this, ms; null: not a criterion. */
  readonly downtimeTarget_ms: number | null
  /** Stop before another round makes the whole migration longer than this, ms; null: not a criterion. */
  readonly totalTarget_ms: number | null
  /** Most rounds, the first full one included. */
  readonly maxRounds: number
  /** Most pages sent, as a multiple of all pages. */
  readonly maxSentFactor: number
  /** Rounds in a row after which no fewer pages remained than before. */
  readonly maxRoundsWithoutProgress: number
  /** What to do when the guest dirties its memory faster than it can be sent. */
  readonly whenStuck: 'switch-over' | 'abort'
  readonly rateControl: RateControl | null
  /** Whether pages that were dirtied again since the round began are left to the next one. */
  readonly skipDirtied: boolean
  /** Slows the vCPU down where the rounds do not converge; null: never. */
  readonly throttle: ThrottleSteps | null
  /** Largest share of its time that the vCPU may be made to sleep, 0–1; null: the steps' own cap. */
  readonly slowdownTarget: number | null
}

export const CLARK_RATE_CONTROL: RateControl = { min_bps: 100e6, step_bps: 50e6, max_bps: 500e6 }

export const PRE_COPY_DEFAULTS: PreCopyOptions = {
  thresholdPages: 50,
  downtimeTarget_ms: null,
  totalTarget_ms: null,
  maxRounds: 29,
  maxSentFactor: 3,
  maxRoundsWithoutProgress: 2,
  whenStuck: 'switch-over',
  rateControl: null,
  skipDirtied: true,
  throttle: null,
  slowdownTarget: null,
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

/** The rate of the next round, bits per second; null = no limit. */
export function nextRate(control: RateControl | null, rounds: readonly RoundFacts[]): number | null {
  if (control === null) return null
  const last = rounds.at(-1)
  const dirtying_bps =
    last === undefined ? -Infinity : (last.dirtyPages * 4096 * 8 * 1000) / Math.max(last.durationMs, 1)
  return Math.min(Math.max(dirtying_bps + control.step_bps, control.min_bps), control.max_bps)
}

/** Rounds at the end that were sent with the throttle that is in force now. */
function sinceThrottle(rounds: readonly RoundFacts[]): { share: number; rounds: readonly RoundFacts[] } {
  const share = rounds.at(-1)?.throttle ?? 0
  const before = rounds.findLastIndex(({ throttle = 0 }) => throttle !== share)
  return { share, rounds: rounds.slice(before + 1) }
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
    return late(view, options) ?? stuck(view, options) ?? goOn(view, options, rate_bps)
  }
}

/** The steps, as far as the user lets the guest be slowed down. */
function stepsOf({ throttle, slowdownTarget }: PreCopyOptions): ThrottleSteps | null {
  if (throttle === null || slowdownTarget === null) return throttle
  return { ...throttle, cap: Math.min(throttle.cap, slowdownTarget) }
}

/**
 * Another round sends what remains, and the stop after it what was dirtied meanwhile: at least about as much for a guest
 * that dirties as fast as ever. With a faster end the target is kept all the better.
 */
function late({ elapsedMs, expectedDowntimeMs }: PolicyView, options: PreCopyOptions): Decision | null {
  const { totalTarget_ms } = options
  const endMs = elapsedMs + 2 * expectedDowntimeMs
  if (totalTarget_ms === null || endMs <= totalTarget_ms) return null
  return {
    action: options.whenStuck,
    code: 'total-target',
    reason:
      `${Math.round(elapsedMs)} ms have passed; with another round it would be about ${Math.round(endMs)} ms, ` +
      `more than the target of ${totalTarget_ms} ms in all. Stopping now is expected to take ` +
      `${expectedDowntimeMs.toFixed(1)} ms.`,
  }
}

function goOn(view: PolicyView, options: PreCopyOptions, rate_bps: number | null): Decision {
  const now = sinceThrottle(view.rounds)
  const steps = stepsOf(options)
  const throttle = nextThrottle(steps, now.share, now.rounds)
  const slower =
    throttle <= now.share
      ? ''
      : ` They grow as fast as they are sent: from now on the vCPU sleeps ${Math.round(throttle * 100)} % of its time.`
  return {
    action: 'continue',
    code: 'above-threshold',
    reason: `${view.remainingPages} pages remain, more than the threshold of ${options.thresholdPages}.${slower}`,
    rate_bps,
    throttle,
  }
}

/** A round that stays below this share of its limit is held up by something else. */
const LIMITED = 0.8

/** Whether something can still be done about rounds that do not shrink: a higher rate, or a slower guest. */
function hasReserve({ rounds }: PolicyView, options: PreCopyOptions): boolean {
  const { rateControl } = options
  if (rateControl !== null && mayBeFaster(rateControl, rounds)) return true
  const throttle = stepsOf(options)
  return throttle !== null && (rounds.at(-1)?.throttle ?? 0) < throttle.cap
}

/** Whether the last round was held up by its limit, and that limit can be raised. */
function mayBeFaster(control: RateControl, rounds: readonly RoundFacts[]): boolean {
  const last = rounds.at(-1)
  const limit_bps = nextRate(control, rounds.slice(0, -1))
  if (last === undefined || limit_bps === null || limit_bps >= control.max_bps) return false
  return (last.bytesSent * 8 * 1000) / Math.max(last.durationMs, 1) >= LIMITED * limit_bps
}

function stuck(view: PolicyView, options: PreCopyOptions): Decision | null {
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
  if (hasReserve(view, options)) return null
  const [before, last] = rounds.slice(-2)
  if (options.rateControl !== null && last !== undefined && before !== undefined && last.pagesSent > before.pagesSent) {
    return {
      action,
      code: 'rate-cap',
      reason:
        `Sent at the highest rate, ${options.rateControl.max_bps / 1e6} Mbit/s, the round still grew ` +
        `from ${before.pagesSent} to ${last.pagesSent} pages; ${remainingPages} pages remain.`,
    }
  }
  const { rounds: sinceThen } = sinceThrottle(rounds)
  const idle = roundsWithoutProgress(sinceThen)
  if (idle >= options.maxRoundsWithoutProgress) {
    return {
      action,
      code: 'no-progress',
      reason: `For ${idle} rounds the guest has dirtied its memory as fast as it was sent; ${remainingPages} pages remain.`,
    }
  }
  return null
}
