/** Which trial stands for its condition where all of them cannot be drawn in one picture. Pure. */
import type { ResultGroup, ResultMetric, Results } from '../../../../../engine/contract/experiment-results.ts'

export interface MedianTrial {
  readonly run_id: string
  /** Place in the order of the whole plan, from 0. */
  readonly trial: number
}

/** The completed trial with the median of a figure, of an even number the lower one; null where none has the figure. */
export function medianTrial({ attempts }: Results, group: ResultGroup, metric: ResultMetric): MedianTrial | null {
  const { values, trials } = group.metrics[metric]
  const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
  const trial = trials[order[Math.floor((order.length - 1) / 2)] ?? -1]
  // Shards of a plan number their trials alike, so that the run has to be one of this group.
  const made = attempts.find((attempt) => attempt.trial === trial && group.runs.includes(attempt.run_id ?? ''))
  const run_id = made?.run_id ?? null
  return trial === undefined || run_id === null ? null : { run_id, trial }
}
