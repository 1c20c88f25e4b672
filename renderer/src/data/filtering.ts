/** Which runs a table shows. */
import type { ListedRun, RunFilter as FilterInput } from '../../../engine/contract/lab.ts'
import type { HostKind, RunReport } from '../../../engine/contract/report.ts'
import { savingsUsed } from '../../../engine/contract/savings.ts'
import { type Direction, directionOf, directionTitle } from './format.ts'

export type Outcome = RunReport['outcome']
export const OUTCOMES: readonly Outcome[] = ['completed', 'failed', 'cancelled']

/** Empty = does not restrict. */
export interface RunFilter {
  readonly outcome: Outcome | ''
  readonly algorithm: string
  readonly direction: Direction | ''
  readonly guest: string
  /** Words, each of which has to occur somewhere in the run. */
  readonly text: string
}

export const NO_FILTER: RunFilter = { outcome: '', algorithm: '', direction: '', guest: '', text: '' }

export const isFiltering = (filter: RunFilter): boolean => Object.values(filter).some((value) => value !== '')

/** The same as the lab's own list makes of `filterInput`: what is exported is what is seen. A test holds them together. */
export function filterRuns(runs: readonly ListedRun[], filter: RunFilter): ListedRun[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  return runs.filter(
    (run) =>
      (filter.outcome === '' || run.outcome === filter.outcome) &&
      (filter.algorithm === '' || run.algorithm === filter.algorithm) &&
      (filter.direction === '' || directionOf(run) === filter.direction) &&
      (filter.guest === '' || run.guest === filter.guest) &&
      (words.length === 0 || hasWords(run, words)),
  )
}

function hasWords(run: ListedRun, words: readonly string[]): boolean {
  const { run_id, outcome, guest, from, to, algorithm, workload, link, error, started_at, note } = run
  const direction = directionTitle(directionOf(run))
  const names = [run_id, outcome, guest, from, to, direction, algorithm, workload, link, started_at]
  const text = [...names, error?.message ?? '', note ?? ''].join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}

/** The filter as the lab takes it. */
export function filterInput({ outcome, algorithm, direction, guest, text }: RunFilter): FilterInput {
  const [from_kind, to_kind] = direction === '' ? [] : (direction.split('-') as HostKind[])
  return {
    ...(outcome === '' ? {} : { outcome }),
    ...(algorithm === '' ? {} : { algorithm }),
    ...(from_kind === undefined || to_kind === undefined ? {} : { from_kind, to_kind }),
    ...(guest === '' ? {} : { guest }),
    ...(text.trim() === '' ? {} : { text }),
  }
}

/** How many runs ended which way. */
export function countOutcomes(runs: readonly RunReport[]): Readonly<Record<Outcome, number>> {
  const counts = { completed: 0, failed: 0, cancelled: 0 }
  for (const run of runs) counts[run.outcome]++
  return counts
}

/** The values that occur, in order: what a filter offers. */
export function choices(runs: readonly RunReport[], of: (run: RunReport) => string): string[] {
  return [...new Set(runs.map(of))].sort()
}

/** Made under the same conditions as `run`, itself left out: what it can be compared with. */
export function alike(runs: readonly RunReport[], run: RunReport): RunReport[] {
  const keys = ['from_kind', 'to_kind', 'algorithm', 'guest', 'ram_B', 'workload', 'link'] as const
  const saved = savingsUsed(run)
  return runs.filter(
    (other) =>
      other.run_id !== run.run_id &&
      other.outcome === 'completed' &&
      keys.every((k) => other[k] === run[k]) &&
      savingsUsed(other) === saved,
  )
}
