/** Results as CSV, in the conventions of `export/csv.ts`. Pure. */
import { FACTORS } from '../../contract/experiment-plan.ts'
import {
  type Attempt,
  type Comparison,
  RESULT_METRICS,
  type ResultGroup,
  type Results,
} from '../../contract/experiment-results.ts'
import type { RunReport } from '../../contract/report.ts'
import { type Column, csv, describedColumns, RUN_COLUMNS } from '../export/csv.ts'

/** Raw: one row an attempt, in order; warm-up, failed and broken-off ones too, told apart by their columns. */
export function attemptsCsv(results: Results, reports: ReadonlyMap<string, RunReport>): string {
  return csv(
    attemptColumns(results),
    results.attempts.map((attempt) => ({
      attempt,
      report: attempt.run_id === null ? null : (reports.get(attempt.run_id) ?? null),
    })),
  )
}

interface AttemptRow {
  readonly attempt: Attempt
  /** Null: there was no migration. */
  readonly report: RunReport | null
}

function attemptColumns({ plan, plan_digest, conditions }: Results): Column<AttemptRow>[] {
  const of = (header: string, cell: (attempt: Attempt) => string | number | boolean | null): Column<AttemptRow> => ({
    header,
    cell: ({ attempt }) => cell(attempt),
  })
  return [
    of('experiment_id', ({ experiment_id }) => experiment_id),
    { header: 'plan', cell: () => plan.name },
    { header: 'plan_digest', cell: () => plan_digest },
    of('machine_id', ({ machine_id }) => machine_id),
    of('trial', ({ trial }) => trial),
    of('attempt', ({ attempt }) => attempt),
    of('repeat', ({ repeat }) => repeat),
    of('warm_up', ({ warm_up }) => warm_up),
    of('condition', ({ condition }) => condition),
    of('condition_title', ({ condition }) => conditions[condition].title),
    of('trial_state', ({ state }) => state),
    of('trial_error_code', ({ error }) => error?.code ?? null),
    of('trial_error_message', ({ error }) => error?.message ?? null),
    of('trial_started_at', ({ started_at }) => started_at),
    of('trial_duration_ms', ({ duration_ms }) => duration_ms),
    ...FACTORS.map((factor) => of(`factor_${factor}`, ({ condition }) => conditions[condition][factor])),
    ...RUN_COLUMNS.map(({ header, cell }): Column<AttemptRow> => ({
      header,
      cell: ({ report }) => (report === null ? null : cell(report)),
    })),
  ]
}

/** One row a condition on a machine; on all of them, `machine_id` is `pooled`. */
export function groupsCsv(results: Results): string {
  const { conditions } = results
  const columns: Column<ResultGroup>[] = [
    { header: 'machine_id', cell: ({ machine_id }) => machine_id ?? 'pooled' },
    { header: 'condition', cell: ({ condition }) => condition },
    { header: 'condition_title', cell: ({ title }) => title },
    ...FACTORS.map((factor): Column<ResultGroup> => ({
      header: `factor_${factor}`,
      cell: ({ condition }) => conditions[condition][factor],
    })),
    { header: 'completed', cell: ({ completed }) => completed },
    { header: 'failed', cell: ({ failed }) => failed },
    { header: 'interrupted', cell: ({ interrupted }) => interrupted },
    ...RESULT_METRICS.flatMap((metric) =>
      describedColumns<ResultGroup>(metric, ({ metrics }) => {
        const { n, median, q1, q3, ci_low: low, ci_high: high } = metrics[metric]
        return { n, median, q1, q3, interval: low === null || high === null ? null : { low, high } }
      }),
    ),
  ]
  return csv(columns, results.groups)
}

const own = <K extends keyof Comparison>(name: K): Column<Comparison> => ({ header: name, cell: (row) => row[name] })

const COMPARISON_COLUMNS: readonly Column<Comparison>[] = [
  { header: 'machine_id', cell: ({ machine_id }) => machine_id ?? 'pooled' },
  own('factor'),
  own('a_level'),
  own('b_level'),
  own('elsewhere'),
  own('metric'),
  { header: 'condition_a', cell: ({ a }) => a },
  { header: 'condition_b', cell: ({ b }) => b },
  own('n_a'),
  own('n_b'),
  own('median_a'),
  own('median_b'),
  { header: 'ratio_of_medians', cell: ({ ratio }) => ratio },
  { header: 'ratio_ci95_low', cell: ({ ratio_low }) => ratio_low },
  { header: 'ratio_ci95_high', cell: ({ ratio_high }) => ratio_high },
  { header: 'cliffs_delta', cell: ({ delta }) => delta },
  { header: 'cliffs_delta_magnitude', cell: ({ magnitude }) => magnitude },
]

/** One row a figure of two levels. Medians have the unit that the figure's name ends in. */
export const comparisonsCsv = ({ comparisons }: Results): string => csv(COMPARISON_COLUMNS, comparisons)
