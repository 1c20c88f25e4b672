/** Any run that keeps to the contract, for property tests. */
import fc from 'fast-check'
import { CRITICAL_SPAN_NAMES } from '../../../engine/contract/critical-window.ts'
import { STAGE_NAMES } from '../../../engine/contract/report.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import type { KeptMessage, ProbeRecord } from '../../../engine/lab/store/records.ts'

// SQLite keeps text as UTF-8, which has no lone surrogates, and knows no negative zero.
const text = fc.string({ unit: 'binary', maxLength: 20 }).map((s) => s.toWellFormed())
const count = fc.maxSafeNat()
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)
const ms = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null })
const share = fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0)
const hostKind = fc.constantFrom('xen' as const, 'kvm' as const)
// The contract's records do not admit these names.
const key = text.filter((name) => !['__proto__', 'prototype', 'constructor'].includes(name))

export const anyReport: fc.Arbitrary<RunReport> = fc.record({
  run_id: text,
  outcome: fc.constantFrom('completed' as const, 'failed' as const, 'cancelled' as const),
  error: orNull(
    fc.record({
      code: text,
      message: text,
      data: fc.dictionary(key, fc.oneof(text, finite, fc.boolean(), fc.constant(null)), { noNullPrototype: true }),
    }),
  ),
  guest: text,
  ram_B: count,
  from: text,
  to: text,
  from_kind: hostKind,
  to_kind: hostKind,
  algorithm: text,
  workload: text,
  link: text,
  downtime_ms: orNull(ms),
  outage_ms: orNull(ms),
  total_ms: ms,
  downtime_parts: orNull(
    fc.record({
      pause_ms: ms,
      last_pages_ms: ms,
      capture_ms: ms,
      pack_ms: ms,
      send_ms: ms,
      unpack_ms: ms,
      restore_ms: ms,
      resume_ms: ms,
    }),
  ),
  critical_window: orNull(
    fc.record({
      clock: fc.constantFrom('one' as const, 'aligned' as const, 'source' as const),
      spans: fc.array(fc.record({ name: fc.constantFrom(...CRITICAL_SPAN_NAMES), from_ms: ms, to_ms: ms }), {
        maxLength: CRITICAL_SPAN_NAMES.length,
      }),
    }),
  ),
  rounds: fc.array(
    fc.record({
      index: count,
      pages_sent: count,
      zero_pages: count,
      bytes_sent_B: count,
      dirty_pages: count,
      duration_ms: ms,
    }),
    { maxLength: 8 },
  ),
  stages: fc.array(
    fc.record({
      number: fc.integer({ min: 0, max: 5 }),
      name: fc.constantFrom(...STAGE_NAMES),
      started_ms: ms,
      duration_ms: ms,
    }),
    { maxLength: 8 },
  ),
  pages_sent: count,
  pages_retransmitted: count,
  pages_skipped: count,
  throttle_max: share,
  throttled_ms: ms,
  savings: orNull(
    fc.record({
      zero_pages: count,
      delta: orNull(fc.record({ pages: count, saved_B: count, misses: count })),
      compression: orNull(fc.record({ algorithm: text, frames: count, in_B: count, out_B: count })),
    }),
  ),
  prediction: orNull(
    fc.record({
      algorithm: text,
      downtime_ms: ms,
      total_ms: ms,
      bytes_B: count,
      slowdown: share,
      formula: fc.record({ downtime: text, total: text, bytes: text, slowdown: text }),
      targets: fc.record({ max_slowdown: share, max_total_ms: fc.nat(1000) }, { requiredKeys: [] }),
    }),
  ),
  bytes_sent_B: count,
  ram_equal: orNull(fc.boolean()),
  wrong_pages: orNull(count),
  pull: orNull(
    fc.record({
      pages: count,
      faults: count,
      requests: count,
      stall_ms: ms,
      p50_us: orNull(ms),
      p99_us: orNull(ms),
      max_us: orNull(ms),
      duration_ms: ms,
      recoveries: count,
      paused_ms: ms,
      series: fc.array(fc.record({ at_ms: ms, faults: count, stall_ms: ms }), { maxLength: 4 }),
    }),
  ),
  verify_ms: orNull(ms),
  guest_check: orNull(fc.constantFrom('ok' as const, 'failed' as const)),
  started_at: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
})

export const anyMessages: fc.Arbitrary<KeptMessage[]> = fc.array(
  fc.record({
    direction: fc.constantFrom('source-to-target' as const, 'target-to-source' as const),
    type: text,
    stage: fc.integer({ min: 0, max: 5 }),
    bytes_B: count,
    at_ms: finite,
    head: orNull(fc.uint8Array({ maxLength: 40 })),
  }),
  { maxLength: 8 },
)

export const anyProbes: fc.Arbitrary<ProbeRecord[]> = fc
  .uniqueArray(count, { maxLength: 8 })
  .map((numbers) => numbers.sort((a, b) => a - b))
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((seq) =>
        fc.record({
          seq: fc.constant(seq),
          sent_ms: finite,
          answered_ms: orNull(finite),
          rtt_ms: orNull(ms),
        }),
      ),
    ),
  )
