import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../engine/lab/store/database.ts'
import { MIGRATIONS, layoutVersion } from '../../../engine/lab/store/migrations.ts'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { sampleParts, sampleReport } from './samples.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-store-'))
  path = join(folder, 'runs.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const code = (value: string): unknown => expect.objectContaining({ code: value })
/** Changes the file behind the store's back. */
function tamper(sql: string): void {
  const database = new BetterSqlite3(path)
  database.exec(sql)
  database.close()
}

describe('a database', () => {
  it('is written in WAL mode with foreign keys, and has been through all migrations', () => {
    const database = openDatabase(path)
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(database.pragma('synchronous', { simple: true })).toBe(1)
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(layoutVersion(database)).toBe(MIGRATIONS.length)
    database.close()
  })

  it('opened again still has its runs', () => {
    const store = openStore(path)
    store.saveRun(sampleReport(0), sampleParts(0))
    store.close()
    const again = openStore(path)
    expect(again.get('run-0')?.report).toEqual(sampleReport(0))
    again.close()
  })

  it('that a newer program wrote is refused and not touched', () => {
    openDatabase(path).close()
    tamper(`PRAGMA user_version = ${MIGRATIONS.length + 1}; PRAGMA journal_mode = DELETE`)
    const before = readFileSync(path)
    expect(() => openStore(path)).toThrow(code('store.newer'))
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('of another program, or no database at all, is refused and not touched', () => {
    tamper('CREATE TABLE bookmarks (url TEXT)')
    const before = readFileSync(path)
    expect(() => openStore(path)).toThrow(code('store.foreign'))
    expect(readFileSync(path).equals(before)).toBe(true)
    const letter = join(folder, 'letter.txt')
    writeFileSync(letter, 'Dear student, '.repeat(100))
    expect(() => openStore(letter)).toThrow(code('store.foreign'))
    expect(readFileSync(letter, 'utf8')).toBe('Dear student, '.repeat(100))
  })

  it('in a folder that does not exist is refused', () => {
    expect(() => openStore(join(folder, 'none', 'runs.db'))).toThrow(code('store.open'))
  })
})

describe('a migration', () => {
  it('keeps what is there', () => {
    const store = openStore(path)
    store.saveRun(sampleReport(0), sampleParts(0))
    store.close()
    const more = [
      ...MIGRATIONS,
      { name: 'colour', sql: "ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'" },
    ]
    const database = openDatabase(path, more)
    expect(layoutVersion(database)).toBe(more.length)
    expect(database.prepare('SELECT run_id, colour FROM runs').all()).toEqual([{ run_id: 'run-0', colour: 'red' }])
    database.close()
  })

  it('leaves the runs of an older version readable, their messages without bytes', () => {
    const old = openDatabase(path, MIGRATIONS.slice(0, 1))
    old.close()
    // The first layout, with a run and a message in it, as the first version wrote them.
    const columns = `run_id, started_at, started_unix_ms, outcome, guest, ram_B, from_host, to_host, from_kind, to_kind,
      algorithm, workload, link, total_ms, pages_sent, pages_retransmitted, bytes_sent_B`
    tamper(`INSERT INTO runs (run_key, ${columns}) VALUES (1, 'run-0', '2026-01-01T00:00:00.000Z', 1767225600000,
      'cancelled', 'labos', 1048576, 'xen', 'kvm', 'xen', 'kvm', 'pre-copy', 'idle', '1G', 10, 0, 0, 0);
      INSERT INTO messages VALUES (1, 0, 'source-to-target', 'MIG_REQ', 0, 300, 1.5);`)
    const store = openStore(path)
    expect(store.reports().map(({ run_id }) => run_id)).toEqual(['run-0'])
    const message = { direction: 'source-to-target', type: 'MIG_REQ', stage: 0, bytes_B: 300, at_ms: 1.5 }
    expect(store.message('run-0', 0)).toEqual({ ...message, head: null })
    store.saveRun(sampleReport(1), sampleParts(1))
    expect(store.message('run-1', 2)?.head).toEqual(Uint8Array.of(1, 2))
    store.close()
  })

  it('that fails in the middle leaves the database as it was before it', () => {
    openDatabase(path).close()
    const failing = [...MIGRATIONS, { name: 'half', sql: 'CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)' }]
    expect(() => openDatabase(path, failing)).toThrow(code('store.migration'))
    const database = openDatabase(path)
    expect(layoutVersion(database)).toBe(MIGRATIONS.length)
    expect(database.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").pluck().get()).toBe(0)
    database.close()
  })
})

describe('a damaged row', () => {
  it.each([
    ["UPDATE runs SET total_ms = -1 WHERE run_id = 'run-0'", 'total_ms'],
    ["UPDATE runs SET downtime_parts_send_ms = NULL WHERE run_id = 'run-0'", 'send_ms'],
    ["UPDATE runs SET error_code = 'x', error_data = '{' WHERE run_id = 'run-0'", 'JSON'],
    ["UPDATE runs SET from_kind = 'vmware' WHERE run_id = 'run-0'", 'from_kind'],
  ])('is refused, not shown as a figure, and can be removed: %s', (sql, what) => {
    const store = openStore(path)
    store.saveRun(sampleReport(0), sampleParts(0))
    store.saveRun(sampleReport(1), sampleParts(1))
    tamper(sql)
    expect(() => store.get('run-0')).toThrow(code('store.damaged'))
    expect(() => store.list()).toThrow(what)
    expect(store.get('run-1')?.report).toEqual(sampleReport(1))
    store.remove('run-0')
    expect(store.list().map(({ run }) => run.run_id)).toEqual(['run-1'])
    store.close()
  })

  it.each([
    ['rounds', 'UPDATE rounds SET pages_sent = -1'],
    ['stages', "UPDATE stages SET name = 'tea'"],
    ['messages', 'UPDATE messages SET stage = 9'],
    ['probes', 'UPDATE probes SET rtt_ms = -1'],
    ['provenance', "UPDATE provenance SET json = '{}'"],
    ['provenance', 'DELETE FROM provenance'],
  ])('of %s is refused: %s', (table, sql) => {
    const store = openStore(path)
    store.saveRun(sampleReport(0), sampleParts(0))
    tamper(sql)
    expect(() => store.get('run-0')).toThrow(
      expect.objectContaining({ code: 'store.damaged', data: { run_id: 'run-0', table } }),
    )
    store.close()
  })
})
