/**
 * Page faults after the switch-over, out of the report of an algorithm that has any. Not every algorithm does, so they
 * are looked for by name: a figure under a name with "fault" in it, for the count, the median and the 99th percentile.
 * Pure.
 */
import type { Measured } from './row.ts'

type Faults = Pick<Measured, 'faults' | 'fault_p50_us' | 'fault_p99_us'>

export function faultFigures(report: object): Faults {
  const figures = numbers(report).filter(({ path }) => path.includes('fault'))
  const us = (mark: string): number | null => {
    const found = figures.find(({ path }) => path.includes(mark))
    if (found === undefined) return null
    return /_ms\b/.test(found.path) ? found.value * 1000 : found.value
  }
  const counted = figures.find(({ path }) => /(?:count|faults|total)$/.test(path))
  return { faults: counted?.value ?? null, fault_p50_us: us('p50'), fault_p99_us: us('p99') }
}

/** All numbers of a value made of plain objects, with their paths; lists are left out. */
function numbers(value: unknown, path = ''): { path: string; value: number }[] {
  if (typeof value === 'number') return [{ path, value }]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => numbers(inner, path === '' ? name : `${path}.${name}`))
}
