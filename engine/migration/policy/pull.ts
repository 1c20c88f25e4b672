/** Policies of the algorithms that switch over before everything has crossed. */
import type { Policy } from './policy.ts'
import { type PreCopyOptions, preCopy } from './pre-copy.ts'

/** One full round, and one of what has changed meanwhile: most pages that are not written all the time have crossed. */
export const HYBRID_ROUNDS = 2

/** Post-copy (Hines and Gopalan, VEE 2009): the memory of devices, then the switch-over. */
export function pullCopy(): Policy {
  return ({ rounds, remainingPages, pagesTotal }) =>
    rounds.length === 0
      ? {
          action: 'continue',
          code: 'first-round',
          reason: 'First the memory of the devices, which the guest cannot wait for.',
        }
      : {
          action: 'switch-over',
          code: 'stop-at-once',
          reason: `${remainingPages} of ${pagesTotal} pages follow when the guest runs on the target.`,
        }
}

/**
 * Pre-copy's rounds up to a number; what remains follows after the switch-over, however much it is.
 * @param rounds Infinity: as many as pre-copy itself would send
 */
export function hybrid(options: PreCopyOptions, rounds: number): Policy {
  const iterate = preCopy({ ...options, whenStuck: 'switch-over' })
  return (view) => {
    if (view.rounds.length < rounds) {
      const decision = iterate(view)
      if (decision.action === 'continue') return decision
      return { ...decision, reason: `${decision.reason} They follow when the guest runs on the target.` }
    }
    return {
      action: 'switch-over',
      code: 'max-rounds',
      reason: `${view.rounds.length} rounds were sent; ${view.remainingPages} pages follow when the guest runs on the target.`,
    }
  }
}
