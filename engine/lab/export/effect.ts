/**
 * How far apart two groups of values are. Pure and seeded.
 *
 * **Cliff's delta**: of all pairs of one value of each group, the share in which b is larger less the share in which b is
 * smaller; −1 to 1, 0 where neither tends to be. It asks for order alone: no outlier and no skew moves it. The words for
 * its size are Romano, Kromrey, Coraggio and Skowronek's (2006): below 0.147 negligible, 0.33 small, 0.474 medium.
 *
 * **Ratio** of the medians, b ÷ a, with a percentile bootstrap: both groups are drawn from anew, each by itself, and the
 * ratio of their medians is taken, 2000 times.
 */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import {
  type BootstrapOptions,
  DEFAULT_CONFIDENCE,
  DEFAULT_RESAMPLES,
  DEFAULT_SEED,
  type Interval,
  median,
  medianResampler,
  percentileInterval,
} from './statistics.ts'

export type Magnitude = 'negligible' | 'small' | 'medium' | 'large'

const SIZES: readonly (readonly [below: number, Magnitude])[] = [
  [0.147, 'negligible'],
  [0.33, 'small'],
  [0.474, 'medium'],
]

/** Null where a group is empty. */
export function cliffsDelta(a: readonly number[], b: readonly number[]): number | null {
  if (a.length === 0 || b.length === 0) return null
  let order = 0
  for (const x of a) for (const y of b) order += Math.sign(y - x)
  return order / (a.length * b.length)
}

export function magnitudeOf(delta: number): Magnitude {
  return SIZES.find(([below]) => Math.abs(delta) < below)?.[1] ?? 'large'
}

export interface Ratio {
  readonly ratio: number
  /** Null below two values in a group. */
  readonly interval: Interval | null
}

/** Median of b ÷ median of a; null where a group is empty or the median of a is not positive. */
export function ratioOfMedians(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions = {},
): Ratio | null {
  const { seed = DEFAULT_SEED, resamples = DEFAULT_RESAMPLES, confidence = DEFAULT_CONFIDENCE } = options
  const [below, above] = [median(a), median(b)]
  if (below === null || above === null || below <= 0) return null
  const ratio = above / below
  if (a.length < 2 || b.length < 2) return { ratio, interval: null }
  const random = xoroshiro128plus(seed)
  const [drawA, drawB] = [medianResampler(a, random), medianResampler(b, random)]
  const ratios = Array.from({ length: resamples }, () => {
    const under = drawA()
    return drawB() / under
  }).filter(Number.isFinite)
  return { ratio, interval: ratios.length === 0 ? null : percentileInterval(ratios, confidence) }
}
