/** Runs for tests of the store and the exports: made from a number, so that two processes make the same one. */
import { STAGE_NAMES } from '../../../engine/contract/report.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import { collectProvenance } from '../../../engine/lab/provenance.ts'
import type { MessageRecord, ProbeRecord, RunParts } from '../../../engine/lab/store/records.ts'

/** A completed run; its figures depend on `i` alone. */
export function sampleReport(i: number, changes: Partial<RunReport> = {}): RunReport {
  return {
    run_id: `run-${i}`,
    outcome: 'completed',
    error: null,
    guest: 'labos',
    ram_B: 64 * 2 ** 20,
    from: 'xen-1',
    to: 'kvm-1',
    from_kind: 'xen',
    to_kind: 'kvm',
    algorithm: 'pre-copy',
    workload: 'dirty:2000',
    link: '1G',
    downtime_ms: 20.25 + i,
    outage_ms: 30.5 + i,
    total_ms: 1000.125 + i,
    downtime_parts: {
      pause_ms: 1,
      last_pages_ms: 2,
      capture_ms: 3,
      pack_ms: 0.25,
      send_ms: 4 + i,
      unpack_ms: 1,
      restore_ms: 5,
      resume_ms: 4,
    },
    critical_window: {
      clock: 'one',
      spans: [
        { name: 'stop', from_ms: 0, to_ms: 6 },
        { name: 'last_pages', from_ms: 0, to_ms: 2 },
        { name: 'capture', from_ms: 2, to_ms: 5 },
        { name: 'pack', from_ms: 6, to_ms: 6.25 },
        { name: 'state_way', from_ms: 6.25, to_ms: 8 + i },
        { name: 'restore', from_ms: 9 + i, to_ms: 14 + i },
        { name: 'resume', from_ms: 16.25 + i, to_ms: 20.25 + i },
      ],
    },
    rounds: Array.from({ length: 3 }, (_, index) => ({
      index,
      pages_sent: 16384 >> index,
      zero_pages: 100,
      bytes_sent_B: 4096 * (16384 >> index) + i,
      dirty_pages: 500,
      duration_ms: 300.5 / (index + 1),
    })),
    stages: STAGE_NAMES.map((name, number) => ({ number, name, started_ms: number * 10, duration_ms: 10 + number })),
    pages_sent: 20000 + i,
    pages_retransmitted: 3000,
    bytes_sent_B: 80_000_000 + i,
    ram_equal: true,
    savings: { zero_pages: 4000, delta: null, compression: null },
    pull: null,
    prediction: null,
    pages_skipped: 4,
    throttle_max: 0,
    throttled_ms: 0,
    wrong_pages: 0,
    verify_ms: 12.5,
    guest_check: 'ok',
    started_at: new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString(),
    ...changes,
  }
}

/** A run that broke off before the guest crossed. */
export function brokenReport(i: number, outcome: 'failed' | 'cancelled', changes: Partial<RunReport> = {}): RunReport {
  return sampleReport(i, {
    outcome,
    error: {
      code: `migration.${outcome}`,
      message: 'The connection ended.',
      data: { stage: 2, peer: 'kvm-1', host: null },
    },
    downtime_ms: null,
    outage_ms: null,
    downtime_parts: null,
    ram_equal: null,
    wrong_pages: null,
    verify_ms: null,
    guest_check: null,
    ...changes,
  })
}

const conditions = collectProvenance({
  settings: { algorithm: 'pre-copy', limits: { rounds: 30, bandwidth_Bps: null }, hosts: ['xen-1', 'kvm-1'] },
  seed: 7,
  images: { labos: 'sha256:00ff' },
})

export function sampleMessages(i: number): MessageRecord[] {
  return Array.from({ length: 5 + (i % 4) }, (_, seq) => ({
    direction: seq % 2 === 0 ? ('source-to-target' as const) : ('target-to-source' as const),
    type: seq === 0 ? 'MIG_REQ' : 'REQ_OK',
    stage: Math.min(seq, 5),
    bytes_B: 32 + i,
    at_ms: seq * 1.5,
  }))
}

/** Every third one is lost; the first ones were sent before the migration began. */
export function sampleProbes(i: number, length = 200): ProbeRecord[] {
  return Array.from({ length }, (_, seq) => {
    const sent_ms = seq * 5 - 50
    const lost = seq % 3 === 2
    return { seq, sent_ms, answered_ms: lost ? null : sent_ms + 0.5 + i, rtt_ms: lost ? null : 0.5 + i }
  })
}

export function sampleParts(i: number, probes = 200): RunParts {
  const messages = sampleMessages(i).map((message, seq) => ({ ...message, head: Uint8Array.of(i & 255, seq) }))
  return { messages, probes: sampleProbes(i, probes), provenance: conditions }
}

/** All that can be saved of a run. */
export const SAVED: RunReport['savings'] = {
  zero_pages: 4000,
  delta: { pages: 900, saved_B: 3_000_000, misses: 20 },
  compression: { algorithm: 'zstd', frames: 60, in_B: 50_000_000, out_B: 20_000_000 },
}
