/**
 * Measurements as CSV: RFC 4180 (comma, CRLF, quotes doubled), UTF-8 without a byte order mark, a header with units,
 * dot decimals in full precision, ISO-8601 dates in UTC, `true` and `false`, nothing for null. A text that a spreadsheet
 * would take for a formula gets an apostrophe in front (a peer's error message may be such a text).
 */
import { stringify } from 'csv-stringify/sync'
import * as v from 'valibot'
import { CRITICAL_SPANS } from '../../contract/critical-window.ts'
import type { CriticalSpan, CriticalWindow } from '../../contract/critical-window.ts'
import { STAGE_NAMES, downtimeParts, pullReport, roundReport, slowdownOf } from '../../contract/report.ts'
import type { DowntimeParts, PullReport, RoundReport, RunReport, StageReport } from '../../contract/report.ts'
import { METRICS, summarize } from './summary.ts'
import type { RunFigures, SummaryGroup } from './summary.ts'
import type { BootstrapOptions, Description } from './statistics.ts'

export type Cell = string | number | boolean | null

export interface Column<T> {
  readonly header: string
  readonly cell: (item: T) => Cell
}

/** What an export of probes needs of a run. */
export interface ProbedRun {
  readonly run_id: string
  readonly probes: readonly {
    readonly seq: number
    readonly sent_ms: number
    readonly answered_ms: number | null
    readonly rtt_ms: number | null
  }[]
}

/** Figures of the report that stand in a column of their own name. */
const own = <K extends keyof RunFigures>(name: RunFigures[K] extends Cell ? K : never): Column<RunReport> => ({
  header: name,
  // The parameter's type admits only names whose value is a cell.
  cell: (run) => run[name] as Cell,
})

/** A run; the user's words on it, where they are known. */
type NotedRun = RunReport & { readonly note?: string | null }

export const RUN_COLUMNS: readonly Column<NotedRun>[] = [
  own('run_id'),
  own('started_at'),
  own('outcome'),
  { header: 'error_code', cell: ({ error }) => error?.code ?? null },
  { header: 'error_message', cell: ({ error }) => error?.message ?? null },
  { header: 'error_data_json', cell: ({ error }) => (error === null ? null : JSON.stringify(error.data)) },
  own('guest'),
  own('ram_B'),
  own('from'),
  own('to'),
  own('from_kind'),
  own('to_kind'),
  own('algorithm'),
  own('workload'),
  own('link'),
  own('downtime_ms'),
  own('outage_ms'),
  own('total_ms'),
  ...(Object.keys(downtimeParts.entries) as (keyof DowntimeParts)[]).map((part) => ({
    header: `downtime_parts_${part}`,
    cell: (run: RunReport) => run.downtime_parts?.[part] ?? null,
  })),
  { header: 'rounds', cell: ({ rounds }) => rounds.length },
  ...STAGE_NAMES.flatMap((name, number) => [
    stageColumn(name, number, 'started_ms', (stages) => Math.min(...stages.map((stage) => stage.started_ms))),
    stageColumn(name, number, 'duration_ms', (stages) => stages.reduce((sum, stage) => sum + stage.duration_ms, 0)),
  ]),
  own('pages_sent'),
  own('pages_retransmitted'),
  own('pages_skipped'),
  own('throttle_max'),
  own('throttled_ms'),
  own('bytes_sent_B'),
  { header: 'zero_pages', cell: ({ savings }) => savings?.zero_pages ?? null },
  { header: 'free_pages', cell: ({ savings }) => savings?.free_pages ?? null },
  ...(['pages', 'saved_B', 'misses'] as const).map((figure) => ({
    header: `delta_${figure}`,
    cell: ({ savings }: RunReport): Cell => savings?.delta?.[figure] ?? null,
  })),
  ...(['algorithm', 'frames', 'in_B', 'out_B'] as const).map((figure) => ({
    header: `compression_${figure}`,
    cell: ({ savings }: RunReport): Cell => savings?.compression?.[figure] ?? null,
  })),
  ...(['algorithm', 'downtime_ms', 'total_ms', 'bytes_B', 'slowdown'] as const).map((figure) => ({
    header: `predicted_${figure}`,
    cell: ({ prediction }: RunReport): Cell => prediction?.[figure] ?? null,
  })),
  { header: 'slowdown', cell: (run) => slowdownOf(run) },
  own('ram_equal'),
  own('wrong_pages'),
  own('verify_ms'),
  ...Object.keys(v.omit(pullReport, ['series']).entries).map((figure) => ({
    header: `pull_${figure}`,
    cell: ({ pull }: RunReport): Cell => pull?.[figure as Exclude<keyof PullReport, 'series'>] ?? null,
  })),
  own('guest_check'),
  { header: 'note', cell: ({ note }) => note ?? null },
]

/** e.g. `stage_3_stop_and_copy_duration_ms`; empty where the stage was not reached. */
function stageColumn(
  name: string,
  number: number,
  figure: string,
  of: (stages: readonly StageReport[]) => number,
): Column<RunReport> {
  return {
    header: `stage_${number}_${name.replace(/\W+/g, '_')}_${figure}`,
    cell: (run) => {
      const stages = run.stages.filter((stage) => stage.number === number)
      return stages.length === 0 ? null : of(stages)
    },
  }
}

