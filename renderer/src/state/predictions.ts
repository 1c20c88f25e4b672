/** Predictions as people read them, before a migration and beside what came of it. Pure. */
import type { MissedTarget, Prediction, PredictionTable, RunPrediction } from '../../../engine/contract/prediction.ts'
import { type RunReport, slowdownOf } from '../../../engine/contract/report.ts'
import { bits, count, ms, plural, traffic } from './units.ts'

export type Verdict = 'chosen' | 'keeps' | 'misses'

export function verdictOf({ algorithm, misses }: Prediction, chosen: string | null): Verdict {
  if (misses.length > 0) return 'misses'
  return algorithm === chosen ? 'chosen' : 'keeps'
}

/** Whether a figure is over its target. */
export const isOver = ({ misses }: Prediction, target: MissedTarget['target']): boolean =>
  misses.some((miss) => miss.target === target)

/** A share as people read it: small ones are not nothing. */
export const shareText = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`

/** What the predictions were made from. */
export function basisOf({ dirty_rate, bandwidth_bps, latency_ms, calibration, savings }: PredictionTable): string {
  const { guest, pages_per_s, duration_ms, nonzero_pages, ram_pages } = dirty_rate
  const link = bandwidth_bps === null ? 'no limit of bandwidth' : bits(bandwidth_bps)
  const source =
    calibration.source === 'runs'
      ? `the figures of this computer are from ${plural(calibration.runs, 'run')}`
      : 'too few runs are stored, so the figures of the computer are those of the one Ferry was made on'
  return [
    `Watched for ${ms(duration_ms)}, ${guest} dirtied ${count(pages_per_s)} pages a second;`,
    `${count(nonzero_pages)} of its ${count(ram_pages)} pages hold data.`,
    ...sampleSentences(savings),
    `Link: ${link}, ${latency_ms === 0 ? 'no latency' : `${ms(latency_ms)} one way`}; ${source}.`,
  ].join(' ')
}

function sampleSentences(savings: PredictionTable['savings']): string[] {
  if (savings === null) return []
  const { pages, compression, changed_pages, delta_ratio } = savings
  return [
    ...(compression === null
      ? []
      : [
          `${plural(pages, 'page')} of them, tried, shrank to ${shareText(compression.ratio)} by ${compression.algorithm}.`,
        ]),
    ...(delta_ratio === null
      ? []
      : [`What changes in a page is ${shareText(delta_ratio)} of it, as ${plural(changed_pages, 'change')} showed.`]),
  ]
}

export interface Foretold {
  readonly name: string
  readonly predicted: string
  readonly actual: string
  /** How far off, of the predicted: `+12 %`; empty where it cannot be told. */
  readonly difference: string
  readonly formula: string
}

function differenceOf(predicted: number, actual: number | null): string {
  if (actual === null || predicted === 0) return ''
  const percent = Math.round(100 * (actual / predicted - 1))
  return percent === 0 ? '±0 %' : `${percent > 0 ? '+' : '−'}${count(Math.abs(percent))} %`
}

/** Predicted figures beside those that were measured. */
export function foretold(prediction: RunPrediction, run: RunReport): readonly Foretold[] {
  const { formula } = prediction
  const row = (name: string, figures: [number, number | null], text: (value: number) => string, how: string) => ({
    name,
    predicted: text(figures[0]),
    actual: figures[1] === null ? '–' : text(figures[1]),
    difference: differenceOf(...figures),
    formula: how,
  })
  return [
    row('Downtime', [prediction.downtime_ms, run.downtime_ms], ms, formula.downtime),
    row('Total', [prediction.total_ms, run.total_ms], ms, formula.total),
    row('Sent', [prediction.bytes_B, run.bytes_sent_B], traffic, formula.bytes),
    row('Slow-down', [prediction.slowdown, slowdownOf(run)], shareText, formula.slowdown),
  ]
}
