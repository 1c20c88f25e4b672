/**
 * The measurement store: finished runs, whatever their outcome, with all that was measured. A run is written in one
 * transaction, so it is there as a whole or not at all.
 */
import type { Database, Statement } from 'better-sqlite3'
import * as v from 'valibot'
import type { ListedRun } from '../../contract/lab.ts'
import type { RunReport } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'
import { provenance } from '../provenance.ts'
import { FOLD, guarded, openDatabase } from './database.ts'
import { ExperimentStore } from './experiment-store.ts'
import { type Merged, mergeInto } from './merge.ts'
import { keptMessage, probeRecord, runFilter } from './records.ts'
import type { KeptMessage, RunFilter, RunListItem, RunParts, StoredRun } from './records.ts'
import * as schema from './schema.ts'

export const DEFAULT_LIMIT = 100

export interface RunStore {
  /** Experiments and their trials, in the same file. */
  readonly experiments: ExperimentStore
  /**
   * Writes a finished run; completed, failed and cancelled ones alike.
   * @throws FerryError `store.report` (it does not keep to the contract), `store.duplicate-run`
   */
  saveRun(report: RunReport, parts: RunParts): void
  /** Newest first; at most 100 unless the filter says otherwise. Removed runs only where the filter asks for them. */
  list(filter?: RunFilter): RunListItem[]
  /** The same runs as full reports, all of them unless the filter limits: what an export starts from. */
  reports(filter?: RunFilter): ListedRun[]
  /** How many runs the filter selects; `limit` and `offset` do not count. */
  count(filter?: RunFilter): number
  /** A run's report alone, removed ones too; null for an unknown id. */
  report(runId: string): RunReport | null
  /** All that is known of a run, removed ones too; null for an unknown id. */
  get(runId: string): StoredRun | null
  /** One message of a run by its place; null where there is no such run or message. */
  message(runId: string, index: number): KeptMessage | null
  /** Sets the user's words on a run; empty text takes them away. @throws FerryError `store.unknown-run` */
  setNote(runId: string, text: string): void
  /** Hides a run from lists. Idempotent; the first date stays. @throws FerryError `store.unknown-run` */
  remove(runId: string): void
  /** Undoes `remove`. Idempotent. @throws FerryError `store.unknown-run` */
  restore(runId: string): void
  /** Deletes for good the runs that were removed before `before` (ISO-8601). Returns how many. */
  purge(before: string): number
  /**
   * Takes what the store in the file `from` has that this one has not; `from` is not changed.
   * @param name what messages call it
   * @throws FerryError `store.*`; nothing is merged then
   */
  merge(from: string, name: string): Merged
  /** Gives the space of purged runs back to the disk. */
  vacuum(): void
  /** Idempotent. Any other call afterwards throws `store.closed`. */
  close(): void
}

/**
 * Opens the store, creating it where there is none.
 * @param path a file in an existing folder, or `:memory:`
 * @throws FerryError `store.open`, `store.foreign`, `store.newer`, `store.migration`
 */
export function openStore(path: string): RunStore {
  return new SqliteRunStore(openDatabase(path))
}

const SELECT_RUNS = `SELECT runs.run_key, ${schema.COLUMNS.runs.map((name) => `runs.${name}`).join(', ')},
  runs.deleted_at, notes.text AS note FROM runs LEFT JOIN notes USING (run_key)`
const ORDER = 'ORDER BY runs.started_unix_ms DESC, runs.run_key DESC'

/** What words are looked for in: the same as the window's own table looks in (`renderer/src/data/filtering.ts`). */
const SEARCHED = `${FOLD}(concat_ws(char(10), run_id, outcome, guest, from_host, to_host,
  from_kind || ' → ' || to_kind, algorithm, workload, link, started_at, error_message, notes.text))`

type Value = string | number | Uint8Array | null
type Row = Readonly<Record<string, Value>>

class SqliteRunStore implements RunStore {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()
  readonly experiments: ExperimentStore

  constructor(database: Database) {
    this.#database = database
    this.experiments = new ExperimentStore(database)
  }

