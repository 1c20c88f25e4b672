/** What predictions take from this computer: medians of the runs in its store, or constants where there are too few. */
import type { Calibration } from '../contract/prediction.ts'
import type { RunReport } from '../contract/report.ts'
import { savingsUsed } from '../contract/savings.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import { median } from './export/statistics.ts'

/** Measured on two shared cores, Debian 12, with LabOS of 16 to 64 MiB; test/bench prints such figures. */
export const CONSTANTS = { fixed_ms: 6, setup_ms: 350, host_Bps: 250e6, fault_ms: 1.5 } as const

/** Fewer runs than this say little. */
const FEWEST_RUNS = 3
/** The newest runs that are looked at. */
export const RUNS_LOOKED_AT = 200

/**
 * @param runs of any outcome, link and algorithm; taken are completed ones without an emulated limit, whose times are
 *   the hosts' alone, and whose pages travelled as they are
 */
export function calibrate(runs: readonly RunReport[]): Calibration {
  const own = runs.filter(
    (run) => run.outcome === 'completed' && run.link === 'unlimited' && savingsUsed(run) === 'none',
  )
  const fixed = own.flatMap(({ downtime_ms, downtime_parts: parts, algorithm }) =>
    downtime_ms === null || parts === null || algorithm === 'stop-and-copy' ? [] : [downtime_ms - parts.last_pages_ms],
  )
  if (fixed.length < FEWEST_RUNS) return { source: 'constants', runs: fixed.length, ...CONSTANTS }
  const setup = own.map((run) => Math.max(0, run.total_ms - knownMs(run)))
  const hosts = own.flatMap(({ rounds: [first] }) =>
    first === undefined || first.duration_ms <= 0 || first.pages_sent < 1000
      ? []
      : [(first.pages_sent * PAGE_SIZE * 1000) / first.duration_ms],
  )
  const faults = own.flatMap(({ pull }) =>
    pull === null || pull.requests === 0 ? [] : [pull.stall_ms / pull.requests],
  )
  return {
    source: 'runs',
    runs: fixed.length,
    fixed_ms: median(fixed) ?? CONSTANTS.fixed_ms,
    setup_ms: median(setup) ?? CONSTANTS.setup_ms,
    host_Bps: median(hosts) ?? CONSTANTS.host_Bps,
    fault_ms: median(faults) ?? CONSTANTS.fault_ms,
  }
}

/** The part of a run's total that predictions account for otherwise, and the check of memories, which they leave out. */
function knownMs({ downtime_ms, rounds, pull, verify_ms }: RunReport): number {
  const roundsMs = rounds.reduce((sum, { duration_ms }) => sum + duration_ms, 0)
  return (downtime_ms ?? 0) + roundsMs + (pull?.duration_ms ?? 0) + (verify_ms ?? 0)
}
