/**
 * From what both sides measured to the parts of the run report that the migration knows. The lab adds workload,
 * outage and the guest's own check.
 */
import type { PullReport, RoundReport, RunReport } from '../contract/report.ts'
import type { SavingsReport } from '../contract/savings.ts'
import type { FerryError } from '../util/errors.ts'
import { criticalWindow } from './critical-window.ts'
import type { WindowInstants } from './critical-window.ts'
import { downtimeOf } from './downtime.ts'
import type { SwitchOverTimes } from './downtime.ts'
import type { HostIdentity } from './protocol/guest-config.ts'
import type { PullResult } from './pull/fault-statistics.ts'
import { isCompression } from './saving/savings.ts'
import type { Saving } from './saving/savings.ts'
import type { StageClock } from './stages.ts'
import type { Statistics } from './statistics.ts'

/** The run report without what only the lab knows. */
export type MigrationReport = Omit<RunReport, 'workload' | 'outage_ms' | 'guest_check' | 'prediction'>

function pullReportOf({ figures, pages, recoveries, durationMs, pausedMs }: PullResult): PullReport {
  const { series, ...rest } = figures
  return { ...rest, pages, recoveries, duration_ms: durationMs, paused_ms: pausedMs, series: [...series] }
}

function savingsReportOf(s: Readonly<Statistics>, agreed: readonly Saving[]): SavingsReport {
  const algorithm = agreed.find(isCompression)
  return {
    zero_pages: agreed.includes('zero') ? s.zero_pages : null,
    free_pages: s.free_pages,
    delta: agreed.includes('delta') ? { pages: s.delta_pages, saved_B: s.delta_saved_B, misses: s.delta_misses } : null,
    compression:
      algorithm === undefined
        ? null
        : { algorithm, frames: s.compressed_frames, in_B: s.compressed_in_B, out_B: s.compressed_out_B },
  }
}

export interface ReportInput {
  readonly session: string
  readonly guest: string
  readonly ramBytes: number
  readonly from: HostIdentity
  readonly to: HostIdentity
  readonly algorithm: string
  readonly link: string
  readonly error: FerryError | null
  readonly crossed: boolean
  readonly switchOver: (SwitchOverTimes & WindowInstants) | null
  readonly rounds: readonly RoundReport[]
  readonly stages: StageClock
  readonly statistics: Readonly<Statistics>
  /** Savings that both sides had agreed on. */
  readonly savings: readonly Saving[]
  readonly verified: { readonly wrongPages: number } | null
  /** What came after the switch-over; null where nothing did. */
  readonly pulled: PullResult | null
  /** Time the comparison took, ms. */
  readonly verifyMs: number | null
  readonly startedAt: Date
}

export function buildReport(input: ReportInput): MigrationReport {
  const down = input.crossed && input.switchOver !== null ? downtimeOf(input.switchOver) : null
  const cancelled = input.error?.code === 'migration.cancelled'
  return {
    run_id: input.session,
    outcome: input.crossed ? 'completed' : cancelled ? 'cancelled' : 'failed',
    error: input.error === null ? null : { ...input.error.toJSON(), data: { ...input.error.data } },
    guest: input.guest,
    ram_B: input.ramBytes,
    from: input.from.name,
    to: input.to.name,
    from_kind: input.from.kind,
    to_kind: input.to.kind,
    algorithm: input.algorithm,
    link: input.link,
    downtime_ms: down?.downtime_ms ?? null,
    total_ms: input.stages.totalMs,
    downtime_parts: down?.parts ?? null,
    critical_window: down === null || input.switchOver === null ? null : criticalWindow(input.switchOver),
    rounds: [...input.rounds],
    stages: input.stages.report(),
    pages_sent: input.statistics.pages_sent,
    pages_retransmitted: input.statistics.pages_retransmitted,
    pages_skipped: input.statistics.pages_skipped,
    throttle_max: input.statistics.throttle_max,
    throttled_ms: input.statistics.throttled_ms,
    bytes_sent_B: input.statistics.bytes_sent,
    savings: savingsReportOf(input.statistics, input.savings),
    ram_equal: input.verified === null ? null : input.verified.wrongPages === 0,
    wrong_pages: input.verified?.wrongPages ?? null,
    pull: input.pulled === null ? null : pullReportOf(input.pulled),
    verify_ms: input.verified === null ? null : input.verifyMs,
    started_at: input.startedAt.toISOString(),
  }
}
