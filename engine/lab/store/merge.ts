/**
 * Takes what another store has that this one has not: runs with all their parts, experiments with their trials, machines.
 * Rows are copied as they are, provenance included, so that a merged run is the run that was measured. Whatever has an id
 * that is there already has to be the same, or nothing is merged; so merging twice, or in any order, changes nothing.
 */
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import type { Database } from 'better-sqlite3'
import * as v from 'valibot'
import { FerryError } from '../../util/errors.ts'
import { checkOurs, guarded, openDatabase } from './database.ts'

export interface Merged {
  readonly runs: number
  /** Runs that were here already. */
  readonly runs_known: number
  readonly experiments: number
  readonly experiments_known: number
}

/** Parts of runs: their rows name the run by `run_key`, which is each store's own. */
const PARTS = ['rounds', 'stages', 'messages', 'probes', 'provenance', 'notes'] as const
/** What a user may have changed of a run since; the copy that is here keeps its own. */
const CHANGEABLE = ['run_key', 'deleted_at']

/**
 * @param into a store, made where there is none
 * @param from another one, which is not changed, whatever its layout
 * @throws FerryError `store.absent`, `store.itself`, `store.conflict` (nothing of `from` is merged then), `store.*`
 */
export function mergeStore(into: string, from: string): Merged {
  if (!existsSync(from)) throw new FerryError('store.absent', `There are no measurements "${from}".`, { path: from })
  if (existsSync(into) && realpathSync(into) === realpathSync(from)) {
    throw new FerryError('store.itself', `"${from}" cannot be merged into itself.`, { path: from })
  }
  const database = openDatabase(into)
  try {
    return mergeInto(database, from)
  } finally {
    database.close()
  }
}

/**
 * The same into a store that is open.
 * @param name what messages call the other store
 * @throws FerryError as `mergeStore`
 */
export function mergeInto(database: Database, from: string, name = from): Merged {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-merge-'))
  try {
    const copy = join(folder, 'from.sqlite')
    copyOf(from, copy, name)
    // Brings the copy to the newest layout.
    openDatabase(copy).close()
    return guarded(() => {
      database.prepare('ATTACH ? AS other').run(copy)
      try {
        return database.transaction(() => mergeAttached(database, name)).immediate()
      } finally {
        database.exec('DETACH other')
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** SQLite makes it: what is in the write-ahead log is in the copy, and nobody who writes meanwhile is disturbed. */
function copyOf(path: string, copy: string, name: string): void {
  let database: Database
  try {
    database = new BetterSqlite3(path, { readonly: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('store.open', `The measurements "${name}" cannot be opened: ${why}.`, { path: name }, cause)
  }
  try {
    guarded(() => {
      checkOurs(database, name)
      database.prepare('VACUUM INTO ?').run(copy)
    })
  } finally {
    database.close()
  }
}

function mergeAttached(database: Database, from: string): Merged {
  const count = (sql: string): number => v.parse(v.number(), database.prepare(sql).pluck().get())
  refuseConflict(database, from)
  const runs_known = count('SELECT count(*) FROM other.runs WHERE run_id IN (SELECT run_id FROM main.runs)')
  const experiments_known = count(
    'SELECT count(*) FROM other.experiments WHERE experiment_id IN (SELECT experiment_id FROM main.experiments)',
  )
  const runs = mergeRuns(database)
  database.exec('INSERT OR IGNORE INTO main.machines SELECT * FROM other.machines')
  const experiments = mergeExperiments(database)
  return { runs, runs_known, experiments, experiments_known }
}

/** Names come from the database's own layout, which is this program's. */
function columns(database: Database, table: string, without: readonly string[] = []): string[] {
  const names = database.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table)
  return v.parse(v.array(v.string()), names).filter((name) => !without.includes(name))
}

function mergeRuns(database: Database): number {
  const names = columns(database, 'runs', ['run_key']).join(', ')
  database.exec(
    'CREATE TEMP TABLE fresh AS SELECT run_key, run_id FROM other.runs WHERE run_id NOT IN (SELECT run_id FROM main.runs)',
  )
  const { changes } = database
    .prepare(
      `INSERT INTO main.runs (${names}) SELECT ${names} FROM other.runs WHERE run_key IN (SELECT run_key FROM fresh)`,
    )
    .run()
  for (const table of PARTS) {
    const parts = columns(database, table, ['run_key'])
    database.exec(
      `INSERT INTO main.${table} (run_key, ${parts.join(', ')})
       SELECT runs.run_key, ${parts.map((name) => `part.${name}`).join(', ')}
       FROM other.${table} AS part JOIN fresh ON fresh.run_key = part.run_key JOIN main.runs ON runs.run_id = fresh.run_id`,
    )
  }
  database.exec('DROP TABLE fresh')
  return changes
}

const TRIAL = 'experiment_id, trial, attempt'

/** An experiment that went on since it was merged first brings its further trials, and how it stands now. */
function mergeExperiments(database: Database): number {
  const names = columns(database, 'experiments').join(', ')
  const { changes } = database
    .prepare(
      `INSERT INTO main.experiments (${names}) SELECT ${names} FROM other.experiments
       WHERE experiment_id NOT IN (SELECT experiment_id FROM main.experiments)`,
    )
    .run()
  database.exec(`
    UPDATE main.experiments SET state = other.experiments.state FROM other.experiments
    WHERE other.experiments.experiment_id = main.experiments.experiment_id
      AND main.experiments.owner IS NULL AND main.experiments.state IN ('running', 'paused');
    -- Whoever carries it out does so in the other store.
    UPDATE main.experiments SET owner = NULL, owner_seen_ms = NULL, state = iif(state = 'running', 'paused', state)
    WHERE experiment_id IN (SELECT experiment_id FROM other.experiments WHERE owner IS main.experiments.owner);
    DELETE FROM main.trials WHERE state = 'running' AND (${TRIAL}) IN (SELECT ${TRIAL} FROM other.trials);
    INSERT INTO main.trials (${columns(database, 'trials').join(', ')})
    SELECT ${columns(database, 'trials').join(', ')} FROM other.trials
    WHERE (${TRIAL}) NOT IN (SELECT ${TRIAL} FROM main.trials)`)
  return changes
}

/** The same id with other content: one of the two was changed by hand, or an experiment went on in two copies. */
function refuseConflict(database: Database, from: string): void {
  const same = (names: readonly string[]): string =>
    names.map((name) => `here.${name} IS NOT there.${name}`).join(' OR ')
  const find = (sql: string): string | null => v.parse(v.nullish(v.string(), null), database.prepare(sql).pluck().get())
  const run = find(
    `SELECT run_id FROM main.runs AS here JOIN other.runs AS there USING (run_id)
     WHERE ${same(columns(database, 'runs', [...CHANGEABLE, 'run_id']))}`,
  )
  const trial = find(
    `SELECT here.experiment_id FROM main.trials AS here JOIN other.trials AS there USING (${TRIAL})
     WHERE here.state <> 'running' AND there.state <> 'running'
       AND (${same(['condition', 'run_id', 'machine_id', 'state'])})`,
  )
  const plan = find(
    `SELECT experiment_id FROM main.experiments AS here JOIN other.experiments AS there USING (experiment_id)
     WHERE ${same(['plan_json', 'shard_index', 'shard_count'])}`,
  )
  const [what, id] = run === null ? ['experiment', trial ?? plan] : ['run', run]
  if (id === null) return
  const message = `The ${what} ${id} is in both stores with different content, so nothing of "${from}" was merged. An experiment that went on in two copies of a store is two experiments; keep one of them.`
  throw new FerryError('store.conflict', message, { path: from, id })
}
