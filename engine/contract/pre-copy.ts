/** What a user may say about iterative pre-copy; hybrid's rounds follow it too. */
import * as v from 'valibot'

const rate_bps = v.pipe(v.number(), v.minValue(10_000), v.maxValue(100e9))

export const preCopyInput = v.object({
  threshold_pages: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  max_rounds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
  max_factor: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(1000))),
  /** Each round at the dirtying rate of the last one plus a step, within bounds; absent: as fast as the link takes. */
  rate_control: v.optional(
    v.object({
      /** Rate of the first round; never less. */
      min_bps: v.optional(rate_bps, 100e6),
      step_bps: v.optional(rate_bps, 50e6),
      max_bps: v.optional(rate_bps, 500e6),
    }),
  ),
  /** Leave pages that were dirtied again since the round began to the next one. */
  skip_dirtied: v.optional(v.boolean(), true),
  /** Slow the vCPU down in steps where the rounds do not converge. */
  throttle: v.optional(v.boolean(), false),
  /** Where the rounds do not converge, switch over and pull the rest, if both hosts have `hybrid`. */
  then_pull: v.optional(v.boolean(), false),
})
export type PreCopyInput = v.InferInput<typeof preCopyInput>
