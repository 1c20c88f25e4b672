import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sleep } from '../../../engine/util/clock.ts'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { sampleParts, sampleReport } from './samples.ts'

type Saver = ChildProcessByStdio<null, Readable, Readable>

let folder: string
let path: string
const running = new Set<Saver>()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-crash-'))
  path = join(folder, 'runs.db')
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  rmSync(folder, { recursive: true, force: true })
})

function startSaver(...args: (string | number)[]): { child: Saver; said: () => number[]; errors: () => string } {
  const script = join(import.meta.dirname, 'saver.ts')
  const child = spawn(process.execPath, [script, path, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  // A line counts when it is complete.
  return { child, said: () => out.split('\n').slice(0, -1).map(Number), errors: () => err }
}

/** Every run that is in the store is whole; returns their numbers in ascending order. */
function checkRuns(): number[] {
  const database = new BetterSqlite3(path)
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(database.pragma('foreign_key_check')).toEqual([])
  database.close()
  const store = openStore(path)
  const numbers = store.list({ limit: 1e6 }).map(({ run }) => Number(run.run_id.replace('run-', '')))
  for (const i of numbers) {
    // The conditions were those of the other process.
    const { provenance: _, messages, ...parts } = sampleParts(i, 2000)
    for (const [at, message] of messages.entries()) expect(store.message(`run-${i}`, at)).toMatchObject(message)
    expect(store.get(`run-${i}`)).toMatchObject({ report: sampleReport(i), ...parts })
  }
  store.close()
  return numbers.reverse()
}

describe('a process that is killed while it saves', () => {
  it('loses no finished run and leaves no half of one, kill after kill', async () => {
    let next = 0
    for (const [lines, extraMs] of [
      [1, 0],
      [2, 1],
      [3, 2],
      [1, 3],
      [4, 5],
      [2, 7],
    ] as const) {
      const { child, said, errors } = startSaver(next)
      const closed = once(child, 'close')
      while (said().length < lines && child.exitCode === null) await sleep(1)
      // Later by a little, so that the kill falls at another point of the transaction.
      await sleep(extraMs)
      child.kill('SIGKILL')
      await closed
      running.delete(child)
      expect(errors()).toBe('')
      expect(child.signalCode).toBe('SIGKILL')
      const finished = said()
      const kept = checkRuns()
      expect(kept).toEqual(kept.map((_, i) => i))
      expect(kept.slice(next, next + finished.length)).toEqual(finished)
      // At most one more: finished, but killed before it could say so.
      expect(kept.length - (next + finished.length)).toBeLessThanOrEqual(1)
      next = kept.length
    }
    expect(next).toBeGreaterThanOrEqual(13)
  })
})

describe('two processes that open a new database at once', () => {
  it('both save all their runs', async () => {
    const savers = [startSaver(0, 20), startSaver(20, 20), startSaver(40, 20)]
    const codes = await Promise.all(savers.map(async ({ child }) => (await once(child, 'close')) as [number | null]))
    expect(savers.map(({ errors }) => errors())).toEqual(['', '', ''])
    expect(codes.map(([exit]) => exit)).toEqual([0, 0, 0])
    expect(checkRuns()).toEqual(Array.from({ length: 60 }, (_, i) => i))
  })
})
