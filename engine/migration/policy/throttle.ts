/**
 * Slowing the vCPU down until the rounds converge, as QEMU's auto-converge does (`migration/ram.c`,
 * `migration_trigger_throttle`; defaults of `migration/options.c`).
 */
import type { RoundFacts } from './policy.ts'

export interface ThrottleSteps {
  /** The first share of its time that the vCPU sleeps, 0–1. */
  readonly initial: number
  /** Added each time that this was not enough. */
  readonly step: number
  /** Never more than this. */
  readonly cap: number
}

/** QEMU: `cpu-throttle-initial` 20, `cpu-throttle-increment` 10, `max-cpu-throttle` 99, in percent. */
export const QEMU_THROTTLE: ThrottleSteps = { initial: 0.2, step: 0.1, cap: 0.99 }
/** QEMU: `throttle-trigger-threshold`, 50 %: the share of what was sent that has been dirtied again. */
const TRIGGER = 0.5
/** QEMU: so many such periods in a row. */
const PERIODS = 2

/** Whether each of the last rounds left more than half as many pages as it had sent. */
function fallsBehind(rounds: readonly RoundFacts[]): boolean {
  const last = rounds.slice(-PERIODS)
  return last.length === PERIODS && last.every(({ dirtyPages, pagesSent }) => dirtyPages > TRIGGER * pagesSent)
}

/**
 * The share for the next round; less than now only where the cap was lowered.
 * @param current share in force, 0 = none
 * @param rounds since that share came into force
 */
export function nextThrottle(steps: ThrottleSteps | null, current: number, rounds: readonly RoundFacts[]): number {
  if (steps === null) return current
  if (current > steps.cap) return steps.cap
  if (!fallsBehind(rounds)) return current
  if (current === 0) return Math.min(steps.initial, steps.cap)
  // Shares are shown: whole percents, where sums of tenths are none.
  return Math.min(Math.round((current + steps.step) * 1000) / 1000, steps.cap)
}
