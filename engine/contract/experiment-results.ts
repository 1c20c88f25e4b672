/** What came of an experiment: figures of each condition, comparisons of levels, and every attempt behind them. */
import * as v from 'valibot'
import { condition, plan } from './experiment-plan.ts'
import { downtimeParts } from './report.ts'

const number = v.number()
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const nullable = v.nullable(number)

/** The figures that are compared. */
export const RESULT_METRICS = ['downtime_ms', 'outage_ms', 'total_ms', 'bytes_sent_B'] as const
export type ResultMetric = (typeof RESULT_METRICS)[number]

export const description = v.object({
  /** In how many completed trials the figure was measured. */
  n: count,
  median: nullable,
  q1: nullable,
  q3: nullable,
  /** Bootstrap interval of the median, 95 %; null below two values. */
  ci_low: nullable,
  ci_high: nullable,
  /** All values, in the order of the trials. */
  values: v.array(number),
  /** For each value, the place of its trial in the order of the whole plan. */
  trials: v.array(count),
})

/** Means of the parts of the downtime, which add up to the mean downtime of the `n` trials that have them. */
export const groupParts = v.object({ n: count, ...downtimeParts.entries })
export type GroupParts = v.InferOutput<typeof groupParts>

/** A trial with more rounds has the others in its run alone. */
export const MOST_ROUNDS = 100

/** A round of pre-copy: medians of the trials that had it. */
export const groupRound = v.object({
  /** 0 is the first, full round. */
  index: count,
  n: count,
  /** Zero pages included. */
  pages_sent: number,
  /** Pages that the guest dirtied while the round was sent. */
  dirty_pages: number,
})
export type GroupRound = v.InferOutput<typeof groupRound>

/** The trials of a condition on a machine, or on all of them. */
export const resultGroup = v.object({
  /** Null: machines are pooled. */
  machine_id: v.nullable(v.string()),
  condition: count,
  title: v.string(),
  completed: count,
  failed: count,
  /** Attempts that were broken off and made again; no part of `n`. */
  interrupted: count,
  /** Ids of the completed runs. */
  runs: v.array(v.string()),
  metrics: v.object({
    downtime_ms: description,
    outage_ms: description,
    total_ms: description,
    bytes_sent_B: description,
  }),
  /** Null where no completed trial has them. */
  downtime_parts: v.nullable(groupParts),
  /** Empty where no completed trial sent any. */
  rounds: v.pipe(v.array(groupRound), v.maxLength(MOST_ROUNDS)),
})
export type ResultGroup = v.InferOutput<typeof resultGroup>

/** Two levels of a factor, all else being equal. */
export const comparison = v.object({
  machine_id: v.nullable(v.string()),
  factor: v.string(),
  metric: v.picklist(RESULT_METRICS),
  /** Indexes of the conditions: the first level of the factor, and another one. */
  a: count,
  b: count,
  a_level: v.string(),
  b_level: v.string(),
  /** The levels of the other factors; empty where there is none. */
  elsewhere: v.string(),
  n_a: count,
  n_b: count,
  median_a: nullable,
  median_b: nullable,
  /** Median of b ÷ median of a, with its bootstrap interval, 95 %. */
  ratio: nullable,
  ratio_low: nullable,
  ratio_high: nullable,
  /** Cliff's delta, −1 to 1: how much more often a value of b is above one of a than below. */
  delta: nullable,
  magnitude: v.nullable(v.picklist(['negligible', 'small', 'medium', 'large'])),
})
export type Comparison = v.InferOutput<typeof comparison>

export const attempt = v.object({
  experiment_id: v.string(),
  trial: count,
  attempt: count,
  condition: count,
  repeat: count,
  warm_up: v.boolean(),
  machine_id: v.string(),
  state: v.picklist(['running', 'completed', 'failed', 'interrupted']),
  run_id: v.nullable(v.string()),
  error: v.nullable(v.object({ code: v.string(), message: v.string() })),
  started_at: v.string(),
  duration_ms: nullable,
})
export type Attempt = v.InferOutput<typeof attempt>

export const machineView = v.object({
  machine_id: v.string(),
  cpu_model: v.string(),
  cores: count,
  memory_B: count,
  platform: v.string(),
})

export const results = v.object({
  plan,
  plan_digest: v.string(),
  experiments: v.array(v.string()),
  conditions: v.array(v.object({ title: v.string(), ...condition.entries })),
  /** Factors with more than one level. */
  factors: v.array(v.string()),
  machines: v.array(machineView),
  pool_machines: v.boolean(),
  /** Measured trials of the whole plan; those that have a completed run; blocks of which nothing is here. */
  expected: count,
  measured: count,
  missing_repeats: v.array(count),
  groups: v.array(resultGroup),
  comparisons: v.array(comparison),
  attempts: v.array(attempt),
})
export type Results = v.InferOutput<typeof results>
