/** From the faults of a guest that ran before its memory had come to the figures of the report. Pure. */
import type { FaultRecord } from '../../machine/machine.ts'
import type { Body } from '../protocol/schemas.ts'
import type { VerifyResult } from '../ram-check.ts'

export type PullFigures = Body<'PULL_DONE'>

/** What a source knows when everything has crossed. */
export interface PullResult {
  readonly figures: PullFigures
  readonly verified: VerifyResult | null
  readonly pages: number
  readonly recoveries: number
  readonly durationMs: number
  /** Of it, time without a connection. */
  readonly pausedMs: number
}

/** Steps of the series over time, at most. */
const STEPS = 60

/** The value that a share of the sorted values does not exceed (nearest rank). */
function rank(sorted: readonly number[], share: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/**
 * Percentiles are of the waits for pages that had to be asked for: the others were there already.
 * @param fromMs when the guest ran first, `nowMs()`
 * @param toMs when the last page had come
 */
export function pullFigures(faults: readonly FaultRecord[], fromMs: number, toMs: number): PullFigures {
  const waits = faults.flatMap(({ requested, stallMs }) => (requested ? [stallMs * 1000] : [])).sort((a, b) => a - b)
  const stepMs = Math.max(1, (toMs - fromMs) / STEPS)
  const steps = new Map<number, { faults: number; stall_ms: number }>()
  for (const { atMs, stallMs } of faults) {
    const step = Math.min(STEPS - 1, Math.max(0, Math.floor((atMs - fromMs) / stepMs)))
    const held = steps.get(step) ?? { faults: 0, stall_ms: 0 }
    steps.set(step, { faults: held.faults + 1, stall_ms: held.stall_ms + stallMs })
  }
  return {
    faults: faults.length,
    requests: waits.length,
    stall_ms: waits.reduce((sum, us) => sum + us / 1000, 0),
    p50_us: rank(waits, 0.5),
    p99_us: rank(waits, 0.99),
    max_us: rank(waits, 1),
    series: [...steps].sort(([a], [b]) => a - b).map(([step, held]) => ({ at_ms: step * stepMs, ...held })),
  }
}
