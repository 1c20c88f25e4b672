/**
 * The statistics of the summaries and charts: median, quartiles, bootstrap interval. Pure and seeded.
 *
 * **Quartiles** are those of R's type 7, which NumPy and spreadsheets (QUARTILE.INC) use too: the value at position
 * (n − 1)·p of the ascending values, counted from 0, interpolated linearly between its neighbours.
 *
 * **Interval** of the median: percentile bootstrap. From the n values, n are drawn with replacement and their median
 * taken, 2000 times; the interval lies between the 2.5 % and the 97.5 % quantile (type 7) of these medians.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { medianSorted, quantileSorted } from 'simple-statistics'

export const DEFAULT_SEED = 1
export const DEFAULT_RESAMPLES = 2000
export const DEFAULT_CONFIDENCE = 0.95

export interface BootstrapOptions {
  /** The same seed and values give the same interval, whatever the order of the values. */
  readonly seed?: number
  readonly resamples?: number
  /** Share of the resampled medians that the interval holds, between 0 and 1. */
  readonly confidence?: number
}

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface Description {
  /** How many values there are; the others are null where there is none. */
  readonly n: number
  readonly median: number | null
  readonly q1: number | null
  readonly q3: number | null
  /** Bootstrap interval of the median; null below two values, which say nothing about spread. */
  readonly interval: Interval | null
}

/** The middle value, or the mean of the two middle ones; null of nothing. */
export function median(values: readonly number[]): number | null {
  return values.length === 0 ? null : medianSorted(ascending(values))
}

/** First and third quartile, type 7; null of nothing. */
export function quartiles(values: readonly number[]): { q1: number; q3: number } | null {
  if (values.length === 0) return null
  const sorted = ascending(values)
  return { q1: quantileSorted(sorted, 0.25), q3: quantileSorted(sorted, 0.75) }
}

/** Percentile-bootstrap interval of the median; null below two values. */
export function bootstrapMedian(values: readonly number[], options: BootstrapOptions = {}): Interval | null {
  const { seed = DEFAULT_SEED, resamples = DEFAULT_RESAMPLES, confidence = DEFAULT_CONFIDENCE } = options
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`confidence lies between 0 and 1, not ${confidence}`)
  if (!(Number.isInteger(resamples) && resamples > 0)) throw new RangeError(`${resamples} resamples`)
  if (values.length < 2) return null
  const next = medianResampler(values, xoroshiro128plus(seed))
  return percentileInterval(Array.from({ length: resamples }, next), confidence)
}

/** Each call draws as many values as there are, with replacement, and gives their median. Their order does not matter. */
export function medianResampler(values: readonly number[], random: RandomGenerator): () => number {
  const n = values.length
  const sorted = Float64Array.from(values).sort()
  const sample = new Float64Array(n)
  return () => {
    for (let i = 0; i < n; i++) sample[i] = sorted[uniformInt(random, 0, n - 1)] ?? NaN
    sample.sort()
    return ((sample[(n - 1) >> 1] ?? NaN) + (sample[n >> 1] ?? NaN)) / 2
  }
}

/** What holds this share of the values in its middle. @param values not empty */
export function percentileInterval(values: readonly number[], confidence = DEFAULT_CONFIDENCE): Interval {
  const spread = ascending(values)
  const tail = (1 - confidence) / 2
  return { low: quantileSorted(spread, tail), high: quantileSorted(spread, 1 - tail) }
}

/** All of it at once. */
export function describe(values: readonly number[], options: BootstrapOptions = {}): Description {
  const quarter = quartiles(values)
  return {
    n: values.length,
    median: median(values),
    q1: quarter?.q1 ?? null,
    q3: quarter?.q3 ?? null,
    interval: bootstrapMedian(values, options),
  }
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}
