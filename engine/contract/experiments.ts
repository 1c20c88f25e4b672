/** Experiments: methods and events around plans, how one stands, and what came of it. */
import * as v from 'valibot'
import { plan } from './experiment-plan.ts'
import { results } from './experiment-results.ts'

const ms = v.pipe(v.number(), v.minValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(64))

export const shardInput = v.object({
  /** From 1. */
  index: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
})

export const readyMadePlan = v.object({ id: v.string(), plan, question: v.string() })
export type ReadyMadePlan = v.InferOutput<typeof readyMadePlan>

/** What a plan comes to, before it is started. */
export const planCheck = v.object({
  /** Null: there are problems. */
  plan: v.nullable(plan),
  /** Sentences; empty = it can be started. */
  problems: v.array(v.string()),
  /** What to bear in mind, but no obstacle. */
  warnings: v.array(v.string()),
  /** Titles of the conditions. */
  conditions: v.array(v.string()),
  /** Of the shard, warm-up included. */
  trials: count,
  /** How long they take: from this computer's runs, where there are some like them. */
  estimate_ms: v.nullable(ms),
})
export type PlanCheck = v.InferOutput<typeof planCheck>

export const PHASES = ['guest', 'settle', 'migration', 'end'] as const

export const experimentView = v.object({
  experiment_id: v.string(),
  name: v.string(),
  plan,
  plan_digest: v.string(),
  shard: shardInput,
  created_at: v.string(),
  /** `pausing` and `cancelling`: when the trial under way has ended. `interrupted`: its process ended before it did. */
  state: v.picklist([
    'running',
    'pausing',
    'cancelling',
    'paused',
    'interrupted',
    'elsewhere',
    'completed',
    'cancelled',
  ]),
  /** Titles of the conditions, in the plan's order. */
  conditions: v.array(v.string()),
  /** Trials of the shard, warm-up included; those that have ended; those of them that failed. */
  trials: count,
  ended: count,
  failed: count,
  /** Attempts that were broken off and made again. */
  interrupted: count,
  /** The trial under way. */
  current: v.nullable(
    v.object({
      /** Which of the shard's trials, from 1. */
      number: count,
      condition: count,
      repeat: count,
      warm_up: v.boolean(),
      phase: v.picklist(PHASES),
      run_id: v.nullable(v.string()),
    }),
  ),
  /** Null where it does not run. */
  eta_ms: v.nullable(ms),
  /** The last thing that went wrong, in a sentence. */
  problem: v.nullable(v.string()),
})
export type ExperimentView = v.InferOutput<typeof experimentView>

/** Experiments whose results belong together: shards of a plan, or repetitions of it. */
const chosen = {
  experiments: v.pipe(v.array(id), v.minLength(1), v.maxLength(1000)),
  /** Throw the trials of all machines together; else each machine is compared with itself alone. */
  pool_machines: v.optional(v.boolean(), false),
}

export const EXPORTS = ['raw', 'summary', 'comparisons', 'rounds', 'probes'] as const

export const EXPERIMENTS_METHODS = {
  'experiments.plans': { input: v.optional(v.object({}), {}), output: v.array(readyMadePlan) },
  /** Never throws for what is wrong with the plan: that is its result. */
  'experiments.check': {
    input: v.object({ plan: v.unknown(), shard: v.optional(shardInput) }),
    output: planCheck,
  },
  /** One experiment at a time: they would disturb each other. */
  'experiments.start': { input: v.object({ plan, shard: v.optional(shardInput) }), output: experimentView },
  /** Newest first. */
  'experiments.list': { input: v.optional(v.object({}), {}), output: v.array(experimentView) },
  'experiments.get': { input: v.object({ experiment_id: id }), output: experimentView },
  /** After the trial under way. */
  'experiments.pause': { input: v.object({ experiment_id: id }), output: experimentView },
  /** After a pause or a crash: with the trials that are left. */
  'experiments.resume': { input: v.object({ experiment_id: id }), output: experimentView },
  /** Breaks the trial under way off, and ends for good; finished runs stay. */
  'experiments.cancel': { input: v.object({ experiment_id: id }), output: experimentView },
  /** Answers when it does not run any more. */
  'experiments.wait': { input: v.object({ experiment_id: id }), output: experimentView },
  /** Forgets the experiment; its runs stay among the measurements. */
  'experiments.remove': { input: v.object({ experiment_id: id }), output: v.undefined() },
  'experiments.results': { input: v.object(chosen), output: results },
  /** CSV, and what stands in the `.meta.json` beside it. */
  'experiments.export': {
    input: v.object({
      ...chosen,
      what: v.picklist(EXPORTS),
      /** Name of the file that it will be. */
      file: v.optional(v.pipe(v.string(), v.maxLength(255))),
    }),
    output: v.object({ csv: v.string(), rows: count, meta: v.string() }),
  },
  /** The `.meta.json` of a figure that is saved from these results. */
  'experiments.meta': {
    input: v.object({
      ...chosen,
      file: v.pipe(v.string(), v.maxLength(255)),
      what: v.pipe(v.string(), v.maxLength(2000)),
    }),
    output: v.object({ meta: v.string() }),
  },
} as const

export const EXPERIMENTS_EVENTS = {
  /** At most about four times a second for each. */
  'experiments.changed': experimentView,
  'experiments.removed': v.object({ experiment_id: v.string() }),
} as const