const ROUND_COLUMNS: readonly Column<{ run: Pick<RunReport, 'run_id'>; round: RoundReport }>[] = [
  { header: 'run_id', cell: ({ run }) => run.run_id },
  ...(Object.keys(roundReport.entries) as (keyof RoundReport)[]).map((name) => ({
    header: name === 'index' ? 'round' : name,
    cell: ({ round }: { round: RoundReport }) => round[name],
  })),
]

const PROBE_COLUMNS: readonly Column<{ run: ProbedRun; probe: ProbedRun['probes'][number] }>[] = [
  { header: 'run_id', cell: ({ run }) => run.run_id },
  { header: 'seq', cell: ({ probe }) => probe.seq },
  { header: 'sent_ms', cell: ({ probe }) => probe.sent_ms },
  { header: 'answered_ms', cell: ({ probe }) => probe.answered_ms },
  { header: 'rtt_ms', cell: ({ probe }) => probe.rtt_ms },
]

const WINDOW_COLUMNS: readonly Column<{ run_id: string; clock: CriticalWindow['clock']; span: CriticalSpan }>[] = [
  { header: 'run_id', cell: ({ run_id }) => run_id },
  { header: 'clock', cell: ({ clock }) => clock },
  { header: 'side', cell: ({ span }) => CRITICAL_SPANS[span.name].lane },
  { header: 'inside', cell: ({ span }) => CRITICAL_SPANS[span.name].inside ?? null },
  { header: 'name', cell: ({ span }) => span.name },
  { header: 'from_ms', cell: ({ span }) => span.from_ms },
  { header: 'to_ms', cell: ({ span }) => span.to_ms },
]

/** e.g. `downtime_median_ms`: the figure's unit stays at the end. */
const SUMMARY_COLUMNS: readonly Column<SummaryGroup>[] = [
  { header: 'direction', cell: (group) => group.direction },
  { header: 'algorithm', cell: (group) => group.algorithm },
  { header: 'guest', cell: (group) => group.guest },
  { header: 'ram_B', cell: (group) => group.ram_B },
  { header: 'workload', cell: (group) => group.workload },
  { header: 'link', cell: (group) => group.link },
  { header: 'savings', cell: (group) => group.savings },
  { header: 'n', cell: (group) => group.n },
  { header: 'completed', cell: (group) => group.completed },
  { header: 'failed', cell: (group) => group.failed },
  { header: 'cancelled', cell: (group) => group.cancelled },
  ...METRICS.flatMap((metric) => describedColumns<SummaryGroup>(metric, (group) => group.metrics[metric])),
]

/** The columns of a summarised figure, whose name ends in its unit. */
export function describedColumns<T>(metric: string, of: (item: T) => Description): Column<T>[] {
  const unit = metric.slice(metric.lastIndexOf('_'))
  const name = metric.slice(0, -unit.length)
  return [
    { header: `${name}_n`, cell: (item) => of(item).n },
    { header: `${name}_median${unit}`, cell: (item) => of(item).median },
    { header: `${name}_q1${unit}`, cell: (item) => of(item).q1 },
    { header: `${name}_q3${unit}`, cell: (item) => of(item).q3 },
    { header: `${name}_ci95_low${unit}`, cell: (item) => of(item).interval?.low ?? null },
    { header: `${name}_ci95_high${unit}`, cell: (item) => of(item).interval?.high ?? null },
  ]
}

/** Raw: one row a run, nested parts in columns of their own. */
export function runsCsv(reports: readonly NotedRun[]): string {
  return csv(RUN_COLUMNS, reports)
}

/** Raw: one row a round. */
export function roundsCsv(reports: readonly Pick<RunReport, 'run_id' | 'rounds'>[]): string {
  return csv(
    ROUND_COLUMNS,
    reports.flatMap((run) => run.rounds.map((round) => ({ run, round }))),
  )
}

/** Raw: one row a stretch of the critical window. */
export function windowsCsv(reports: readonly Pick<RunReport, 'run_id' | 'critical_window'>[]): string {
  return csv(
    WINDOW_COLUMNS,
    reports.flatMap(({ run_id, critical_window: window }) =>
      window === null ? [] : window.spans.map((span) => ({ run_id, clock: window.clock, span })),
    ),
  )
}

/** Raw: one row a request of the network client's probe; a lost one has no answer and no round trip. */
export function probesCsv(runs: readonly ProbedRun[]): string {
  return csv(
    PROBE_COLUMNS,
    runs.flatMap((run) => run.probes.map((probe) => ({ run, probe }))),
  )
}

/** One row for each set of conditions (see `summarize`); the interval is the bootstrap's 95 %. */
export function summaryCsv(reports: readonly RunFigures[], options: Omit<BootstrapOptions, 'confidence'> = {}): string {
  return csv(SUMMARY_COLUMNS, summarize(reports, options))
}

/** One line an item, under a header. */
export function csv<T>(columns: readonly Column<T>[], items: readonly T[]): string {
  const rows = items.map((item) => columns.map(({ cell }) => cell(item)))
  return stringify([columns.map(({ header }) => header), ...rows], {
    record_delimiter: 'windows',
    // Not the default with a delimiter of one's own: a lone CR or LF in a text is quoted too.
    quote_record_delimiter: true,
    escape_formulas: true,
    cast: { boolean: (value) => String(value) },
  })
}
