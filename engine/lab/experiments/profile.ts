/** What the trials of a condition have in common beyond single figures: the parts of their downtime, their rounds. Pure. */
import { type GroupParts, type GroupRound, MOST_ROUNDS } from '../../contract/experiment-results.ts'
import type { DowntimeParts, RunReport } from '../../contract/report.ts'
import { median } from '../export/statistics.ts'

export type Profiled = Pick<RunReport, 'downtime_parts' | 'rounds'>

/** Means, because they add up to the mean downtime, which medians do not. Null where no run has the parts. */
export function partsOf(runs: readonly Profiled[]): GroupParts | null {
  const held = runs.flatMap(({ downtime_parts }) => downtime_parts ?? [])
  if (held.length === 0) return null
  const mean = (name: keyof DowntimeParts): number => held.reduce((sum, parts) => sum + parts[name], 0) / held.length
  return {
    n: held.length,
    pause_ms: mean('pause_ms'),
    last_pages_ms: mean('last_pages_ms'),
    capture_ms: mean('capture_ms'),
    pack_ms: mean('pack_ms'),
    send_ms: mean('send_ms'),
    unpack_ms: mean('unpack_ms'),
    restore_ms: mean('restore_ms'),
    resume_ms: mean('resume_ms'),
  }
}

/** Round by round, the medians of the runs that had it: later rounds have fewer of them. At most `MOST_ROUNDS`. */
export function roundsOf(runs: readonly Profiled[]): GroupRound[] {
  const longest = runs.reduce((most, { rounds }) => Math.max(most, rounds.length), 0)
  return Array.from({ length: Math.min(longest, MOST_ROUNDS) }, (_, index) => {
    const held = runs.flatMap(({ rounds }) => rounds[index] ?? [])
    return {
      index,
      n: held.length,
      pages_sent: median(held.map(({ pages_sent }) => pages_sent)) ?? 0,
      dirty_pages: median(held.map(({ dirty_pages }) => dirty_pages)) ?? 0,
    }
  })
}
