/** From what both sides measured around the switch-over to the downtime and its parts. Pure. */
import type { DowntimeParts } from '../contract/report.ts'

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
