/**
 * From plans, attempts and run reports to results. Pure. A condition is summarised for each machine by itself, for two
 * machines differ in more than any condition does; pooled only where the user says so.
 */
import type { Condition, Plan } from '../../contract/experiment-plan.ts'
import {
  type Attempt,
  type Comparison,
  RESULT_METRICS,
  type ResultGroup,
  type ResultMetric,
  type Results,
} from '../../contract/experiment-results.ts'
import type { RunReport } from '../../contract/report.ts'
import { cliffsDelta, magnitudeOf, ratioOfMedians } from '../export/effect.ts'
import { describe } from '../export/statistics.ts'
import type { MachineRecord, TrialRecord } from '../store/experiment-records.ts'
import { conditionsOf, levelText, titleOf, variedFactors } from './expand.ts'
import { partsOf, type Profiled, roundsOf } from './profile.ts'

export interface Measured {
  readonly plan: Plan
  readonly plan_digest: string
  readonly experiments: readonly string[]
  readonly trials: readonly TrialRecord[]
  /** Of the trials that have one in the store. */
  readonly reports: ReadonlyMap<string, Figures>
  readonly machines: readonly MachineRecord[]
}

/** What results take of a run. */
type Figures = Pick<RunReport, ResultMetric> & Profiled

/** @param pool throw the trials of all machines together */
export function resultsOf(measured: Measured, pool: boolean): Results {
  const { plan, plan_digest, experiments, trials } = measured
  const conditions = conditionsOf(plan)
  const own = trials.filter(({ warm_up }) => !warm_up)
  const used = new Set(trials.map(({ machine_id }) => machine_id))
  const machineIds = pool ? [null] : [...used].sort()
  const groups = machineIds.flatMap((machine_id) =>
    conditions.map((made, index) => {
      const held = own.filter((trial) => trial.condition === index && (pool || trial.machine_id === machine_id))
      return groupOf(held, measured.reports, { machine_id, condition: index, title: titleOf(plan, made) })
    }),
  )
  const done = own.filter(({ state }) => state === 'completed')
  const repeats = new Set(done.map(({ repeat }) => repeat))
  return {
    plan,
    plan_digest,
    experiments: [...experiments],
    conditions: conditions.map((made) => ({ title: titleOf(plan, made), ...made })),
    factors: variedFactors(plan),
    machines: measured.machines.filter(({ machine_id }) => used.has(machine_id)),
    pool_machines: pool,
    expected: conditions.length * plan.repeats,
    measured: new Set(done.map(({ condition, repeat }) => `${condition} ${repeat}`)).size,
    missing_repeats: Array.from({ length: plan.repeats }, (_, i) => i + 1).filter((repeat) => !repeats.has(repeat)),
    groups,
    comparisons: comparisonsOf(plan, conditions, groups),
    attempts: trials.map(attemptOf),
  }
}

function groupOf(
  held: readonly TrialRecord[],
  reports: Measured['reports'],
  names: Pick<ResultGroup, 'machine_id' | 'condition' | 'title'>,
): ResultGroup {
  const completed = held.flatMap(({ state, run_id, trial }) => {
    const report = state === 'completed' && run_id !== null ? reports.get(run_id) : undefined
    return report === undefined || run_id === null ? [] : [{ run_id, report, trial }]
  })
  const metric = (name: ResultMetric): ResultGroup['metrics'][ResultMetric] => {
    const measured = completed.flatMap(({ report, trial }) => {
      const value = report[name]
      return value === null ? [] : [{ value, trial }]
    })
    const values = measured.map(({ value }) => value)
    const { n, median, q1, q3, interval } = describe(values)
    const [ci_low, ci_high] = [interval?.low ?? null, interval?.high ?? null]
    return { n, median, q1, q3, ci_low, ci_high, values, trials: measured.map(({ trial }) => trial) }
  }
  return {
    ...names,
    completed: completed.length,
    failed: held.filter(({ state }) => state === 'failed').length,
    interrupted: held.filter(({ state }) => state === 'interrupted').length,
    runs: completed.map(({ run_id }) => run_id),
    metrics: {
      downtime_ms: metric('downtime_ms'),
      outage_ms: metric('outage_ms'),
      total_ms: metric('total_ms'),
      bytes_sent_B: metric('bytes_sent_B'),
    },
    downtime_parts: partsOf(completed.map(({ report }) => report)),
    rounds: roundsOf(completed.map(({ report }) => report)),
  }
}

/** The first level of every varied factor against each other one, all else being equal, on the same machine. */
function comparisonsOf(plan: Plan, conditions: readonly Condition[], groups: readonly ResultGroup[]): Comparison[] {
  const varied = variedFactors(plan)
  const find = (machine: string | null, condition: number): ResultGroup | undefined =>
    groups.find((group) => group.machine_id === machine && group.condition === condition)
  return groups.flatMap((b) => {
    const made = conditions[b.condition]
    return varied.flatMap((factor) => {
      const [first] = plan.factors[factor] ?? []
      if (first === undefined || made[factor] === first) return []
      const others = varied.filter((other) => other !== factor)
      const base = conditions.findIndex(
        (other) => other[factor] === first && others.every((name) => other[name] === made[name]),
      )
      // It may be among those that the plan leaves out.
      const a = base === -1 ? undefined : find(b.machine_id, base)
      if (a === undefined) return []
      const names = {
        machine_id: b.machine_id,
        factor,
        a: a.condition,
        b: b.condition,
        a_level: levelText(factor, first),
        b_level: levelText(factor, made[factor]),
        elsewhere: others.map((other) => levelText(other, made[other])).join(' · '),
      }
      return RESULT_METRICS.map((metric) => ({ ...names, metric, ...effect(a.metrics[metric], b.metrics[metric]) }))
    })
  })
}

type Described = ResultGroup['metrics'][ResultMetric]

function effect(a: Described, b: Described) {
  const ratio = ratioOfMedians(a.values, b.values)
  const delta = cliffsDelta(a.values, b.values)
  return {
    n_a: a.n,
    n_b: b.n,
    median_a: a.median,
    median_b: b.median,
    ratio: ratio?.ratio ?? null,
    ratio_low: ratio?.interval?.low ?? null,
    ratio_high: ratio?.interval?.high ?? null,
    delta,
    magnitude: delta === null ? null : magnitudeOf(delta),
  }
}

function attemptOf({ error_code, error_message, ...trial }: TrialRecord): Attempt {
  return { ...trial, error: error_code === null ? null : { code: error_code, message: error_message ?? '' } }
}