  saveRun(report: RunReport, parts: RunParts): void {
    const checked = schema.checkReport(report)
    const messages = schema.checkInput(v.array(keptMessage), parts.messages, 'messages')
    const probes = schema.checkInput(v.array(probeRecord), parts.probes, 'probes')
    const conditions = schema.checkInput(provenance, parts.provenance, 'provenance')
    const save = this.#database.transaction(() => {
      if (this.#keyOf(checked.run_id) !== null) throw duplicate(checked.run_id)
      const runKey = this.#insert('runs', schema.COLUMNS.runs, schema.toRunRow(checked))
      const listed = (table: 'rounds' | 'stages', rows: readonly Row[]): void =>
        rows.forEach((row, seq) =>
          this.#insert(table, ['run_key', 'seq', ...schema.COLUMNS[table]], { ...row, run_key: runKey, seq }),
        )
      listed('rounds', checked.rounds.map(schema.toRoundRow))
      listed('stages', checked.stages)
      messages.forEach((row, seq) =>
        this.#insert('messages', ['run_key', 'seq', ...schema.COLUMNS.messages, 'head'], {
          ...row,
          run_key: runKey,
          seq,
        }),
      )
      for (const row of probes)
        this.#insert('probes', ['run_key', ...schema.COLUMNS.probes], { ...row, run_key: runKey })
      this.#insert('provenance', ['run_key', 'json'], { run_key: runKey, json: JSON.stringify(conditions) })
    })
    this.#guarded(() => save.immediate())
  }

  list(filter: RunFilter = {}): RunListItem[] {
    return this.#guarded(() => this.#select({ limit: DEFAULT_LIMIT, ...filter }).map(({ item }) => item))
  }

  reports(filter: RunFilter = {}): ListedRun[] {
    return this.#reading(() =>
      this.#select(filter).map(({ item, runKey }) => ({ ...this.#withLists(item, runKey), note: item.note })),
    )
  }

  count(filter: RunFilter = {}): number {
    const { where, values } = conditionsOf(filter)
    return this.#guarded(() =>
      Number(
        this.#prepare(`SELECT count(*) AS n FROM runs LEFT JOIN notes USING (run_key) ${where}`)
          .pluck()
          .get(...values),
      ),
    )
  }

  report(runId: string): RunReport | null {
    return this.#reading(() => {
      const found = this.#prepare(`${SELECT_RUNS} WHERE runs.run_id = ?`).get(runId)
      if (found === undefined) return null
      const { item, runKey } = listItem(found)
      return this.#withLists(item, runKey)
    })
  }

  get(runId: string): StoredRun | null {
    return this.#reading(() => {
      const found = this.#prepare(`${SELECT_RUNS} WHERE runs.run_id = ?`).get(runId)
      if (found === undefined) return null
      const { item, runKey } = listItem(found)
      return {
        report: this.#withLists(item, runKey),
        messages: this.#rows('messages', runKey).map((row) => schema.fromMessageRow(row, runId)),
        probes: this.#rows('probes', runKey).map((row) => schema.fromProbeRow(row, runId)),
        provenance: schema.fromProvenanceRow(
          this.#prepare('SELECT json FROM provenance WHERE run_key = ?').get(runKey),
          runId,
        ),
        note: item.note,
        deleted_at: item.deleted_at,
      }
    })
  }

  message(runId: string, index: number): KeptMessage | null {
    return this.#guarded(() => {
      const columns = [...schema.COLUMNS.messages, 'head'].map((name) => `messages.${name}`).join(', ')
      const from = 'FROM messages JOIN runs USING (run_key)'
      const row = this.#prepare(`SELECT ${columns} ${from} WHERE run_id = ? AND seq = ?`).get(runId, index)
      return row === undefined ? null : schema.fromKeptRow(row, runId)
    })
  }

  setNote(runId: string, text: string): void {
    this.#onRun(runId, (key) => {
      if (text === '') this.#prepare('DELETE FROM notes WHERE run_key = ?').run(key)
      else {
        this.#prepare('INSERT OR REPLACE INTO notes (run_key, text, changed_at) VALUES (?, ?, ?)').run(
          key,
          text,
          new Date().toISOString(),
        )
      }
    })
  }

  remove(runId: string): void {
    this.#onRun(runId, (key) => {
      this.#prepare('UPDATE runs SET deleted_at = coalesce(deleted_at, ?) WHERE run_key = ?').run(
        new Date().toISOString(),
        key,
      )
    })
  }

  restore(runId: string): void {
    this.#onRun(runId, (key) => this.#prepare('UPDATE runs SET deleted_at = NULL WHERE run_key = ?').run(key))
  }

  purge(before: string): number {
    const at = new Date(before)
    if (Number.isNaN(at.getTime())) throw new FerryError('store.filter', `"${before}" is not a date.`, { before })
    // `deleted_at` is always what toISOString gives, so that the order of the texts is the order of the dates.
    return this.#guarded(() => this.#prepare('DELETE FROM runs WHERE deleted_at < ?').run(at.toISOString()).changes)
  }

  merge(from: string, name: string): Merged {
    return mergeInto(this.#database, from, name)
  }

  vacuum(): void {
    this.#guarded(() => {
      this.#database.exec('VACUUM')
      this.#database.pragma('wal_checkpoint(TRUNCATE)')
    })
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  /** Statements are compiled once; their text is built from constants of this program only. */
  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #insert(table: string, columns: readonly string[], row: Row): number {
    const names = columns.join(', ')
    const places = columns.map(() => '?').join(', ')
    const values = columns.map((name) => row[name] ?? null)
    return Number(this.#prepare(`INSERT INTO ${table} (${names}) VALUES (${places})`).run(...values).lastInsertRowid)
  }

  #rows(table: 'rounds' | 'stages' | 'messages' | 'probes', runKey: number): unknown[] {
    const names = schema.COLUMNS[table].join(', ')
    return this.#prepare(`SELECT ${names} FROM ${table} WHERE run_key = ? ORDER BY seq`).all(runKey)
  }

  #select(filter: RunFilter): { item: RunListItem; runKey: number }[] {
    const { where, values, limit, offset } = conditionsOf(filter)
    const rows = this.#prepare(`${SELECT_RUNS} ${where} ${ORDER} LIMIT ? OFFSET ?`).all(...values, limit, offset)
    return rows.map(listItem)
  }

  #withLists({ run }: RunListItem, runKey: number): RunReport {
    return {
      ...run,
      rounds: this.#rows('rounds', runKey).map((row) => schema.fromRoundRow(row, run.run_id)),
      stages: this.#rows('stages', runKey).map((row) => schema.fromStageRow(row, run.run_id)),
    }
  }

  #keyOf(runId: string): number | null {
    const key = this.#prepare('SELECT run_key FROM runs WHERE run_id = ?').pluck().get(runId)
    return typeof key === 'number' ? key : null
  }

  #onRun(runId: string, change: (runKey: number) => unknown): void {
    const step = this.#database.transaction(() => {
      const key = this.#keyOf(runId)
      if (key === null) throw new FerryError('store.unknown-run', `There is no run ${runId}.`, { run_id: runId })
      change(key)
    })
    this.#guarded(() => step.immediate())
  }

  #guarded<T>(work: () => T): T {
    if (!this.#database.open) throw new FerryError('store.closed', 'The measurements are closed.')
    return guarded(work)
  }

  /** Several reads that see the same state of the database. */
  #reading<T>(work: () => T): T {
    return this.#guarded(() => this.#database.transaction(work)())
  }
}

