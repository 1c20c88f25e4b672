/** Results of an experiment whose runs are given: conditions take turns, as in a plan with a condition each. */
import type { Results } from '../../../engine/contract/experiment-results.ts'
import type { PlanInput } from '../../../engine/contract/experiment-plan.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import { conditionsOf } from '../../../engine/lab/experiments/expand.ts'
import { resultsOf } from '../../../engine/lab/experiments/results.ts'
import { MACHINE, planOf } from './plans.ts'

/** @param machines more than one: blocks take turns on them */
export function resultsFrom(
  reports: readonly RunReport[],
  input: Omit<PlanInput, 'format' | 'name'>,
  { machines = [MACHINE], pool = false } = {},
): Results {
  const plan = planOf(input)
  const conditions = conditionsOf(plan).length
  const trials = reports.map(({ run_id, outcome }, trial) => {
    const block = Math.floor(trial / conditions)
    return {
      experiment_id: 'e',
      trial,
      attempt: 1,
      condition: trial % conditions,
      repeat: 1 + block,
      warm_up: false,
      machine_id: machines[block % machines.length]?.machine_id ?? '',
      state: outcome === 'completed' ? ('completed' as const) : ('failed' as const),
      run_id,
      error_code: null,
      error_message: null,
      started_at: '2026-01-01T00:00:00.000Z',
      duration_ms: 1234.5,
    }
  })
  const held = new Map(reports.map((report) => [report.run_id, report]))
  return resultsOf({ plan, plan_digest: 'd', experiments: ['e'], trials, reports: held, machines }, pool)
}
