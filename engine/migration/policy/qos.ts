/** The user's quality-of-service targets: which algorithms keep them, and which of those is taken. */
import type { Importance, MissedTarget, Prediction, QosTargets } from '../../contract/prediction.ts'
import { FerryError } from '../../util/errors.ts'

const FIGURES: Readonly<Record<Importance, (of: Prediction) => number>> = {
  downtime: (of) => of.downtime_ms,
  total: (of) => of.total_ms,
  bytes: (of) => of.bytes_B,
  slowdown: (of) => of.slowdown,
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`

const CHECKS = [
  { target: 'max_downtime_ms', name: 'downtime', figure: (of: Prediction) => of.downtime_ms, unit: ms },
  { target: 'max_total_ms', name: 'total time', figure: (of: Prediction) => of.total_ms, unit: ms },
  { target: 'max_slowdown', name: 'slow-down', figure: (of: Prediction) => of.slowdown, unit: percent },
] as const

/** The targets that a migration of this prediction would miss. */
export function missesOf(prediction: Prediction, targets: QosTargets): MissedTarget[] {
  return CHECKS.flatMap(({ target, name, figure, unit }) => {
    const limit = targets[target]
    const predicted = figure(prediction)
    if (limit === undefined || predicted <= limit) return []
    return [{ target, limit, predicted, text: `${name} ${unit(predicted)}, not ${unit(limit)} at most` }]
  })
}

/**
 * In the order in which they would be taken.
 * @param importance figures, the most important first: smaller ones come first, equal ones are told apart by the next;
 *   none: the order stays
 */
export function ranked(predictions: readonly Prediction[], importance: readonly Importance[] = []): Prediction[] {
  return predictions.toSorted((a, b) => {
    const deciding = importance.find((name) => FIGURES[name](a) !== FIGURES[name](b))
    return deciding === undefined ? 0 : FIGURES[deciding](a) - FIGURES[deciding](b)
  })
}

/**
 * The first that keeps all targets.
 * @throws FerryError `qos.none-fits`, naming what each would miss
 */
export function choose(predictions: readonly Prediction[]): Prediction {
  const fits = predictions.find(({ misses }) => misses.length === 0)
  if (fits !== undefined) return fits
  const why = predictions.map(({ algorithm, misses }) => `${algorithm}: ${misses.map(({ text }) => text).join('; ')}`)
  throw new FerryError(
    'qos.none-fits',
    `No algorithm keeps your targets. ${why.join('. ')}. The guest was not moved; relax a target, or give more bandwidth.`,
    Object.fromEntries(
      predictions.flatMap(({ algorithm, misses }) =>
        misses.map(({ target, predicted }) => [`${algorithm}.${target}`, predicted]),
      ),
    ),
  )
}
