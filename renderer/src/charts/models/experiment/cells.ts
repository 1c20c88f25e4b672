/** The cells of an experiment (a condition, on a machine) as charts place and name them. Pure. */
import type { ResultGroup, ResultMetric, Results } from '../../../../../engine/contract/experiment-results.ts'
import { plural } from '../../../data/format.ts'
import { METRICS } from '../by-condition.ts'

/** A range of more than this factor is drawn on a logarithmic axis, unless the user says otherwise. */
const LOG_FROM = 30

export type ScaleChoice = 'auto' | 'linear' | 'log'

export interface Figure {
  readonly title: string
  readonly definition: string
  readonly unit: string
  /** From the contract's unit to this one. */
  readonly divisor: number
}

export const FIGURES: Readonly<Record<ResultMetric, Figure>> = {
  downtime_ms: { ...METRICS.downtime_ms, unit: 'ms', divisor: 1 },
  outage_ms: { ...METRICS.outage_ms, unit: 'ms', divisor: 1 },
  total_ms: { ...METRICS.total_ms, unit: 'ms', divisor: 1 },
  bytes_sent_B: {
    title: 'Traffic',
    definition: 'All bytes that the source wrote to the connection.',
    unit: 'MB',
    divisor: 1e6,
  },
}

export interface Cell {
  /** With the machine, where there are several. */
  readonly name: string
  /** Place among all cells: its look in every chart of lines. */
  readonly look: number
  readonly category: string
  readonly series: string
  readonly group: ResultGroup
}

/**
 * Where each group stands: the factor with the most levels goes along the axis, all else is a series. The titles of levels
 * are those of the lab, in its order.
 */
export function cellsOf({ conditions, factors, groups, machines, plan }: Results): Cell[] {
  const levels = (factor: string): number => {
    const held = Object.entries(plan.factors).find(([name]) => name === factor)?.[1]
    return held?.length ?? 0
  }
  const along = factors.reduce((most, factor) => (levels(factor) > levels(most) ? factor : most), factors[0] ?? '')
  const at = factors.indexOf(along)
  return groups.map((group, look) => {
    const words = (conditions[group.condition]?.title ?? group.title).split(' · ')
    const machine = machines.length > 1 && group.machine_id !== null ? [group.machine_id] : []
    const name = [group.title, ...machine].join(', ')
    const others = [...words.filter((_, i) => i !== at), ...machine].join(' · ')
    return at < 0
      ? { name, look, category: group.title, series: machine.join() || 'All', group }
      : { name, look, category: words[at] ?? group.title, series: others === '' ? 'All' : others, group }
  })
}

/** Cells in which the figure was measured, with its values in the figure's unit. */
export function measuredCells(cells: readonly Cell[], metric: ResultMetric): (Cell & { values: number[] })[] {
  const { divisor } = FIGURES[metric]
  return cells
    .map((cell) => ({ ...cell, values: cell.group.metrics[metric].values.map((value) => value / divisor) }))
    .filter(({ values }) => values.length > 0)
}

/** Whether the axis of these values is to be logarithmic; one with a value of 0 or less cannot be. */
export function isLog(values: readonly number[], choice: ScaleChoice): boolean {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity)
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity)
  return low > 0 && (choice === 'log' || (choice === 'auto' && high / low > LOG_FROM))
}

/** An axis of a figure. */
export const figureAxis = ({ title, unit }: Figure, log: boolean) => ({
  title: `${title} (${unit})${log ? ', log' : ''}`,
  scale: log ? ('log' as const) : ('linear' as const),
})

/** What is drawn, and what is not. @param drawn completed trials in the drawing */
export function captionOf(results: Results, drawn: number, left = 0): string {
  const failed = results.groups.reduce((sum, group) => sum + group.failed, 0)
  return [
    `${results.plan.name}: n = ${plural(drawn, 'completed trial')}, warm-up left out.`,
    left === 0 ? '' : ` ${plural(left, 'other condition')} not drawn.`,
    failed === 0 ? '' : ` ${plural(failed, 'failed trial')} not drawn.`,
    results.pool_machines && results.machines.length > 1 ? ` ${results.machines.length} machines thrown together.` : '',
  ].join('')
}

/** For file names: `downtime_ms` → `experiment-downtime`. */
export const chartId = (metric: ResultMetric, drawn = ''): string =>
  `experiment-${metric.slice(0, metric.lastIndexOf('_'))}${drawn === '' ? '' : `-${drawn}`}`.replaceAll('_', '-')
