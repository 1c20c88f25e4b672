/** From a value to a place, and where an axis has its marks. */
import type { BarChart } from '../model.ts'

export interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** About `wanted` round numbers from `low` to `high`: multiples of 1, 2 or 5 times a power of ten. */
export function linearTicks(low: number, high: number, wanted = 6): number[] {
  if (!(high > low)) return [low]
  const rough = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** Powers of ten, and where they are few, 2 and 5 times them as well. */
export function logTicks(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low))
  const to = Math.ceil(Math.log10(high))
  const factors = to - from <= 3 ? [1, 2, 5] : [1]
  const all = Array.from({ length: to - from + 1 }, (_, i) => factors.map((f) => f * 10 ** (from + i))).flat()
  return all.map((tick) => Number(tick.toPrecision(12))).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001)
}

/** Range that holds the values with some air; a linear one of positive values begins at 0. */
export function rangeOf(values: readonly number[], kind: 'linear' | 'log'): [number, number] {
  const known = values.filter((value) => Number.isFinite(value) && (kind === 'linear' || value > 0))
  const low = known.reduce((a, b) => Math.min(a, b), Infinity)
  const high = known.reduce((a, b) => Math.max(a, b), -Infinity)
  if (low > high) return kind === 'log' ? [1, 10] : [0, 1]
  if (kind === 'log') return [low / 1.5, high * 1.5]
  const bottom = Math.min(0, low)
  return [bottom, high === bottom ? bottom + 1 : high + (high - bottom) * 0.06]
}

/** How far columns reach, with the intervals over them. */
export function heightsOf(series: BarChart['series']): number[] {
  return series.flatMap(({ values, intervals = [] }) => [
    ...values.flatMap((value) => value ?? []),
    ...intervals.flatMap((interval) => interval ?? []),
  ])
}

/** @param start place of the low end, `end` of the high one; for a vertical axis start is the greater */
export function scaleOf(
  [low, high]: readonly [number, number],
  kind: 'linear' | 'log',
  start: number,
  end: number,
): Scale {
  if (kind === 'log') {
    const [a, b] = [Math.log(low), Math.log(high)]
    const at = (value: number): number => start + ((Math.log(Math.max(value, low)) - a) / (b - a || 1)) * (end - start)
    return { at, ticks: logTicks(low, high) }
  }
  return { at: (value) => start + ((value - low) / (high - low || 1)) * (end - start), ticks: linearTicks(low, high) }
}
