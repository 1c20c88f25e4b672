/** What the store takes and gives besides the run report itself, with the schemas that both are checked against. */
import * as v from 'valibot'
import { hostKind, runReport } from '../../contract/report.ts'
import type { RunReport } from '../../contract/report.ts'
import type { ProbeSeries } from '../../network/probe.ts'
import type { Provenance } from '../provenance.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** A moment; negative where it lies before the start of the migration. */
const moment_ms = v.pipe(v.number(), v.finite())

/** One protocol message, in the order in which the source wrote or received it. */
export const messageRecord = v.object({
  direction: v.picklist(['source-to-target', 'target-to-source']),
  /** Name of the message's type, e.g. `MIG_REQ`. */
  type: v.string(),
  /** Stage of the source at that moment, 0–5. */
  stage: v.pipe(count, v.maxValue(5)),
  /** The whole frame, header included. */
  bytes_B: count,
  /** Since the start of the migration. */
  at_ms: moment_ms,
})
export type MessageRecord = v.InferOutput<typeof messageRecord>

/** A message with what was kept of its frame. */
export const keptMessage = v.object({
  ...messageRecord.entries,
  /** The first bytes of the frame; null = none were kept. */
  head: v.nullable(v.instance(Uint8Array)),
})
export type KeptMessage = v.InferOutput<typeof keptMessage>

/** One request of the network client's probe. */
export const probeRecord = v.object({
  /** Number of the request; each occurs once in a run. */
  seq: count,
  /** Since the start of the migration. */
  sent_ms: moment_ms,
  /** Arrival of the first answer, since the start of the migration; null = lost. */
  answered_ms: v.nullable(moment_ms),
  /** Round trip: from sending to the first answer; null = lost. */
  rtt_ms: v.nullable(v.pipe(moment_ms, v.minValue(0))),
})
export type ProbeRecord = v.InferOutput<typeof probeRecord>

/** A probe's series as records. `startedMs` is the start of the migration on the clock of the series (`nowMs()`). */
export function probeRecords(series: ProbeSeries, startedMs: number): ProbeRecord[] {
  return Array.from(series.sentAtMs, (sent, seq) => {
    const answered = series.answeredAtMs[seq] ?? NaN
    const lost = Number.isNaN(answered)
    return {
      seq,
      sent_ms: sent - startedMs,
      answered_ms: lost ? null : answered - startedMs,
      rtt_ms: lost ? null : Math.max(0, answered - sent),
    }
  })
}

/** What is saved with a report. */
export interface RunParts {
  readonly messages: readonly KeptMessage[]
  readonly probes: readonly ProbeRecord[]
  readonly provenance: Provenance
}

/** A report without its lists: one line of a list of runs. */
export type RunScalars = Omit<RunReport, 'rounds' | 'stages'>

/** One line of the list of runs. */
export interface RunListItem {
  readonly run: RunScalars
  /** The user's words; null = none. */
  readonly note: string | null
  /** When the run was removed, ISO-8601 UTC; null = it was not. */
  readonly deleted_at: string | null
}

/** All that is known of a run. */
export interface StoredRun {
  readonly report: RunReport
  readonly messages: MessageRecord[]
  readonly probes: ProbeRecord[]
  readonly provenance: Provenance
  readonly note: string | null
  readonly deleted_at: string | null
}

const text = v.optional(v.string())

/** Which runs, newest first. What is left out does not restrict. */
export const runFilter = v.object({
  /** At most so many; by default 100 for `list`, all for `reports`. */
  limit: v.optional(count),
  /** Leave out so many first. */
  offset: v.optional(count),
  outcome: v.optional(runReport.entries.outcome),
  algorithm: text,
  /** Kinds of source and target. */
  from_kind: v.optional(hostKind),
  to_kind: v.optional(hostKind),
  /** The guest's whole name. */
  guest: text,
  /** Words, each of which has to occur somewhere in the run or its note; case does not matter. */
  text,
  /** Started at this moment or later, ISO-8601. */
  since: v.optional(
    v.pipe(
      v.string(),
      v.check((at) => !Number.isNaN(Date.parse(at)), 'not a date'),
    ),
  ),
  /** `false` (the default): runs that were not removed; `true`: only the removed ones. */
  deleted: v.optional(v.boolean()),
})
export type RunFilter = v.InferInput<typeof runFilter>
