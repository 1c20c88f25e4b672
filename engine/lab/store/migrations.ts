/**
 * The history of the database's layout, forward only. A migration that has been released is never edited: a change is
 * a new one at the end. `PRAGMA user_version` is the number of migrations that a database has been through.
 *
 * Layout 1. `runs.run_key` is SQLite's own short row number; the public id is `run_id`. Lists keep their order in
 * `seq`. Times are ms, sizes B, as the column names say; booleans are 0 and 1; a date is ISO-8601 text in UTC.
 */
import type { Database } from 'better-sqlite3'
import { FerryError } from '../../util/errors.ts'

export interface Migration {
  /** What it does, in a few words, for errors. */
  readonly name: string
  readonly sql: string
}

const child = 'run_key INTEGER NOT NULL REFERENCES runs(run_key) ON DELETE CASCADE'
const listed = `${child}, seq INTEGER NOT NULL`

export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'runs and their parts',
    sql: `
      CREATE TABLE runs (
        run_key INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        started_at TEXT NOT NULL,
        started_unix_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('completed', 'failed', 'cancelled')),
        error_code TEXT,
        error_message TEXT,
        error_data TEXT,
        guest TEXT NOT NULL,
        ram_B INTEGER NOT NULL,
        from_host TEXT NOT NULL,
        to_host TEXT NOT NULL,
        from_kind TEXT NOT NULL,
        to_kind TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        workload TEXT NOT NULL,
        link TEXT NOT NULL,
        downtime_ms REAL,
        outage_ms REAL,
        total_ms REAL NOT NULL,
        downtime_parts_pause_ms REAL,
        downtime_parts_last_pages_ms REAL,
        downtime_parts_capture_ms REAL,
        downtime_parts_pack_ms REAL,
        downtime_parts_send_ms REAL,
        downtime_parts_unpack_ms REAL,
        downtime_parts_restore_ms REAL,
        downtime_parts_resume_ms REAL,
        pages_sent INTEGER NOT NULL,
        pages_retransmitted INTEGER NOT NULL,
        bytes_sent_B INTEGER NOT NULL,
        ram_equal INTEGER,
        wrong_pages INTEGER,
        verify_ms REAL,
        guest_check TEXT,
        deleted_at TEXT
      ) STRICT;
      CREATE INDEX runs_by_time ON runs (started_unix_ms DESC, run_key DESC);

      CREATE TABLE rounds (
        ${listed},
        round_index INTEGER NOT NULL,
        pages_sent INTEGER NOT NULL,
        zero_pages INTEGER NOT NULL,
        bytes_sent_B INTEGER NOT NULL,
        dirty_pages INTEGER NOT NULL,
        duration_ms REAL NOT NULL,
        PRIMARY KEY (run_key, seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE stages (
        ${listed},
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        started_ms REAL NOT NULL,
        duration_ms REAL NOT NULL,
        PRIMARY KEY (run_key, seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE messages (
        ${listed},
        direction TEXT NOT NULL,
        type TEXT NOT NULL,
        stage INTEGER NOT NULL,
        bytes_B INTEGER NOT NULL,
        at_ms REAL NOT NULL,
        PRIMARY KEY (run_key, seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE probes (
        ${listed},
        sent_ms REAL NOT NULL,
        answered_ms REAL,
        rtt_ms REAL,
        PRIMARY KEY (run_key, seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE provenance (
        ${child} PRIMARY KEY,
        json TEXT NOT NULL
      ) STRICT;

      CREATE TABLE notes (
        ${child} PRIMARY KEY,
        text TEXT NOT NULL,
        changed_at TEXT NOT NULL
      ) STRICT;
    `,
  },
  {
    // The first bytes of the frame. NULL: the run was stored before they were kept.
    name: 'heads of messages',
    sql: 'ALTER TABLE messages ADD COLUMN head BLOB',
  },
  {
    // Parts of a report that some runs only have, by name. NULL: none.
    name: 'further parts of reports',
    sql: 'ALTER TABLE runs ADD COLUMN parts_json TEXT',
  },
  {
    // `trial` is the trial's place in the order of the whole plan. A trial that was broken off is made again, as another
    // attempt. `run_id` is no reference: the run is stored after the trial has begun, and may be purged before it.
    name: 'experiments',
    sql: `
      CREATE TABLE machines (
        machine_id TEXT PRIMARY KEY,
        cpu_model TEXT NOT NULL,
        cores INTEGER NOT NULL,
        memory_B INTEGER NOT NULL,
        platform TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE experiments (
        experiment_id TEXT PRIMARY KEY,
        plan_digest TEXT NOT NULL,
        name TEXT NOT NULL,
        plan_json TEXT NOT NULL,
        shard_index INTEGER NOT NULL,
        shard_count INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'completed', 'cancelled')),
        owner TEXT,
        owner_seen_ms INTEGER
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE trials (
        experiment_id TEXT NOT NULL REFERENCES experiments(experiment_id) ON DELETE CASCADE,
        trial INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        condition INTEGER NOT NULL,
        repeat INTEGER NOT NULL,
        warm_up INTEGER NOT NULL,
        machine_id TEXT NOT NULL REFERENCES machines(machine_id),
        state TEXT NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'interrupted')),
        run_id TEXT UNIQUE,
        error_code TEXT,
        error_message TEXT,
        started_at TEXT NOT NULL,
        duration_ms REAL,
        PRIMARY KEY (experiment_id, trial, attempt)
      ) STRICT, WITHOUT ROWID;
    `,
  },
]

/** How many migrations the database has been through. */
export function layoutVersion(database: Database): number {
  const version = database.pragma('user_version', { simple: true })
  return typeof version === 'number' ? version : 0
}

/**
 * Brings the database to the newest layout, each migration in a transaction of its own: one that fails leaves the
 * database as it was before it. Two programs that open a new database at once do not get in each other's way.
 * @throws FerryError `store.newer` for a database of a later program, which is left untouched; `store.migration`
 */
export function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): void {
  const found = layoutVersion(database)
  if (found > migrations.length) {
    throw new FerryError(
      'store.newer',
      `The measurements were written by a newer Ferry (layout ${found}, this one knows ${migrations.length}). ` +
        'Use that version, or choose another file; nothing was changed.',
      { found, known: migrations.length },
    )
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < found) continue
    const step = database.transaction(() => {
      // Another program may have been faster since the version was read.
      if (layoutVersion(database) !== index) return
      database.exec(migration.sql)
      database.pragma(`user_version = ${index + 1}`)
    })
    try {
      step.immediate()
    } catch (cause) {
      throw new FerryError(
        'store.migration',
        `The measurements could not be brought to layout ${index + 1} (${migration.name}): ` +
          `${cause instanceof Error ? cause.message : String(cause)}. They are as they were before.`,
        { layout: index + 1, name: migration.name },
        cause,
      )
    }
  }
}
