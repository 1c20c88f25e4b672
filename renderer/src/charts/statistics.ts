/**
 * The statistics of the charts; the same definitions as the engine's exports. Quartiles are R's type 7: the value at
 * position (n − 1)·p of the ascending values, interpolated. Whiskers end at the last value within 1.5 interquartile
 * ranges of the box (Tukey); what lies beyond is drawn as single points.
 */
export interface Box {
  readonly n: number
  readonly min: number
  readonly max: number
  readonly q1: number
  readonly median: number
  readonly q3: number
  readonly whiskerLow: number
  readonly whiskerHigh: number
  /** Ascending. */
  readonly outliers: readonly number[]
}

const WHISKER = 1.5

/** @param sorted ascending, not empty */
export function quantileSorted(sorted: readonly number[], p: number): number {
  const position = (sorted.length - 1) * p
  const below = Math.floor(position)
  const low = sorted[below] ?? NaN
  const high = sorted[below + 1] ?? low
  return low + (position - below) * (high - low)
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

/** Null of nothing. */
export function median(values: readonly number[]): number | null {
  return values.length === 0 ? null : quantileSorted(ascending(values), 0.5)
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Null of nothing. */
export function boxOf(values: readonly number[]): Box | null {
  const sorted = ascending(values)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return null
  const q1 = quantileSorted(sorted, 0.25)
  const q3 = quantileSorted(sorted, 0.75)
  const reach = WHISKER * (q3 - q1)
  const inside = sorted.filter((value) => value >= q1 - reach && value <= q3 + reach)
  return {
    n: sorted.length,
    min,
    max,
    q1,
    median: quantileSorted(sorted, 0.5),
    q3,
    // An interpolated quartile may lie beyond every value inside; a whisker never ends within its box.
    whiskerLow: Math.min(inside[0] ?? q1, q1),
    whiskerHigh: Math.max(inside.at(-1) ?? q3, q3),
    outliers: sorted.filter((value) => value < q1 - reach || value > q3 + reach),
  }
}
