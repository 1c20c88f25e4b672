/** Box plots of an experiment's figures: the factor with the most levels along the axis, a series for all else. Pure. */
import type { ResultGroup, ResultMetric, Results } from '../../../../engine/contract/experiment-results.ts'
import { about, count, fixed, plural } from '../../data/format.ts'
import type { BoxChart } from '../model.ts'
import { boxOf } from '../statistics.ts'
import { METRICS } from './by-condition.ts'

/** A range of more than this factor is drawn on a logarithmic axis, unless the user says otherwise. */
const LOG_FROM = 30

const FIGURES: Readonly<Record<ResultMetric, { title: string; definition: string; unit: string; divisor: number }>> = {
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

interface Placed {
  readonly category: string
  readonly series: string
  readonly group: ResultGroup
}

/** Where each group stands: the titles of levels are those of the lab, in its order. */
export function placed({ conditions, factors, groups, machines, plan }: Results): Placed[] {
  const levels = (factor: string): number => {
    const held = Object.entries(plan.factors).find(([name]) => name === factor)?.[1]
    return held?.length ?? 0
  }
  const along = factors.reduce((most, factor) => (levels(factor) > levels(most) ? factor : most), factors[0] ?? '')
  const at = factors.indexOf(along)
  return groups.map((group) => {
    const words = (conditions[group.condition]?.title ?? group.title).split(' · ')
    const machine = machines.length > 1 && group.machine_id !== null ? [group.machine_id] : []
    const others = [...words.filter((_, i) => i !== at), ...machine].join(' · ')
    return at < 0
      ? { category: group.title, series: machine.join() || 'All', group }
      : { category: words[at] ?? group.title, series: others === '' ? 'All' : others, group }
  })
}

/** Null where no completed trial has the figure. */
export function boxesByLevel(
  results: Results,
  metric: ResultMetric,
  scale: 'linear' | 'log' | 'auto' = 'auto',
): BoxChart | null {
  const { title, definition, unit, divisor } = FIGURES[metric]
  const cells = placed(results).map((place) => ({
    ...place,
    values: place.group.metrics[metric].values.map((value) => value / divisor),
  }))
  const all = cells.flatMap(({ values }) => values)
  if (all.length === 0) return null
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))]
  const log = low > 0 && (scale === 'log' || (scale === 'auto' && high / low > LOG_FROM))
  const categories = [...new Set(cells.map(({ category }) => category))]
  const names = [...new Set(cells.map(({ series }) => series))]
  const failed = results.groups.reduce((sum, group) => sum + group.failed, 0)
  const figures = cells.filter(({ values }) => values.length > 0)
  return {
    kind: 'box',
    id: `experiment-${metric.slice(0, metric.lastIndexOf('_'))}`,
    title,
    definition: `${definition} Box: quartiles (R type 7) and median; whiskers: last value within 1.5 interquartile ranges; points: beyond.`,
    caption:
      `${results.plan.name}: n = ${plural(all.length, 'completed trial')}, warm-up left out.` +
      (failed === 0 ? '' : ` ${plural(failed, 'failed trial')} not drawn.`) +
      (results.pool_machines && results.machines.length > 1
        ? ` ${results.machines.length} machines thrown together.`
        : ''),
    summary: figures
      .map(({ group, values }) => {
        const box = boxOf(values)
        return `${group.title}: median ${about(box?.median)} ${unit}, quartiles ${about(box?.q1)} to ${about(box?.q3)} ${unit}, n = ${values.length}.`
      })
      .join(' '),
    table: {
      columns: ['Condition', 'n', ...['Median', '95 % from', '95 % to', 'Q1', 'Q3'].map((name) => `${name} (${unit})`)],
      rows: figures.map(({ group, series }) => {
        const { n, median, ci_low, ci_high, q1, q3 } = group.metrics[metric]
        const machine = series.endsWith(group.machine_id ?? ' ') ? ` (${group.machine_id ?? ''})` : ''
        return [
          group.title + machine,
          count(n),
          ...[median, ci_low, ci_high, q1, q3].map((value) => fixed(value === null ? null : value / divisor, 2)),
        ]
      }),
    },
    categories,
    series: names.map((name, look) => ({
      name,
      look,
      boxes: categories.map((category) =>
        boxOf(cells.filter((cell) => cell.category === category && cell.series === name).flatMap((c) => c.values)),
      ),
    })),
    value: { title: `${title} (${unit})${log ? ', log' : ''}`, scale: log ? 'log' : 'linear' },
  }
}
