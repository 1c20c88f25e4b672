/** The list of stored runs, as it changes: which runs it has, and which of them a filter selects. */
import type { ListedRun, RunFilter } from '../../../engine/contract/lab.ts'

const newestFirst = (a: ListedRun, b: ListedRun): number => b.started_at.localeCompare(a.started_at)

/** Adds runs, or puts them in the place of those that are known. */
export function withRuns(runs: readonly ListedRun[], added: readonly ListedRun[]): readonly ListedRun[] {
  const ids = new Set(added.map(({ run_id }) => run_id))
  return [...added, ...runs.filter(({ run_id }) => !ids.has(run_id))].sort(newestFirst)
}

export const withNote = (runs: readonly ListedRun[], id: string, note: string | null): readonly ListedRun[] =>
  runs.map((run) => (run.run_id === id ? { ...run, note } : run))

/** As the store selects (engine/lab/store). */
export function selectRuns(runs: readonly ListedRun[], filter: RunFilter): ListedRun[] {
  const { offset = 0, limit = 100, outcome, algorithm, from_kind, to_kind, guest, text = '' } = filter
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const is = <T>(wanted: T | undefined, value: T): boolean => wanted === undefined || wanted === value
  return runs
    .filter(
      (run) =>
        is(outcome, run.outcome) &&
        is(algorithm, run.algorithm) &&
        is(from_kind, run.from_kind) &&
        is(to_kind, run.to_kind) &&
        is(guest, run.guest) &&
        words.every((word) => JSON.stringify(run).toLowerCase().includes(word)),
    )
    .slice(offset, offset + limit)
}
