/**
 * From what both sides measured to the parts of the run report that the migration knows. The lab adds workload,
 * outage and the guest's own check.
 */
import type { DowntimeParts, PullReport, RoundReport, RunReport } from '../contract/report.ts'
import type { SavingsReport } from '../contract/savings.ts'
import type { FerryError } from '../util/errors.ts'
import type { HostIdentity } from './protocol/guest-config.ts'
import type { PullResult } from './pull/fault-statistics.ts'
import type { Saving } from './saving/savings.ts'
import type { StageClock } from './stages.ts'
import type { Statistics } from './statistics.ts'

/** The run report without what only the lab knows. */
export type MigrationReport = Omit<RunReport, 'workload' | 'outage_ms' | 'guest_check' | 'prediction'>

/** What was measured around the switch-over. Times are `nowMs()` of the source unless said otherwise; durations in ms. */
export interface SwitchOverTimes {
  /** The machine's own figures: when the vCPU stopped, and its shares. */
  readonly pausedAtMs: number
  readonly lastPagesMs: number
  readonly captureMs: number
  /** When the source knew that the vCPU stood still. */
  readonly stopKnownMs: number
  /** When pages that were too many to come along had been read and sent. */
  readonly pagesSentMs: number
  readonly packMs: number
  readonly commitSentMs: number
  readonly runningReceivedMs: number
  /** Time between READY and COMMIT that went into the comparison of pages. */
  readonly verifyMs: number
  /** The target's figures, from READY and RUNNING. */
  readonly unpackMs: number
  readonly restoreMs: number
  readonly resumeMs: number
  readonly runAtMs: number
  readonly sinceRunMs: number
}

/**
 * When the guest ran again, on the source's clock. The target's own time holds where it lies between COMMIT and
 * RUNNING as the source saw them, as it does for hosts on one machine; else the clocks differ, and the time is taken
 * from RUNNING's arrival: then it is too late by the way of that message.
 */
export function runTime(times: SwitchOverTimes): number {
  if (times.runAtMs >= times.commitSentMs && times.runAtMs <= times.runningReceivedMs) return times.runAtMs
  return Math.max(times.commitSentMs, times.runningReceivedMs - times.sinceRunMs)
}

/** Downtime and its parts; the parts follow each other and add up. */
export function downtimeOf(times: SwitchOverTimes): { downtime_ms: number; parts: DowntimeParts } {
  const downtime_ms = Math.max(0, runTime(times) - times.pausedAtMs - times.verifyMs)
  let left = downtime_ms
  // Each part is taken out of what is left, so that parts never exceed the whole whatever a peer claims.
  const take = (ms: number): number => {
    const part = Math.min(Math.max(0, ms), left)
    left -= part
    return part
  }
  const capture_ms = take(times.captureMs)
  const last_pages_ms = take(times.lastPagesMs + (times.pagesSentMs - times.stopKnownMs))
  const pause_ms = take(times.stopKnownMs - times.pausedAtMs - times.lastPagesMs - times.captureMs)
  const pack_ms = take(times.packMs)
  const unpack_ms = take(times.unpackMs)
  const restore_ms = take(times.restoreMs)
  const resume_ms = take(times.resumeMs)
  return {
    downtime_ms,
    parts: { pause_ms, last_pages_ms, capture_ms, pack_ms, send_ms: left, unpack_ms, restore_ms, resume_ms },
  }
}

function pullReportOf({ figures, pages, recoveries, durationMs, pausedMs }: PullResult): PullReport {
  const { series, ...rest } = figures
  return { ...rest, pages, recoveries, duration_ms: durationMs, paused_ms: pausedMs, series: [...series] }
}

function savingsReportOf(s: Readonly<Statistics>, agreed: readonly Saving[]): SavingsReport {
  const algorithm = agreed.find((saving) => saving !== 'delta')
  return {
    zero_pages: s.zero_pages,
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
  readonly switchOver: SwitchOverTimes | null
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
