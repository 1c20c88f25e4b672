/**
 * The report of one migration: what every front end shows, the store keeps, and `--json` prints. Names carry their
 * unit; the meaning of each figure is the sentence beside it.
 */
import * as v from 'valibot'
import { criticalWindow } from './critical-window.ts'
import { runPrediction } from './prediction.ts'
import { savingsReport } from './savings.ts'

const ms = v.pipe(v.number(), v.minValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
export const hostKind = v.picklist(['xen', 'kvm', 'qemu'])
export type HostKind = v.InferOutput<typeof hostKind>

/** Parts of the downtime. They follow each other and add up to `downtime_ms` (the RAM check is left out). */
export const downtimeParts = v.object({
  /** From the vCPU's stop until the host's service knows of it, less the two parts that come next. */
  pause_ms: ms,
  /** Collecting and sending the pages that were still dirty. */
  last_pages_ms: ms,
  /** Reading CPU and device state out of the source machine. */
  capture_ms: ms,
  /** Source's native records and common format. */
  pack_ms: ms,
  /** On the wire: from the last byte handed over to the state decoded on the target, and the commit's round trip. */
  send_ms: ms,
  /** Common format to the target's native records and back to state. */
  unpack_ms: ms,
  /** Loading the last pages and the state into the target machine. */
  restore_ms: ms,
  /** From the order to run until the first instruction. */
  resume_ms: ms,
})
export type DowntimeParts = v.InferOutput<typeof downtimeParts>

export const roundReport = v.object({
  /** 0 is the first, full round. */
  index: count,
  /** Pages sent in this round, zero pages included. */
  pages_sent: count,
  /** Of these, pages of zeros, for which only their number travelled. */
  zero_pages: count,
  bytes_sent_B: count,
  /** Pages that the guest dirtied while the round was sent. */
  dirty_pages: count,
  duration_ms: ms,
})
export type RoundReport = v.InferOutput<typeof roundReport>

/** After the switch-over: pages that came while the guest ran on the target already. */
export const pullReport = v.object({
  /** Pages sent after the switch-over, those asked for included. */
  pages: count,
  /** Accesses of the guest to a page that was not in its memory yet. */
  faults: count,
  /** Of these, accesses whose page had to be asked for; the others had come, and waited to be written. */
  requests: count,
  /** How long the vCPU waited for pages that were asked for. */
  stall_ms: ms,
  /** Such a wait: median, 99th percentile, longest; null where there was none. */
  p50_us: v.nullable(ms),
  p99_us: v.nullable(ms),
  max_us: v.nullable(ms),
  /** From RUNNING until the target had every page. */
  duration_ms: ms,
  /** How often the connection was cut and came back, and how long the guest waited for that. */
  recoveries: count,
  paused_ms: ms,
  /** Faults and waits in steps of time; `at_ms` since the first instruction on the target. */
  series: v.array(v.object({ at_ms: ms, faults: count, stall_ms: ms })),
})
export type PullReport = v.InferOutput<typeof pullReport>

export const STAGE_NAMES = [
  'pre-migration',
  'reservation',
  'iterative pre-copy',
  'stop-and-copy',
  'commitment',
  'activation',
] as const

export const stageReport = v.object({
  number: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5)),
  name: v.picklist(STAGE_NAMES),
  /** Since the start of the migration. */
  started_ms: ms,
  duration_ms: ms,
})
export type StageReport = v.InferOutput<typeof stageReport>

export const errorReport = v.object({
  code: v.string(),
  message: v.string(),
  data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])),
})

export const runReport = v.object({
  run_id: v.string(),
  outcome: v.picklist(['completed', 'failed', 'cancelled']),
  error: v.nullable(errorReport),
  guest: v.string(),
  ram_B: count,
  /** Names of the hosts, e.g. `xen`. */
  from: v.string(),
  to: v.string(),
  from_kind: hostKind,
  to_kind: hostKind,
  algorithm: v.string(),
  /** As given, e.g. `dirty:2000`. */
  workload: v.string(),
  /** As given, e.g. `1G`. */
  link: v.string(),
  /** vCPU stopped on the source → first instruction on the target; null where the guest did not cross. */
  downtime_ms: v.nullable(ms),
  /**
   * Longest time without an answer that the network client saw around the switch-over, less its probe interval. The
   * comparison of `--verify-ram` is part of it: the client waits through it.
   */
  outage_ms: v.nullable(ms),
  /** From the request to the end of the last stage. */
  total_ms: ms,
  downtime_parts: v.nullable(downtimeParts),
  /** The same time as stretches on one axis; null where the guest did not cross, or the run is older. */
  critical_window: v.optional(v.nullable(criticalWindow), null),
  rounds: v.array(roundReport),
  stages: v.array(stageReport),
  /** All pages sent, of RAM and device memory, zero pages included, the last ones too. */
  pages_sent: count,
  /** Of these, pages that had been sent before in this run. */
  pages_retransmitted: count,
  /** Times that a page was left to the next round, because it had been dirtied again since its round began. */
  pages_skipped: count,
  /** Largest share of its time that the vCPU was made to sleep, 0–1, and how long it slept in all. */
  throttle_max: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  throttled_ms: ms,
  /** All bytes that the source wrote to the connection. */
  bytes_sent_B: count,
  /** What need not travel; null = the run was stored before this was counted. */
  savings: v.nullable(savingsReport),
  /** Result of `--verify-ram`: both RAMs compared before the target's first instruction; null = not asked for. */
  ram_equal: v.nullable(v.boolean()),
  /** Pages that differed, where the check was made. */
  wrong_pages: v.nullable(count),
  /** Time the check took; left out of `downtime_ms`. */
  verify_ms: v.nullable(ms),
  /** Pages that came after the switch-over; null where the algorithm does not pull. */
  pull: v.nullable(pullReport),
  /** What the lab had predicted for it; null = it was not asked to. */
  prediction: v.nullable(runPrediction),
  /** The guest's own check of its memory after the migration; null = not asked for. */
  guest_check: v.nullable(v.picklist(['ok', 'failed'])),
  /** ISO-8601, UTC. */
  started_at: v.string(),
})
export type RunReport = v.InferOutput<typeof runReport>

/**
 * The share of the migration that the guest stood still, waited for pages or was throttled, 0–1: what a prediction's
 * `slowdown` foretells. Null where the guest did not cross.
 */
export function slowdownOf(run: Pick<RunReport, 'downtime_ms' | 'total_ms' | 'throttled_ms' | 'pull'>): number | null {
  if (run.downtime_ms === null || run.total_ms <= 0) return null
  const waited = run.downtime_ms + run.throttled_ms + (run.pull?.stall_ms ?? 0) + (run.pull?.paused_ms ?? 0)
  return Math.min(1, waited / run.total_ms)
}
