/** Figures of a bench: medians with the spread, and tables. */
import { medianSorted, quantileSorted } from 'simple-statistics'

export interface Summary {
  readonly n: number
  readonly median: number
  readonly q1: number
  readonly q3: number
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    n: sorted.length,
    median: medianSorted(sorted),
    q1: quantileSorted(sorted, 0.25),
    q3: quantileSorted(sorted, 0.75),
  }
}

export const show = ({ median, q1, q3, n }: Summary, digits = 2): string =>
  `${median.toFixed(digits)} (${q1.toFixed(digits)}–${q3.toFixed(digits)}, n ${n})`

/** One row of the result: what was measured, the figure, and what it was to reach. */
export interface Row {
  readonly measured: string
  readonly figure: string
  readonly target: string
  readonly reached: boolean
}

/** The benches' figures as a table. */
export function table(rows: readonly Row[]): string {
  return markdownTable([
    ['measured', 'figure: median (quartiles, n)', 'to reach', ''],
    ...rows.map(({ measured, figure, target, reached }) => [measured, figure, target, reached ? 'yes' : 'no']),
  ])
}

/** A Markdown table, padded so that it reads as plain text too; the first row is its head. */
export function markdownTable(cells: readonly (readonly string[])[]): string {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(cells[0]), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n')
}
