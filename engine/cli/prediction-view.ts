/** Predictions as text: all algorithms before a migration, predicted against actual after it. */
import type { DirtyRateView, Prediction, PredictionTable, WorkingSetPoint } from '../contract/prediction.ts'
import { type RunReport, slowdownOf } from '../contract/report.ts'
import { bitRate, count, memory, ms, percent, plural, traffic } from './format.ts'
import { type Column, pairs, table } from './table.ts'

const PAGE_B = 4096
const share = (value: number): string => percent(value, 1)

const COLUMNS: readonly Column<Prediction & { readonly chosen: boolean }>[] = [
  { title: 'algorithm', cell: ({ algorithm, chosen }) => `${algorithm}${chosen ? ' *' : ''}` },
  { title: 'downtime', align: 'right', cell: ({ downtime_ms }) => ms(downtime_ms) },
  { title: 'total', align: 'right', cell: ({ total_ms }) => ms(total_ms) },
  { title: 'bytes', align: 'right', cell: ({ bytes_B }) => traffic(bytes_B) },
  { title: 'slow-down', align: 'right', cell: ({ slowdown }) => share(slowdown) },
  { title: 'rounds', align: 'right', cell: ({ rounds }) => count(rounds) },
  {
    title: 'targets',
    cell: ({ misses }) => (misses.length === 0 ? 'kept' : misses.map(({ text }) => text).join('; ')),
  },
]

/** Every algorithm with its figures and formulas; `chosen` is marked. */
export function predictionText(told: PredictionTable, chosen: string | null): string {
  const { calibration, dirty_rate: rate } = told
  const rows = told.predictions.map((each) => ({ ...each, chosen: each.algorithm === chosen }))
  const source =
    calibration.source === 'runs'
      ? `medians of ${plural(calibration.runs, 'run')} in the store`
      : 'constants: the store has too few runs on an unlimited link'
  const limit = told.bandwidth_bps === null ? 'no limit' : bitRate(told.bandwidth_bps / 8)
  const formulas = rows.flatMap(({ algorithm, formula }) =>
    Object.entries(formula).map(([figure, text], i) => [i === 0 ? algorithm : '', `${figure} = ${text}`] as const),
  )
  return [
    `Predictions: ${ratesText(rate)}; link ${limit}, latency ${ms(told.latency_ms)}`,
    `Fixed parts: ${source}`,
    ...sampleLines(told.savings),
    table(COLUMNS, rows, '  '),
    '',
    pairs(formulas),
  ].join('\n')
}

function sampleLines(savings: PredictionTable['savings']): string[] {
  const { pages = 0, compression = null, changed_pages = 0, delta_ratio = null } = savings ?? {}
  const parts = [
    ...(compression === null
      ? []
      : [`${plural(pages, 'page')} shrank to ${share(compression.ratio)} by ${compression.algorithm}`]),
    ...(delta_ratio === null ? [] : [`${plural(changed_pages, 'change')} took ${share(delta_ratio)} of a page`]),
  ]
  return parts.length === 0 ? [] : [`Savings: ${parts.join(', ')}`]
}

const ratesText = (rate: DirtyRateView): string =>
  `${count(Math.round(rate.pages_per_s))} pages/s dirtied, ${count(rate.nonzero_pages)} of ${count(rate.ram_pages)} pages not zero`

interface Comparison {
  readonly figure: string
  readonly predicted: number
  readonly actual: number | null
  readonly text: (value: number) => string
}

const COMPARED: readonly Column<Comparison>[] = [
  { title: 'figure', cell: ({ figure }) => figure },
  { title: 'predicted', align: 'right', cell: ({ predicted, text }) => text(predicted) },
  { title: 'actual', align: 'right', cell: ({ actual, text }) => (actual === null ? '' : text(actual)) },
  {
    title: 'actual ÷ predicted',
    align: 'right',
    cell: ({ actual, predicted }) => (actual === null || predicted === 0 ? '' : (actual / predicted).toFixed(2)),
  },
]

/** Predicted against actual; empty where nothing was predicted. */
export function comparisonText(run: RunReport): string {
  const { prediction } = run
  if (prediction === null) return ''
  const crossed = run.downtime_ms !== null
  const rows: Comparison[] = [
    { figure: 'downtime', predicted: prediction.downtime_ms, actual: run.downtime_ms, text: ms },
    { figure: 'total', predicted: prediction.total_ms, actual: crossed ? run.total_ms : null, text: ms },
    { figure: 'bytes', predicted: prediction.bytes_B, actual: crossed ? run.bytes_sent_B : null, text: traffic },
    { figure: 'slow-down', predicted: prediction.slowdown, actual: slowdownOf(run), text: share },
  ]
  return `  predicted for ${prediction.algorithm}, and actual\n${table(COMPARED, rows, '  ')}`
}

const WORKING_SET: readonly Column<WorkingSetPoint>[] = [
  { title: 'window', align: 'right', cell: ({ window_ms }) => ms(window_ms) },
  { title: 'pages changed', align: 'right', cell: ({ pages }) => count(Math.round(pages)) },
  { title: 'memory', align: 'right', cell: ({ pages }) => traffic(Math.round(pages) * PAGE_B) },
]

/** A measured dirty rate. */
export function dirtyRateText(rate: DirtyRateView): string {
  const { pages_per_s, ram_pages, zero_pages, nonzero_pages } = rate
  return [
    `${rate.guest} · ${rate.workload} · measured for ${ms(rate.duration_ms)} in steps of ${ms(rate.step_ms)}`,
    pairs([
      ['dirtying rate', `${count(Math.round(pages_per_s))} pages/s, ${bitRate(pages_per_s * PAGE_B)}`],
      ['RAM', `${memory(ram_pages * PAGE_B)}, ${plural(ram_pages, 'page')}`],
      ['pages not zero', `${count(nonzero_pages)} (${percent(nonzero_pages, ram_pages)})`],
      ['pages of zeros', `${count(zero_pages)} (${percent(zero_pages, ram_pages)})`],
    ]),
    '',
    table(WORKING_SET, rate.working_set, '  '),
  ].join('\n')
}
