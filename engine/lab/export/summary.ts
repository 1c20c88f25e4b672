/**
 * Groups of runs that were made under the same conditions, each with its statistics. Only completed runs enter the
 * statistics; failed and cancelled ones are counted beside them.
 */
import type { RunReport } from '../../contract/report.ts'
import { savingsUsed } from '../../contract/savings.ts'
import { describe } from './statistics.ts'
import type { BootstrapOptions, Description } from './statistics.ts'

/** What a summary needs of a report. */
export type RunFigures = Omit<RunReport, 'rounds' | 'stages'>

/** The figures that are summarised. */
export const METRICS = ['downtime_ms', 'outage_ms', 'total_ms', 'bytes_sent_B'] as const
export type Metric = (typeof METRICS)[number]

/** What the runs of a group have in common. */
export interface Conditions {
  /** Kinds of source and target, e.g. `xen-kvm`. */
  readonly direction: string
  readonly algorithm: string
  readonly guest: string
  readonly ram_B: number
  readonly workload: string
  readonly link: string
  /** See `savingsUsed`. */
  readonly savings: string
}

export interface SummaryGroup extends Conditions {
  /** All runs of the group; the next three add up to it. */
  readonly n: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** Of the completed runs in which the figure was measured: `n` of each may be less than `completed`. */
  readonly metrics: Readonly<Record<Metric, Description>>
}

export function conditionsOf(report: RunFigures): Conditions {
  const { algorithm, guest, ram_B, workload, link } = report
  const direction = `${report.from_kind}-${report.to_kind}`
  return { direction, algorithm, guest, ram_B, workload, link, savings: savingsUsed(report) }
}

/** One group for each set of conditions, in the order of direction, algorithm, guest, RAM, workload, link and savings. */
export function summarize(reports: Iterable<RunFigures>, options: BootstrapOptions = {}): SummaryGroup[] {
  const groups = new Map<string, { conditions: Conditions; runs: RunFigures[] }>()
  for (const report of reports) {
    const conditions = conditionsOf(report)
    const key = JSON.stringify(Object.values(conditions))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { conditions, runs: [report] })
    else group.runs.push(report)
  }
  return [...groups.values()]
    .sort((a, b) => compare(a.conditions, b.conditions))
    .map(({ conditions, runs }) => summaryOf(conditions, runs, options))
}

function summaryOf(conditions: Conditions, runs: readonly RunFigures[], options: BootstrapOptions): SummaryGroup {
  const having = (outcome: RunReport['outcome']): RunFigures[] => runs.filter((run) => run.outcome === outcome)
  const completed = having('completed')
  const metric = (name: Metric): Description =>
    describe(
      completed.map((run) => run[name]).filter((value) => value !== null),
      options,
    )
  return {
    ...conditions,
    n: runs.length,
    completed: completed.length,
    failed: having('failed').length,
    cancelled: having('cancelled').length,
    metrics: {
      downtime_ms: metric('downtime_ms'),
      outage_ms: metric('outage_ms'),
      total_ms: metric('total_ms'),
      bytes_sent_B: metric('bytes_sent_B'),
    },
  }
}

/** By the code units of texts, so that the order does not depend on the language of the system. */
function compare(a: Conditions, b: Conditions): number {
  const order = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0)
  return (
    order(a.direction, b.direction) ||
    order(a.algorithm, b.algorithm) ||
    order(a.guest, b.guest) ||
    a.ram_B - b.ram_B ||
    order(a.workload, b.workload) ||
    order(a.link, b.link) ||
    order(a.savings, b.savings)
  )
}
