/** What is said of a client's probes: one figure for one silence, wherever it is told. */
import { expect, test } from 'vitest'
import { ProbeLog } from '../../renderer/src/state/probe-log.ts'
import { probesText, silenceName, silenceText } from '../../renderer/src/state/probe-picture.ts'

const gap = { from_ms: 1000, to_ms: 1047.5 }
const failed = { outcome: 'failed', outage_ms: 42.5 } as const

test('a run that failed has one longest silence: the one of its report', () => {
  expect(silenceName('failed')).toBe('Longest silence')
  // The strip sees more than the report looks at: another gap before the run, say.
  expect(silenceText({ count: 200, gap: { from_ms: -200, to_ms: 0 }, report: failed })).toBe('longest silence 42.5 ms')
  expect(silenceText({ count: 200, gap, report: { ...failed, outcome: 'cancelled' } })).toBe('longest silence 42.5 ms')
})

test('a run that crossed has an outage', () => {
  expect(silenceName('completed')).toBe('Client’s outage')
  expect(silenceText({ count: 200, gap, report: { outcome: 'completed', outage_ms: 12 } })).toBe('outage 12.0 ms')
})

test('while it is under way, the silence so far is what the report would tell of it', () => {
  expect(silenceText({ count: 200, gap, interval_ms: 5, report: null })).toBe('longest silence 42.5 ms')
  expect(silenceText({ count: 200, gap, report: null })).toBe('longest silence 42.5 ms')
  expect(silenceText({ count: 200, gap: null, report: null })).toBe('longest silence 0.00 ms')
  expect(silenceText({ count: 0, gap: null, report: null })).toBe('no probes yet')
})

test('probes are counted, those without an answer apart', () => {
  const log = new ProbeLog()
  log.add([0, 1, 2, 3].map((seq) => ({ seq, sent_ms: 5 * seq, rtt_ms: seq === 2 ? null : 1 })))
  const seen = { count: log.count, lost: log.lost, gap: log.longestGap, report: null }
  expect(probesText(seen)).toBe('4 probes, 1 without an answer; longest silence 5.00 ms')
  expect(probesText({ ...seen, count: 0 })).toBe('no probes yet')
})

test('a silence that was over before the migration began is none of it', () => {
  const log = new ProbeLog()
  log.add([-200, -100, -5, 0, 35].map((sent_ms, seq) => ({ seq, sent_ms, rtt_ms: sent_ms === 0 ? 30 : 1 })))
  expect(log.longestGap).toEqual({ from_ms: -4, to_ms: 30 })
})
