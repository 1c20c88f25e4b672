/**
 * The columns of each table and the way between a row and what the rest of the program knows. Rows are checked when
 * they are read: what does not fit is `store.damaged`, never a wrong figure.
 */
import * as v from 'valibot'
import { downtimeParts, roundReport, runReport, stageReport } from '../../contract/report.ts'
import type { RoundReport, RunReport, StageReport } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'
import { provenance } from '../provenance.ts'
import type { Provenance } from '../provenance.ts'
import { keptMessage, messageRecord, probeRecord } from './records.ts'
import type { KeptMessage, MessageRecord, ProbeRecord, RunScalars } from './records.ts'

const nullableNumber = v.nullable(v.number())
const nullableText = v.nullable(v.string())

/** A row of `runs`, without its key and its date of removal. */
export const runRow = v.object({
  run_id: v.string(),
  started_at: v.string(),
  started_unix_ms: v.number(),
  outcome: v.string(),
  error_code: nullableText,
  error_message: nullableText,
  error_data: nullableText,
  guest: v.string(),
  ram_B: v.number(),
  from_host: v.string(),
  to_host: v.string(),
  from_kind: v.string(),
  to_kind: v.string(),
  algorithm: v.string(),
  workload: v.string(),
  link: v.string(),
  downtime_ms: nullableNumber,
  outage_ms: nullableNumber,
  total_ms: v.number(),
  downtime_parts_pause_ms: nullableNumber,
  downtime_parts_last_pages_ms: nullableNumber,
  downtime_parts_capture_ms: nullableNumber,
  downtime_parts_pack_ms: nullableNumber,
  downtime_parts_send_ms: nullableNumber,
  downtime_parts_unpack_ms: nullableNumber,
  downtime_parts_restore_ms: nullableNumber,
  downtime_parts_resume_ms: nullableNumber,
  pages_sent: v.number(),
  pages_retransmitted: v.number(),
  bytes_sent_B: v.number(),
  ram_equal: v.nullable(v.picklist([0, 1])),
  wrong_pages: nullableNumber,
  verify_ms: nullableNumber,
  guest_check: nullableText,
  parts_json: nullableText,
})
export type RunRow = v.InferOutput<typeof runRow>

/** What `list` reads beside the row. */
export const listRow = v.object({
  ...runRow.entries,
  run_key: v.number(),
  note: nullableText,
  deleted_at: nullableText,
})

const roundRow = v.object({ ...v.omit(roundReport, ['index']).entries, round_index: v.number() })

/** Columns in the order in which rows are written. `seq` is the place in the list, but for probes, which have their own. */
export const COLUMNS = {
  runs: Object.keys(runRow.entries),
  rounds: Object.keys(roundRow.entries),
  stages: Object.keys(stageReport.entries),
  messages: Object.keys(messageRecord.entries),
  probes: Object.keys(probeRecord.entries),
} as const

/**
 * A report as `saveRun` keeps it: checked against the contract. Numbers in `error.data` that JSON cannot hold (NaN,
 * infinities) become null.
 * @throws FerryError `store.report`
 */
export function checkReport(report: RunReport): RunReport {
  const { error } = report
  const facts = Object.entries(error?.data ?? {}).map(([name, value]) => [
    name,
    typeof value === 'number' && !Number.isFinite(value) ? null : value,
  ])
  const data: unknown = Object.fromEntries(facts)
  const checked = checkInput(runReport, { ...report, error: error === null ? null : { ...error, data } }, 'report')
  if (!Number.isNaN(Date.parse(checked.started_at))) return checked
  throw new FerryError('store.report', `The report's started_at is not a date: "${checked.started_at}".`, {
    run_id: checked.run_id,
  })
}

/**
 * A value that is to be written, checked.
 * @throws FerryError `store.report`
 */
export function checkInput<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw new FerryError('store.report', `The run's ${what} cannot be stored: ${issueText(result.issues)}.`, { what })
}

/** A value that was read, checked; throws `store.damaged`. */
export function checkRow<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  table: string,
  runId: string | null = null,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw damaged(table, runId, issueText(result.issues))
}

