import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { MachineRecord } from '../../../engine/lab/store/experiment-records.ts'
import { mergeStore } from '../../../engine/lab/store/merge.ts'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { MACHINE, quickPlan } from '../experiments/plans.ts'
import { sampleParts, sampleReport } from './samples.ts'

const folders: string[] = []
let folder = ''
const path = (name: string): string => join(folder, name)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-merge-test-'))
  folders.push(folder)
})
afterAll(() => folders.forEach((held) => rmSync(held, { recursive: true })))

const OTHER: MachineRecord = { ...MACHINE, machine_id: 'm-000000000002', cpu_model: 'another processor' }

/** A shard of an experiment: so many trials, each with its run. */
function shardStore(name: string, index: number, machine: MachineRecord, runs: readonly number[]): void {
  const store = openStore(path(name))
  const experiment_id = `shard-${index}`
  if (!store.experiments.list().some((held) => held.experiment_id === experiment_id)) {
    const plan = quickPlan({ repeats: 2 })
    store.experiments.add(
      {
        experiment_id,
        plan_digest: 'digest',
        name: plan.name,
        plan_json: JSON.stringify(plan),
        shard_index: index,
        shard_count: 2,
        created_at: new Date(0).toISOString(),
        state: 'paused',
        owner: null,
        owner_seen_ms: null,
      },
      machine,
    )
  }
  for (const i of runs) {
    store.saveRun(sampleReport(i), sampleParts(i))
    const key = { experiment_id, trial: i, attempt: 1 }
    const { machine_id } = machine
    const fixed = { condition: i % 2, repeat: index, warm_up: false, machine_id, started_at: '' }
    store.experiments.begin({ ...key, ...fixed }, machine)
    store.experiments.runOf(key, `run-${i}`)
    store.experiments.end(key, { state: 'completed', error: null, duration_ms: 1000 })
  }
  store.close()
}

/** Everything that a store says, apart from its own row numbers. */
function contents(name: string): unknown {
  const store = openStore(path(name))
  const runs = store.list({ limit: 1000 }).map(({ run }) => store.get(run.run_id))
  const experiments = store.experiments.list().map((held) => [held, store.experiments.trials(held.experiment_id)])
  const all = { runs, experiments, machines: store.experiments.machines() }
  store.close()
  return all
}

describe('merging stores', () => {
  it('loses and doubles no run, keeps each with its parts and its machine, in any order and however often', () => {
    shardStore('a', 1, MACHINE, [0, 1])
    shardStore('b', 2, OTHER, [2, 3])
    const before = readFileSync(path('a'))
    expect(mergeStore(path('out'), path('a'))).toEqual({
      runs: 2,
      runs_known: 0,
      experiments: 1,
      experiments_known: 0,
    })
    mergeStore(path('out'), path('b'))
    const once = contents('out')
    expect(mergeStore(path('out'), path('a'))).toMatchObject({ runs: 0, runs_known: 2, experiments_known: 1 })
    expect(contents('out')).toEqual(once)
    mergeStore(path('turned'), path('b'))
    mergeStore(path('turned'), path('a'))
    expect(contents('turned')).toEqual(once)
    expect(readFileSync(path('a'))).toEqual(before)

    const store = openStore(path('out'))
    const measuredIn = openStore(path('b'))
    expect(store.get('run-2')).toEqual(measuredIn.get('run-2'))
    expect(store.message('run-2', 1)).toEqual(measuredIn.message('run-2', 1))
    measuredIn.close()
    expect(store.experiments.trials('shard-2').map(({ machine_id }) => machine_id)).toEqual([
      OTHER.machine_id,
      OTHER.machine_id,
    ])
    store.close()
  })

  it('takes what an experiment has more since it was merged first', () => {
    shardStore('a', 1, MACHINE, [0])
    mergeStore(path('out'), path('a'))
    shardStore('a', 1, MACHINE, [1])
    expect(mergeStore(path('out'), path('a'))).toMatchObject({ runs: 1, runs_known: 1, experiments: 0 })
    expect(contents('out')).toEqual(contents('a'))
  })

  it('refuses a run that has the id of another one, and takes nothing then', () => {
    shardStore('a', 1, MACHINE, [0])
    shardStore('b', 2, OTHER, [1])
    const store = openStore(path('b'))
    store.saveRun(sampleReport(0, { downtime_ms: 99 }), sampleParts(0))
    store.close()
    mergeStore(path('out'), path('a'))
    const before = contents('out')
    expect(() => mergeStore(path('out'), path('b'))).toThrow(/run-0 is in both/)
    expect(contents('out')).toEqual(before)
  })

  it('refuses what is no store, what is not there, and itself', () => {
    shardStore('a', 1, MACHINE, [0])
    writeFileSync(path('text'), 'no database at all')
    new BetterSqlite3(path('foreign')).exec('CREATE TABLE theirs (x)').close()
    expect(() => mergeStore(path('a'), path('text'))).toThrow(/does not hold measurements/)
    expect(() => mergeStore(path('a'), path('foreign'))).toThrow(/does not hold measurements/)
    expect(() => mergeStore(path('a'), path('none'))).toThrow(/no measurements/)
    expect(() => mergeStore(path('a'), path('a'))).toThrow(/into itself/)
  })
})
