/**
 * The outage: what a client outside saw of a migration, computed from a probe's series. Pure.
 *
 * **Definition.** Take the moments at which answers arrived, in order of time; a late answer counts when it arrived, a
 * lost one not at all. Before the first request and after the last one, the network is taken to be healthy: one
 * arrival is put at (first request − interval + median round trip) and, where the last request was lost, one at
 * (last request + median round trip). The *gap* is the longest time between two arrivals in a row, of those that
 * touch the window. The outage is the gap less the probe's interval, and not below 0.
 *
 * **Resolution.** A network that is dead for D is seen as a gap of D plus up to two intervals, hence as an outage in
 * [D − interval, D + interval): the resolution is the interval. Where the probe itself was held up around the gap
 * (this thread was busy), the resolution is the longest distance between two requests there. An outage not longer
 * than its resolution cannot be told from none.
 */
import type { ProbeSeries } from './probe.ts'

export interface Window {
  /** Milliseconds of `nowMs()`. */
  readonly fromMs: number
  readonly toMs: number
}

export interface OutageReport {
  /** Longest time without an answer, less the probe's interval. */
  readonly outage_ms: number
  /** How exactly `outage_ms` is known: plus or minus this. */
  readonly resolution_ms: number
  /** The same time without an answer, with the interval left in. */
  readonly longest_gap_ms: number
  /** When it began and ended (`nowMs()`): the arrivals before and after it. */
  readonly gap_from_ms: number
  readonly gap_to_ms: number
  /** False where no answer ended the gap: the guest was not heard again before the probe stopped. */
  readonly recovered: boolean
  /** Requests sent within the window. */
  readonly sent: number
  /** Of these, never answered. */
  readonly lost: number
  /** Round-trip times of those that were answered, nearest rank; null where none was. */
  readonly rtt_p50_ms: number | null
  readonly rtt_p95_ms: number | null
}

/**
 * The outage in a series.
 * @param window only gaps that touch it, and only requests sent within it, are looked at; a gap is not cut at its
 *   ends. The whole series by default.
 * @returns null where there is nothing to judge by: no request at all, or a window that no part of the series touches
 */
export function outage(
  series: ProbeSeries,
  window: Window = { fromMs: -Infinity, toMs: Infinity },
): OutageReport | null {
  const { sentAtMs, answeredAtMs, intervalMs } = series
  const firstSent = sentAtMs[0]
  const lastSent = sentAtMs.at(-1)
  if (firstSent === undefined || lastSent === undefined) return null

  const usualRtt = percentile(roundTrips(series, { fromMs: -Infinity, toMs: Infinity }), 0.5) ?? 0
  const arrivals = answeredAtMs.filter((atMs) => !Number.isNaN(atMs)).sort()
  const lastArrival = arrivals.at(-1) ?? -Infinity
  const begin = firstSent - intervalMs + usualRtt
  const end = lastSent + usualRtt
  const closing = Number.isNaN(answeredAtMs.at(-1)) && end > lastArrival

  let gap: { from: number; to: number } | null = null
  let before = begin
  for (const at of closing ? [...arrivals, end] : arrivals) {
    const touches = at >= window.fromMs && before <= window.toMs
    if (touches && (gap === null || at - before > gap.to - gap.from)) gap = { from: before, to: Math.max(at, before) }
    before = Math.max(at, before)
  }
  if (gap === null) return null

  const within = sentAtMs.map((at) => (at >= window.fromMs && at <= window.toMs ? 1 : 0))
  const sent = within.reduce((sum, one) => sum + one, 0)
  const rtts = roundTrips(series, window)
  const longest = gap.to - gap.from
  return {
    outage_ms: Math.max(0, longest - intervalMs),
    resolution_ms: Math.max(intervalMs, longestPause(sentAtMs, gap.from - usualRtt, gap.to)),
    longest_gap_ms: longest,
    gap_from_ms: gap.from,
    gap_to_ms: gap.to,
    recovered: !(closing && gap.to === end),
    sent,
    lost: sent - rtts.length,
    rtt_p50_ms: percentile(rtts, 0.5),
    rtt_p95_ms: percentile(rtts, 0.95),
  }
}

/** Round-trip times, ascending, of the answered requests that were sent within the window. */
function roundTrips(series: ProbeSeries, window: Window): Float64Array {
  return series.sentAtMs
    .map((sent, i) => (sent >= window.fromMs && sent <= window.toMs ? (series.answeredAtMs[i] ?? NaN) - sent : NaN))
    .filter((rtt) => !Number.isNaN(rtt))
    .sort()
}

/** The value at nearest rank `q` (0–1) of ascending values, or null where there are none. */
function percentile(ascending: Float64Array, q: number): number | null {
  return ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)] ?? null
}

/** The longest distance between two requests in a row that touches [from, to]. */
function longestPause(sentAtMs: Float64Array, from: number, to: number): number {
  let longest = 0
  for (let i = 1; i < sentAtMs.length; i++) {
    const a = sentAtMs[i - 1] ?? NaN
    const b = sentAtMs[i] ?? NaN
    if (b >= from && a <= to) longest = Math.max(longest, b - a)
  }
  return longest
}
