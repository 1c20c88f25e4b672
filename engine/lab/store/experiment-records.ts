/** What the store keeps of experiments, with the schemas that rows are checked against when they are read. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const nullableText = v.nullable(v.string())

/** A computer that measures. The id is random: it tells machines apart, and nothing else about them. */
export const machineRecord = v.object({
  machine_id: v.string(),
  cpu_model: v.string(),
  cores: count,
  memory_B: count,
  /** e.g. `linux x64`. */
  platform: v.string(),
})
export type MachineRecord = v.InferOutput<typeof machineRecord>

export const experimentRecord = v.object({
  experiment_id: v.string(),
  /** The same for all shards of a plan, and for every time that it is carried out. */
  plan_digest: v.string(),
  name: v.string(),
  plan_json: v.string(),
  shard_index: count,
  shard_count: count,
  created_at: v.string(),
  /** `running` of a process that has ended: it was interrupted, and can go on. */
  state: v.picklist(['running', 'paused', 'completed', 'cancelled']),
  /** The process that carries it out; null = none. */
  owner: nullableText,
  /** When it was last seen, Unix ms. */
  owner_seen_ms: v.nullable(v.number()),
})
export type ExperimentRecord = v.InferOutput<typeof experimentRecord>

export const trialRecord = v.object({
  experiment_id: v.string(),
  /** Place in the order of the whole plan, from 0. */
  trial: count,
  /** From 1; the last one counts. */
  attempt: count,
  condition: count,
  repeat: count,
  warm_up: v.pipe(
    v.picklist([0, 1]),
    v.transform((flag) => flag === 1),
  ),
  machine_id: v.string(),
  /** `interrupted`: broken off from outside, and made again. */
  state: v.picklist(['running', 'completed', 'failed', 'interrupted']),
  run_id: nullableText,
  error_code: nullableText,
  error_message: nullableText,
  started_at: v.string(),
  /** From the guest's start to its end; null while it runs. */
  duration_ms: v.nullable(v.number()),
})
export type TrialRecord = v.InferOutput<typeof trialRecord>

/** Which attempt of which trial. */
export type TrialKey = Pick<TrialRecord, 'experiment_id' | 'trial' | 'attempt'>

/** Attempts of an experiment, by how they ended. */
export interface TrialCounts {
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  /** What the last one that failed says of it. */
  readonly failure: string | null
}

/** How an attempt ended. */
export interface TrialEnd {
  readonly state: 'completed' | 'failed' | 'interrupted'
  readonly error: { readonly code: string; readonly message: string } | null
  readonly duration_ms: number
}
