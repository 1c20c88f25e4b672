/** How an experiment stands, from what the store has of it and, where it runs here, from the experiment itself. Pure. */
import type { Plan } from '../../contract/experiment-plan.ts'
import type { ExperimentView } from '../../contract/experiments.ts'
import type { ExperimentRecord, TrialCounts } from '../store/experiment-records.ts'
import type { ActiveExperiment } from './experiment.ts'

export interface Standing {
  readonly record: ExperimentRecord
  readonly plan: Plan
  readonly conditions: string[]
  readonly counts: TrialCounts
  /** Trials that are left; warm-up that is made once more is among them. */
  readonly left: number
  /** Null: it does not run here. */
  readonly active: Pick<ActiveExperiment, 'state' | 'problem' | 'current' | 'eta_ms'> | null
  /** A living process carries it out. */
  readonly held: boolean
}

export function viewOf({ record, plan, conditions, counts, left, active, held }: Standing): ExperimentView {
  const ended = counts.completed + counts.failed
  const current = active?.current ?? null
  return {
    experiment_id: record.experiment_id,
    name: record.name,
    plan,
    plan_digest: record.plan_digest,
    shard: { index: record.shard_index, count: record.shard_count },
    created_at: record.created_at,
    state: active?.state ?? stateOf(record, held),
    conditions,
    trials: ended + left,
    ended,
    failed: counts.failed,
    interrupted: counts.interrupted,
    // Trials are numbered through, whatever a pause was between them.
    current: current === null ? null : { ...current, number: ended + 1 },
    eta_ms: active?.eta_ms ?? null,
    problem: active?.problem ?? counts.failure,
  }
}

function stateOf({ state }: ExperimentRecord, held: boolean): ExperimentView['state'] {
  if (state !== 'running') return state
  return held ? 'elsewhere' : 'interrupted'
}
