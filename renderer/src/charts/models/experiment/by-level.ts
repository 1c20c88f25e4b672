/** An experiment's figures side by side: as box plots, and as medians with their intervals. Pure. */
import type { ResultMetric, Results } from '../../../../../engine/contract/experiment-results.ts'
import { about, count, fixed } from '../../../data/format.ts'
import type { BarChart, BoxChart } from '../../model.ts'
import { boxOf } from '../../statistics.ts'
import {
  captionOf,
  type Cell,
  cellsOf,
  chartId,
  FIGURES,
  figureAxis,
  isLog,
  measuredCells,
  type ScaleChoice,
} from './cells.ts'

type Measured = Cell & { values: number[] }

/** Null where no completed trial has the figure. */
export function boxesByLevel(results: Results, metric: ResultMetric, scale: ScaleChoice = 'auto'): BoxChart | null {
  const figure = FIGURES[metric]
  const cells = measuredCells(cellsOf(results), metric)
  const all = cells.flatMap(({ values }) => values)
  if (all.length === 0) return null
  const { categories, names, at } = gridOf(cells)
  return {
    kind: 'box',
    id: chartId(metric),
    title: figure.title,
    definition: `${figure.definition} Box: quartiles (R type 7) and median; whiskers: last value within 1.5 interquartile ranges; points: beyond.`,
    caption: captionOf(results, all.length),
    summary: cells
      .map(({ name, values }) => {
        const box = boxOf(values)
        return `${name}: median ${about(box?.median)} ${figure.unit}, quartiles ${about(box?.q1)} to ${about(box?.q3)} ${figure.unit}, n = ${values.length}.`
      })
      .join(' '),
    table: tableOf(cells, metric),
    categories,
    series: names.map((name, look) => ({
      name,
      look,
      boxes: categories.map((category) => boxOf(at(category, name)?.values ?? [])),
    })),
    value: figureAxis(figure, isLog(all, scale)),
  }
}

/** Null where no completed trial has the figure. A column without an interval has one trial only. */
export function mediansByLevel(results: Results, metric: ResultMetric, scale: ScaleChoice = 'auto'): BarChart | null {
  const figure = FIGURES[metric]
  const cells = measuredCells(cellsOf(results), metric)
  if (cells.length === 0) return null
  const { categories, names, at } = gridOf(cells)
  const scaled = (value: number | null | undefined) =>
    value === null || value === undefined ? null : value / figure.divisor
  const medians = cells.flatMap(({ group }) => scaled(group.metrics[metric].median) ?? [])
  return {
    kind: 'bars',
    stacked: false,
    id: chartId(metric, 'medians'),
    title: `${figure.title}: medians`,
    definition: `${figure.definition} Column: median. Bracket: its 95 % interval, by percentile bootstrap with 2000 resamples; it is a little too narrow for few trials.`,
    caption: captionOf(
      results,
      cells.reduce((sum, { values }) => sum + values.length, 0),
    ),
    summary: cells
      .map(({ name, group }) => {
        const { n, median, ci_low, ci_high } = group.metrics[metric]
        const [low, high] = [scaled(ci_low), scaled(ci_high)]
        const interval = low === null || high === null ? 'no interval' : `95 % interval ${about(low)} to ${about(high)}`
        return `${name}: median ${about(scaled(median))} ${figure.unit}, ${interval}, n = ${n}.`
      })
      .join(' '),
    table: tableOf(cells, metric),
    categories,
    categoryTitle: '',
    series: names.map((name, look) => {
      const row = categories.map((category) => at(category, name)?.group.metrics[metric])
      return {
        name,
        look,
        values: row.map((held) => scaled(held?.median)),
        intervals: row.map((held) => {
          const [low, high] = [scaled(held?.ci_low), scaled(held?.ci_high)]
          return low === null || high === null ? null : ([low, high] as const)
        }),
      }
    }),
    value: figureAxis(figure, isLog(medians, scale)),
  }
}

function gridOf(cells: readonly Measured[]) {
  return {
    categories: [...new Set(cells.map(({ category }) => category))],
    names: [...new Set(cells.map(({ series }) => series))],
    at: (category: string, series: string): Measured | undefined =>
      cells.find((cell) => cell.category === category && cell.series === series),
  }
}

function tableOf(cells: readonly Measured[], metric: ResultMetric) {
  const { unit, divisor } = FIGURES[metric]
  return {
    columns: ['Condition', 'n', ...['Median', '95 % from', '95 % to', 'Q1', 'Q3'].map((name) => `${name} (${unit})`)],
    rows: cells.map(({ name, group }) => {
      const { n, median, ci_low, ci_high, q1, q3 } = group.metrics[metric]
      const figures = [median, ci_low, ci_high, q1, q3]
      return [name, count(n), ...figures.map((value) => fixed(value === null ? null : value / divisor, 2))]
    }),
  }
}
