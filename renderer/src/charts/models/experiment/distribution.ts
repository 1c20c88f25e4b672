/** How an experiment's figures are distributed, trial by trial: cumulative, and in the order of the trials. Pure. */
import type { ResultMetric, Results } from '../../../../../engine/contract/experiment-results.ts'
import { about, count, fixed } from '../../../data/format.ts'
import type { LineChart } from '../../model.ts'
import { quantileSorted } from '../../statistics.ts'
import { captionOf, cellsOf, chartId, FIGURES, figureAxis, isLog, measuredCells, type ScaleChoice } from './cells.ts'

type Drawing = (
  results: Results,
  metric: ResultMetric,
  /** Places of the cells that are drawn. */
  shown: ReadonlySet<number>,
  scale?: ScaleChoice,
) => LineChart | null

/** Shares of the table, %. */
const SHARES = [0, 10, 25, 50, 75, 90, 95, 100]

/**
 * Empirical cumulative distribution of each cell: the share of trials with at most that value.
 * Null where none of the cells has the figure.
 */
export const distributionOf: Drawing = (results, metric, shown, scale = 'auto') => {
  const figure = FIGURES[metric]
  const { drawn, left } = shownOf(results, metric, shown)
  const all = drawn.flatMap(({ values }) => values)
  if (all.length === 0) return null
  const end = all.reduce((a, b) => Math.max(a, b))
  const sorted = drawn.map((cell) => ({ ...cell, values: cell.values.toSorted((a, b) => a - b) }))
  return {
    kind: 'lines',
    drawn: 'steps',
    id: chartId(metric, 'distribution'),
    title: `${figure.title}: distribution`,
    definition: `${figure.definition} Each line: the share of a condition’s trials in which the figure was at most that long or large (empirical cumulative distribution); it rises by 1/n at each trial.`,
    caption: captionOf(results, all.length, left),
    summary: sorted
      .map(({ name, values }) => {
        const [half, most] = [0.5, 0.9].map((share) => about(quantileSorted(values, share)))
        return `${name}: half of ${values.length} at most ${half} ${figure.unit}, nine tenths at most ${most} ${figure.unit}.`
      })
      .join(' '),
    table: {
      columns: ['Condition', 'n', ...SHARES.map((share) => `${share} % at most (${figure.unit})`)],
      rows: sorted.map(({ name, values }) => [
        name,
        count(values.length),
        ...SHARES.map((share) => fixed(quantileSorted(values, share / 100), 2)),
      ]),
    },
    series: sorted.map(({ name, look, values }) => ({ name, look, points: stepsOf(values, end) })),
    x: figureAxis(figure, isLog(all, scale)),
    value: { title: 'Share of trials (%)', scale: 'linear', most: 100 },
  }
}

/** From 0 % at the least value to 100 % at the largest, and on to the end of the axis. @param sorted ascending, not empty */
function stepsOf(sorted: readonly number[], end: number): LineChart['series'][number]['points'] {
  const rises = sorted.flatMap((x, i) => (sorted[i + 1] === x ? [] : [{ x, y: (100 * (i + 1)) / sorted.length }]))
  return [{ x: sorted[0] ?? end, y: 0, bare: true }, ...rises, { x: end, y: 100, bare: true }]
}

/**
 * Each trial at its place in the plan's order, so that drift and outliers are seen.
 * Null where none of the cells has the figure.
 */
export const trialsInOrder: Drawing = (results, metric, shown, scale = 'auto') => {
  const figure = FIGURES[metric]
  const { drawn, left } = shownOf(results, metric, shown)
  const series = drawn.map(({ name, look, group, values }) => ({
    name,
    look,
    points: values.map((y, i) => ({ x: (group.metrics[metric].trials[i] ?? 0) + 1, y })),
  }))
  const all = drawn.flatMap(({ values }) => values)
  if (all.length === 0) return null
  return {
    kind: 'lines',
    drawn: 'points',
    id: chartId(metric, 'trials'),
    title: `${figure.title}: trial by trial`,
    definition: `${figure.definition} Each mark: one completed trial, at its place in the order of the plan, warm-up included in the counting. A trend along the axis is drift of the machine; it meets all conditions alike, for every block has each of them once.`,
    caption: captionOf(results, all.length, left),
    summary: series
      .map(({ name, points }) => {
        const ys = points.map(({ y }) => y)
        return `${name}: ${points.length} trials between ${about(Math.min(...ys))} and ${about(Math.max(...ys))} ${figure.unit}.`
      })
      .join(' '),
    table: {
      columns: ['Trial', 'Condition', `${figure.title} (${figure.unit})`],
      rows: series
        .flatMap(({ name, points }) => points.map(({ x, y }) => ({ name, x, y })))
        .sort((a, b) => a.x - b.x)
        .map(({ name, x, y }) => [count(x), name, fixed(y, 2)]),
    },
    series,
    x: { title: 'Place in the order of trials', scale: 'linear', whole: true },
    value: figureAxis(figure, isLog(all, scale)),
  }
}

function shownOf(results: Results, metric: ResultMetric, shown: ReadonlySet<number>) {
  const cells = measuredCells(cellsOf(results), metric)
  const drawn = cells.filter(({ look }) => shown.has(look))
  return { drawn, left: cells.length - drawn.length }
}
