/**
 * From instants that both sides took around the switch-over to the critical window of the report. Pure; whatever a peer
 * claims, no stretch leaves the window or ends before it begins.
 */
import type { CriticalSpan, CriticalSpanName, CriticalWindow } from '../contract/critical-window.ts'
import { downtimeOf, runTime } from './downtime.ts'
import type { SwitchOverTimes } from './downtime.ts'
import type { Body } from './protocol/schemas.ts'

/** What the source noted beside `SwitchOverTimes`; `nowMs()` of the source. */
export interface WindowInstants {
  /** When the machine took up the order to stop: after `pausedAtMs` where the vCPU had stopped by itself. */
  readonly stopBeganMs: number
  /** The last pages were encoded. */
  readonly encodedMs: number
  /** Pages and state were written. */
  readonly writtenMs: number
  /** READY was taken. */
  readonly readyMs: number
  /** What the target noted, on its clock; undefined from one that does not tell. */
  readonly target: Body<'READY'>['at']
}

type Instants = SwitchOverTimes & WindowInstants

/** What is known when the target has the guest, and before it runs there. */
export type StopTimes = WindowInstants &
  Omit<SwitchOverTimes, 'commitSentMs' | 'runningReceivedMs' | 'resumeMs' | 'runAtMs' | 'sinceRunMs'>

export function criticalWindow(times: Instants): CriticalWindow {
  const end = downtimeOf(times).downtime_ms
  const { pausedAtMs, readyMs, verifyMs } = times
  /** The comparison of memories, right after READY, is cut out. */
  const at = (ms: number): number => {
    const cut = ms < readyMs ? ms : Math.max(readyMs, ms - verifyMs)
    return Math.min(end, Math.max(0, cut - pausedAtMs))
  }
  const spans: CriticalSpan[] = []
  const add = (name: CriticalSpanName, from: number, to: number): void => {
    const from_ms = at(from)
    spans.push({ name, from_ms, to_ms: Math.max(from_ms, at(to)) })
  }
  const collectMs = Math.max(pausedAtMs, times.stopBeganMs)
  const captureMs = collectMs + times.lastPagesMs
  const packedMs = times.pagesSentMs + times.packMs
  add('stop', pausedAtMs, times.stopKnownMs)
  if (collectMs > pausedAtMs) add('notice', pausedAtMs, collectMs)
  add('last_pages', collectMs, captureMs)
  add('capture', captureMs, captureMs + times.captureMs)
  add('answer', captureMs + times.captureMs, times.stopKnownMs)
  if (times.pagesSentMs > times.stopKnownMs) add('bulk', times.stopKnownMs, times.pagesSentMs)
  add('pack', times.pagesSentMs, packedMs)
  add('encode', packedMs, times.encodedMs)
  add('write', times.encodedMs, times.writtenMs)
  const { target } = times
  const offset = target === undefined ? 0 : offsetOf(times, target)
  if (target !== undefined) {
    const here = (ms: number): number => ms - offset
    add('state_way', times.writtenMs, Math.max(times.writtenMs, here(target.arrivedMs)))
    add('receive', here(target.arrivedMs), here(target.receivedMs))
    add('unpack', here(target.receivedMs), here(target.unpackedMs))
    add('restore', here(target.unpackedMs), here(target.loadedMs))
    add('restore_pages', here(target.loadBeganMs), here(target.pagesLoadedMs))
    add('restore_state', here(target.pagesLoadedMs), here(target.stateLoadedMs))
    add('ready', here(target.loadedMs), here(target.readyMs))
    add('ready_way', here(target.readyMs), readyMs)
  }
  // The time of the comparison is after READY: what follows it begins where it ended.
  add('commit', readyMs + verifyMs, times.commitSentMs)
  const runMs = runTime(times)
  const orderMs = Math.max(times.commitSentMs, runMs - times.resumeMs)
  add('commit_way', times.commitSentMs, orderMs)
  add('resume', orderMs, runMs)
  return { clock: target === undefined ? 'source' : offset === 0 ? 'one' : 'aligned', spans }
}

/**
 * The target's clock less the source's, ms: 0 where the target's instants fit between the messages as they are. Else from
 * the two ways, as NTP does (RFC 5905, section 8): right to within half of the time on the wire.
 */
function offsetOf({ encodedMs, writtenMs, readyMs }: Instants, target: NonNullable<Body<'READY'>['at']>): number {
  if (target.arrivedMs >= encodedMs && target.readyMs <= readyMs) return 0
  return (target.arrivedMs - writtenMs - (readyMs - target.readyMs)) / 2
}
