/**
 * Opens the SQLite file: checks that it is ours and not newer than we are before anything is changed, then sets how
 * it is written and brings it to the newest layout. SQLite's errors become FerryErrors here and nowhere else.
 *
 * WAL with `synchronous=NORMAL`: a process that dies loses no finished transaction; a machine that loses power may lose
 * the last ones, but the database stays whole.
 */
import BetterSqlite3 from 'better-sqlite3'
import type { Database } from 'better-sqlite3'
import { FerryError } from '../../util/errors.ts'
import { MIGRATIONS, layoutVersion, migrate } from './migrations.ts'
import type { Migration } from './migrations.ts'

/** "Ferr" in ASCII: marks the file as ours (`PRAGMA application_id`). */
export const APPLICATION_ID = 0x46657272
/** SQL function: a text in lower case as ECMAScript has it; SQLite's own `lower` knows ASCII only. */
export const FOLD = 'ferry_fold'
/** How long a write waits for another program's, ms. */
const BUSY_TIMEOUT_MS = 5000

/**
 * @param path a file, created where there is none (its folder has to exist), or `:memory:`
 * @throws FerryError `store.open`, `store.foreign` (another program's database, or none at all), `store.newer`,
 *   `store.migration`
 */
export function openDatabase(path: string, migrations: readonly Migration[] = MIGRATIONS): Database {
  let database: Database
  try {
    database = new BetterSqlite3(path, { timeout: BUSY_TIMEOUT_MS })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('store.open', `The measurements "${path}" cannot be opened: ${why}.`, { path }, cause)
  }
  try {
    database.function(FOLD, { deterministic: true }, (text) => String(text).toLowerCase())
    guarded(() => {
      checkOurs(database, path)
      if (layoutVersion(database) <= migrations.length) {
        database.pragma('journal_mode = WAL')
        database.pragma('synchronous = NORMAL')
        database.pragma('foreign_keys = ON')
        if (markOf(database) !== APPLICATION_ID) database.pragma(`application_id = ${APPLICATION_ID}`)
      }
      migrate(database, migrations)
    })
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** An empty database may become ours; one with another mark, or with tables and no mark, is somebody else's. */
export function checkOurs(database: Database, path: string): void {
  let mark: unknown
  let tables: unknown
  try {
    // In one transaction: another program may be making the database at this moment.
    database.transaction(() => {
      mark = markOf(database)
      tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
    })()
  } catch (cause) {
    if (!(cause instanceof BetterSqlite3.SqliteError) || cause.code !== 'SQLITE_NOTADB') throw cause
    throw foreign(path, cause)
  }
  if (mark !== APPLICATION_ID && !(mark === 0 && tables === 0)) throw foreign(path)
}

function markOf(database: Database): unknown {
  return database.pragma('application_id', { simple: true })
}

function foreign(path: string, cause?: unknown): FerryError {
  return new FerryError(
    'store.foreign',
    `"${path}" does not hold measurements of Ferry. Choose another file; this one was not changed.`,
    { path },
    cause,
  )
}

/** Runs `work`; an error of SQLite becomes a FerryError `store.busy`, `store.full`, `store.read-only`, `store.corrupt` or `store.failed`. */
export function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof BetterSqlite3.SqliteError ? translate(error) : error
  }
}

const ERRORS: readonly (readonly [prefix: string, code: string, message: string])[] = [
  ['SQLITE_BUSY', 'store.busy', 'Another program is writing the measurements. Try again.'],
  ['SQLITE_FULL', 'store.full', 'The disk is full: the measurements could not be written.'],
  ['SQLITE_READONLY', 'store.read-only', 'The measurements may only be read: check the permissions of their file.'],
  ['SQLITE_CORRUPT', 'store.corrupt', 'The file of the measurements is damaged. Restore a copy of it.'],
  ['SQLITE_NOTADB', 'store.corrupt', 'The file of the measurements is damaged. Restore a copy of it.'],
]

function translate(error: Error & { code: string }): FerryError {
  const data = { sqlite_code: error.code }
  for (const [prefix, code, message] of ERRORS) {
    if (error.code.startsWith(prefix)) return new FerryError(code, message, data, error)
  }
  return new FerryError('store.failed', `The measurements could not be read or written: ${error.message}.`, data, error)
}