function duplicate(runId: string): FerryError {
  return new FerryError('store.duplicate-run', `Run ${runId} is in the store already.`, { run_id: runId })
}

function listItem(found: unknown): { item: RunListItem; runKey: number } {
  const { run_key, note, deleted_at, ...row } = schema.checkRow(schema.listRow, found, 'runs')
  return { item: { run: schema.fromRunRow(row), note, deleted_at }, runKey: run_key }
}

/** The filter as SQL. All texts of the user are bound, none is part of the statement. */
function conditionsOf(filter: RunFilter): { where: string; values: Value[]; limit: number; offset: number } {
  const result = v.safeParse(runFilter, filter)
  if (!result.success) {
    const [issue] = result.issues
    throw new FerryError('store.filter', `The filter is not valid: ${v.getDotPath(issue) ?? ''}: ${issue.message}.`)
  }
  const { limit, offset, outcome, algorithm, from_kind, to_kind, guest, text = '', since, deleted } = result.output
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const conditions: [string, Value | undefined][] = [
    ['runs.outcome = ?', outcome],
    ['runs.algorithm = ?', algorithm],
    ['runs.from_kind = ?', from_kind],
    ['runs.to_kind = ?', to_kind],
    ['runs.guest = ?', guest],
    ['runs.started_unix_ms >= ?', since === undefined ? undefined : Date.parse(since)],
    ...words.map((word): [string, Value] => [`instr(${SEARCHED}, ?) > 0`, word]),
  ]
  const active = conditions.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]))
  const removed = `runs.deleted_at IS ${deleted === true ? 'NOT NULL' : 'NULL'}`
  return {
    where: `WHERE ${[removed, ...active.map(({ sql }) => sql)].join(' AND ')}`,
    values: active.map(({ value }) => value),
    // SQLite reads -1 as "no limit".
    limit: limit ?? -1,
    offset: offset ?? 0,
  }
}
