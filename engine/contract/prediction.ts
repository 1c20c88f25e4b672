/**
 * What is known of a migration before it starts: how fast the guest dirties its memory, what each algorithm of the pool
 * would cost, and which of them keep the user's targets.
 */
import * as v from 'valibot'

const ms = v.pipe(v.number(), v.minValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** 0 = none, 1 = all of it. */
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

const TARGETS = {
  /** Longest time from the vCPU's stop to its first instruction on the target. */
  max_downtime_ms: v.pipe(v.number(), v.minValue(0), v.maxValue(3_600_000)),
  /** From the request to the end of the last stage. */
  max_total_ms: v.pipe(v.number(), v.minValue(0), v.maxValue(86_400_000)),
  /** Bits per second from source to target; the link is slowed down to it. */
  max_bandwidth_bps: v.pipe(v.number(), v.minValue(10_000), v.maxValue(100e9)),
  /** Share of the migration that the guest stands still, waits for pages, or is throttled. */
  max_slowdown: share,
}

/** The user's quality-of-service targets; an absent one does not restrict. */
export const qosTargets = v.partial(v.object(TARGETS))
export type QosTargets = v.InferOutput<typeof qosTargets>

/** A change of targets: absent = as before, null = no longer a target. */
export const targetChanges = v.object({
  max_downtime_ms: v.nullish(TARGETS.max_downtime_ms),
  max_total_ms: v.nullish(TARGETS.max_total_ms),
  max_bandwidth_bps: v.nullish(TARGETS.max_bandwidth_bps),
  max_slowdown: v.nullish(TARGETS.max_slowdown),
})
export type TargetChanges = v.InferOutput<typeof targetChanges>

/** Figures of a prediction that can be ranked, by name. */
export const IMPORTANCE = ['downtime', 'total', 'bytes', 'slowdown'] as const
export const importance = v.pipe(v.array(v.picklist(IMPORTANCE)), v.maxLength(IMPORTANCE.length))
export type Importance = (typeof IMPORTANCE)[number]

/** Time to measure a guest for. */
export const measureMs = v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(5000))

/** Distinct pages of RAM that the guest changes in a stretch of time, on average over the stretches measured. */
export const workingSetPoint = v.object({ window_ms: ms, pages: v.pipe(v.number(), v.minValue(0)) })
export type WorkingSetPoint = v.InferOutput<typeof workingSetPoint>

/** How a guest uses its RAM, measured with the dirty log while it runs. */
export const dirtyRateView = v.object({
  guest: v.string(),
  workload: v.string(),
  /** How long was measured, as it turned out. */
  duration_ms: ms,
  /** Pages changed per second; a page counts once for each step of the measurement in which it changed. */
  pages_per_s: v.pipe(v.number(), v.minValue(0)),
  /** Length of such a step. */
  step_ms: ms,
  /** Shortest window first. */
  working_set: v.array(workingSetPoint),
  ram_pages: count,
  /** Pages of RAM that hold nothing but zeros, and the others, when the measurement ended. */
  zero_pages: count,
  nonzero_pages: count,
})
export type DirtyRateView = v.InferOutput<typeof dirtyRateView>

/** What savings would make of this guest's pages: tried on a sample of them. */
export const savingsSample = v.object({
  /** Pages that were compressed for it; 0 = compression is not wanted, or not known to the target. */
  pages: count,
  compression: v.nullable(
    v.object({
      algorithm: v.string(),
      /** Bytes that came out, as a share of those that went in. */
      ratio: v.pipe(v.number(), v.minValue(0)),
      /** Bytes taken per second. */
      rate_Bps: v.pipe(v.number(), v.minValue(1)),
    }),
  ),
  /** Pages that were seen before and after a change; 0 = deltas are not wanted or known, or nothing changed twice. */
  changed_pages: count,
  /** What changed in a page from one step of the measurement to the next, as a share of the page; null: not known. */
  delta_ratio: v.nullable(v.pipe(v.number(), v.minValue(0))),
})
export type SavingsSample = v.InferOutput<typeof savingsSample>

/** What a prediction takes from this computer. */
export const calibration = v.object({
  /** `runs`: medians of stored runs; `constants`: too few of them, so figures of the machine Ferry was made on. */
  source: v.picklist(['runs', 'constants']),
  /** How many runs the figures were taken from. */
  runs: count,
  /** Part of the downtime that does not depend on pages or link: stop, state, restore, commit. */
  fixed_ms: ms,
  /** Part of the total that does not: connecting, the container, rehearsals, the end. */
  setup_ms: ms,
  /** Memory that both hosts get through in a second, pages of zeros included, where the link is no limit. */
  host_Bps: v.pipe(v.number(), v.minValue(1)),
  /** Wait of the guest for a page that it asks for, less the link's latency and transmission. */
  fault_ms: ms,
})
export type Calibration = v.InferOutput<typeof calibration>

/** How each figure of a prediction comes about, with its numbers. */
export const formulas = v.object({ downtime: v.string(), total: v.string(), bytes: v.string(), slowdown: v.string() })

const figures = {
  algorithm: v.string(),
  downtime_ms: ms,
  total_ms: ms,
  bytes_B: count,
  /** Share of the migration that the guest stands still, waits for pages, or is throttled. */
  slowdown: share,
  formula: formulas,
}

/** A target that an algorithm would miss. The bandwidth is none: every prediction is made with it. */
export const missedTarget = v.object({
  target: v.picklist(['max_downtime_ms', 'max_total_ms', 'max_slowdown']),
  limit: v.number(),
  predicted: v.number(),
  /** The same, in words. */
  text: v.string(),
})
export type MissedTarget = v.InferOutput<typeof missedTarget>

export const prediction = v.object({
  ...figures,
  title: v.string(),
  /** Rounds before the switch-over. */
  rounds: count,
  /** Pages left at the switch-over. */
  remaining_pages: count,
  /** Why the algorithm would switch over then, in a sentence. */
  reason: v.string(),
  /** Empty: all targets are kept. */
  misses: v.array(missedTarget),
})
export type Prediction = v.InferOutput<typeof prediction>

/** Predictions for all algorithms that both hosts have, and what they were made from. */
export const predictionTable = v.object({
  dirty_rate: dirtyRateView,
  link: v.string(),
  /** Rate that the link and the targets allow, bits per second; null = no limit but the hosts'. */
  bandwidth_bps: v.nullable(v.number()),
  /** One way. */
  latency_ms: ms,
  calibration,
  /** Null: told by a lab that did not try. */
  savings: v.optional(v.nullable(savingsSample), null),
  targets: qosTargets,
  /** In the order in which they would be chosen. */
  predictions: v.array(prediction),
  /** Name of the algorithm that is chosen by the targets; null = none fits. */
  chosen: v.nullable(v.string()),
})
export type PredictionTable = v.InferOutput<typeof predictionTable>

/** The prediction that a run was started with. */
export const runPrediction = v.object({ ...figures, targets: qosTargets })
export type RunPrediction = v.InferOutput<typeof runPrediction>
