/** How an experiment stands, from what the store has of it and, where it runs here, from the experiment itself. Pure. */
import type { Plan } from '../../contract/experiment-plan.ts'
import type { ExperimentView } from '../../contract/experiments.ts'
import type { ExperimentRecord, TrialRecord } from '../store/experiment-records.ts'
import type { ActiveExperiment } from './experiment.ts'
import { trialsOf } from './expand.ts'

export interface Standing {
  readonly record: ExperimentRecord
  readonly plan: Plan
  readonly conditions: string[]
  readonly trials: readonly TrialRecord[]
  /** Null: it does not run here. */
  readonly active: Pick<ActiveExperiment, 'state' | 'problem' | 'current' | 'eta_ms' | 'left'> | null
  /** A living process carries it out. */
  readonly held: boolean
}

export function viewOf({ record, plan, conditions, trials, active, held }: Standing): ExperimentView {
  const count = (...states: TrialRecord['state'][]): number =>
    trials.filter(({ state }) => states.includes(state)).length
  const ended = count('completed', 'failed')
  const over = new Set(
    trials.flatMap(({ trial, state }) => (state === 'completed' || state === 'failed' ? [trial] : [])),
  )
  const shard = { index: record.shard_index, count: record.shard_count }
  const failure = trials.findLast(({ state, error_message }) => state === 'failed' && error_message !== null)
  const current = active?.current ?? null
  return {
    experiment_id: record.experiment_id,
    name: record.name,
    plan,
    plan_digest: record.plan_digest,
    shard,
    created_at: record.created_at,
    state: active?.state ?? stateOf(record, held),
    conditions,
    // Warm-up that was made once more adds to both.
    trials: ended + (active?.left ?? trialsOf(plan, shard).filter(({ trial }) => !over.has(trial)).length),
    ended,
    failed: count('failed'),
    interrupted: count('interrupted'),
    // Trials are numbered through, whatever a pause was between them.
    current: current === null ? null : { ...current, number: ended + 1 },
    eta_ms: active?.eta_ms ?? null,
    problem: active?.problem ?? failure?.error_message ?? null,
  }
}

function stateOf({ state }: ExperimentRecord, held: boolean): ExperimentView['state'] {
  if (state !== 'running') return state
  return held ? 'elsewhere' : 'interrupted'
}