export function toRunRow(report: RunReport): RunRow {
  const parts = report.downtime_parts
  return {
    run_id: report.run_id,
    started_at: report.started_at,
    started_unix_ms: Date.parse(report.started_at),
    outcome: report.outcome,
    error_code: report.error?.code ?? null,
    error_message: report.error?.message ?? null,
    error_data: report.error === null ? null : JSON.stringify(report.error.data),
    guest: report.guest,
    ram_B: report.ram_B,
    from_host: report.from,
    to_host: report.to,
    from_kind: report.from_kind,
    to_kind: report.to_kind,
    algorithm: report.algorithm,
    workload: report.workload,
    link: report.link,
    downtime_ms: report.downtime_ms,
    outage_ms: report.outage_ms,
    total_ms: report.total_ms,
    downtime_parts_pause_ms: parts?.pause_ms ?? null,
    downtime_parts_last_pages_ms: parts?.last_pages_ms ?? null,
    downtime_parts_capture_ms: parts?.capture_ms ?? null,
    downtime_parts_pack_ms: parts?.pack_ms ?? null,
    downtime_parts_send_ms: parts?.send_ms ?? null,
    downtime_parts_unpack_ms: parts?.unpack_ms ?? null,
    downtime_parts_restore_ms: parts?.restore_ms ?? null,
    downtime_parts_resume_ms: parts?.resume_ms ?? null,
    pages_sent: report.pages_sent,
    pages_retransmitted: report.pages_retransmitted,
    bytes_sent_B: report.bytes_sent_B,
    ram_equal: report.ram_equal === null ? null : report.ram_equal ? 1 : 0,
    wrong_pages: report.wrong_pages,
    verify_ms: report.verify_ms,
    guest_check: report.guest_check,
    parts_json: JSON.stringify(
      Object.fromEntries(Object.keys(PARTS).map((name) => [name, report[name as keyof Parts]])),
    ),
  }
}

type Parts = Pick<
  RunReport,
  'critical_window' | 'pull' | 'prediction' | 'savings' | 'pages_skipped' | 'throttle_max' | 'throttled_ms'
>
/** Kept as JSON in one column, for what came after the table; with the values of rows that are older. */
const PARTS: Parts = {
  critical_window: null,
  pull: null,
  prediction: null,
  savings: null,
  pages_skipped: 0,
  throttle_max: 0,
  throttled_ms: 0,
}

const scalars = v.omit(runReport, ['rounds', 'stages'])

/** The reverse of `toRunRow`, without the lists. Throws `store.damaged`. */
export function fromRunRow(row: RunRow): RunScalars {
  const parts = Object.fromEntries(
    Object.keys(downtimeParts.entries).map((name) => [name, row[`downtime_parts_${name}` as keyof RunRow]]),
  )
  const hasParts = Object.values(parts).some((part) => part !== null)
  const report = {
    ...row,
    error:
      row.error_code === null
        ? null
        : { code: row.error_code, message: row.error_message, data: parseJson(row.error_data, 'runs', row.run_id) },
    from: row.from_host,
    to: row.to_host,
    downtime_parts: hasParts ? parts : null,
    ram_equal: row.ram_equal === null ? null : row.ram_equal === 1,
    ...PARTS,
    ...(parseJson(row.parts_json, 'runs', row.run_id) as object | null),
  }
  return checkRow(scalars, report, 'runs', row.run_id)
}

export const toRoundRow = ({ index, ...rest }: RoundReport): v.InferOutput<typeof roundRow> => ({
  ...rest,
  round_index: index,
})

export function fromRoundRow(row: unknown, runId: string): RoundReport {
  const { round_index, ...rest } = checkRow(roundRow, row, 'rounds', runId)
  return checkRow(roundReport, { ...rest, index: round_index }, 'rounds', runId)
}
export const fromStageRow = (row: unknown, runId: string): StageReport => checkRow(stageReport, row, 'stages', runId)
export const fromMessageRow = (row: unknown, runId: string): MessageRecord =>
  checkRow(messageRecord, row, 'messages', runId)
export function fromKeptRow(row: unknown, runId: string): KeptMessage {
  const { head, ...message } = checkRow(keptMessage, row, 'messages', runId)
  // SQLite gives a Buffer, which is more than the bytes.
  return { ...message, head: head === null ? null : Uint8Array.from(head) }
}
export const fromProbeRow = (row: unknown, runId: string): ProbeRecord => checkRow(probeRecord, row, 'probes', runId)

/** Throws `store.damaged`. */
export function fromProvenanceRow(row: unknown, runId: string): Provenance {
  const { json } = checkRow(v.object({ json: v.string() }), row, 'provenance', runId)
  return checkRow(provenance, parseJson(json, 'provenance', runId), 'provenance', runId)
}

function parseJson(text: string | null, table: string, runId: string): unknown {
  try {
    return JSON.parse(text ?? 'null') as unknown
  } catch {
    throw damaged(table, runId, 'it is not JSON')
  }
}

function damaged(table: string, runId: string | null, why: string): FerryError {
  const which = runId === null ? 'A run' : `Run ${runId}`
  return new FerryError('store.damaged', `${which} is damaged in the store (${table}): ${why}. Remove it to go on.`, {
    run_id: runId,
    table,
  })
}

function issueText(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues
    .slice(0, 3)
    .map((issue) => `${v.getDotPath(issue) ?? 'value'}: ${issue.message}`)
    .join('; ')
}
