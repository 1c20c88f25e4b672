import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ExperimentView } from '../../../engine/contract/experiments.ts'
import type { LabService } from '../../../engine/lab/service.ts'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { parseCsv } from '../../cli/command.ts'
import { MACHINE, openLabAs, quickPlan } from './plans.ts'

const results = (service: LabService, { experiment_id }: ExperimentView) =>
  service.call('experiments.results', { experiments: [experiment_id] })

/** Resolves when the experiment has come to what is asked for. */
function until(service: LabService, wanted: (view: ExperimentView) => boolean): Promise<ExperimentView> {
  return new Promise((resolve) => {
    service.on('experiments.changed', (view) => {
      if (wanted(view)) resolve(view)
    })
  })
}

function storeFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-experiment-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'runs.sqlite')
}

describe('an experiment', () => {
  it('makes every trial with a guest of its own, keeps its runs, and leaves nothing behind', async () => {
    const service = openLabAs(MACHINE)
    const events: ExperimentView[] = []
    service.on('experiments.changed', (view) => events.push(view))
    const started = await service.call('experiments.start', { plan: quickPlan({ warm_up: 1 }) })
    const view = await service.call('experiments.wait', started)
    expect(view).toMatchObject({ state: 'completed', trials: 4, ended: 4, failed: 0, current: null, problem: null })
    expect(events.at(-1)?.state).toBe('completed')

    const found = await results(service, started)
    expect(found).toMatchObject({ expected: 2, measured: 2, missing_repeats: [] })
    expect(found.groups.map(({ title, completed }) => [title, completed])).toEqual([
      ['pre-copy', 1],
      ['stop-and-copy', 1],
    ])
    expect(found.attempts.map(({ trial, attempt, state }) => [trial, attempt, state])).toEqual(
      [0, 1, 2, 3].map((trial) => [trial, 1, 'completed']),
    )
    const runs = found.groups.flatMap((group) => group.runs)
    for (const id of runs) {
      const report = await service.call('runs.get', { run_id: id })
      expect(report).toMatchObject({ outcome: 'completed', guest: 'labos', guest_check: 'ok' })
    }
    expect(await service.call('hosts.list', {})).toEqual([])
    expect(await service.call('guests.list', {})).toEqual([])

    const raw = await service.call('experiments.export', { experiments: [started.experiment_id], what: 'raw' })
    const rows = parseCsv(raw.csv)
    expect(rows.map((row) => row['warm_up'])).toEqual(['true', 'true', 'false', 'false'])
    expect(
      rows
        .filter((row) => row['warm_up'] === 'false')
        .map((row) => row['run_id'])
        .sort(),
    ).toEqual(runs.sort())
    const meta = JSON.parse(raw.meta) as Record<string, unknown>
    expect(meta).toMatchObject({ format: 'ferry.meta/1', rows: 4, machines: [MACHINE], plan_digest: view.plan_digest })
  })

  it('pauses after the trial under way, goes on where it was, and refuses a second one meanwhile', async () => {
    const service = openLabAs(MACHINE)
    const plan = quickPlan()
    const started = await service.call('experiments.start', { plan })
    await expect(service.call('experiments.start', { plan })).rejects.toThrow(/under way/)
    await service.call('experiments.pause', started)
    const paused = await service.call('experiments.wait', started)
    expect(paused).toMatchObject({ state: 'paused', ended: 1, trials: 2, interrupted: 0 })
    await service.call('experiments.resume', started)
    expect(await service.call('experiments.wait', started)).toMatchObject({ state: 'completed', ended: 2 })
    const { attempts } = await results(service, started)
    expect(attempts.map(({ trial, attempt }) => [trial, attempt])).toEqual([
      [0, 1],
      [1, 1],
    ])
    await expect(service.call('experiments.resume', started)).rejects.toThrow(/nothing of it is left/)
  })

  it('is broken off by a cancel; what was made stays', async () => {
    const service = openLabAs(MACHINE)
    const started = await service.call('experiments.start', { plan: quickPlan({ repeats: 5 }) })
    await until(service, ({ ended }) => ended === 1)
    await service.call('experiments.cancel', started)
    const view = await service.call('experiments.wait', started)
    expect(view.state).toBe('cancelled')
    const { measured, attempts } = await results(service, started)
    expect(measured).toBeGreaterThanOrEqual(1)
    expect(attempts.some(({ state }) => state === 'running')).toBe(false)
    expect(await service.call('hosts.list', {})).toEqual([])
  })

  it('goes on in a new process: the trial that was broken off is kept and made again, none is lost or doubled', async () => {
    const store = storeFile()
    const first = openLabAs(MACHINE, store)
    const started = await first.call('experiments.start', { plan: quickPlan() })
    await until(first, ({ ended, current }) => ended === 1 && current !== null)
    await first.close()

    // What a process that was killed leaves: it could write no end.
    const held = openStore(store)
    const [last] = held.experiments.trials(started.experiment_id).slice(-1)
    expect(last).toMatchObject({ state: 'interrupted' })
    held.experiments.begin({ ...last, attempt: last.attempt + 1 }, MACHINE)
    held.experiments.claim(started.experiment_id, `1/gone@${MACHINE.machine_id}`, Date.now() - 3_600_000, () => false)
    held.close()

    const second = openLabAs(MACHINE, store)
    expect(await second.call('experiments.get', started)).toMatchObject({ state: 'interrupted', ended: 1, trials: 2 })
    await second.call('experiments.resume', started)
    expect(await second.call('experiments.wait', started)).toMatchObject({ state: 'completed', ended: 2 })
    const { attempts, measured } = await results(second, started)
    expect(measured).toBe(2)
    expect(attempts.map(({ trial, state }) => [trial, state])).toEqual([
      [0, 'completed'],
      [1, 'interrupted'],
      [1, 'interrupted'],
      [1, 'completed'],
    ])
  })

  it('keeps a trial that failed, and shows it beside those that did not', async () => {
    const service = openLabAs(MACHINE)
    const plan = quickPlan({ factors: { link: ['1M', '100k'] } })
    const started = await service.call('experiments.start', { plan })
    const view = await until(service, ({ current }) => current?.phase === 'migration' && current.run_id !== null)
    // Somebody else cancels the migration, whose link is slow enough for that.
    expect(view.state).toBe('running')
    const [run] = service.runs.all
    run.cancel()
    await service.call('experiments.pause', started)
    const paused = await service.call('experiments.wait', started)
    expect(paused).toMatchObject({ state: 'paused', ended: 1, failed: 1 })
    expect(paused.problem).not.toBeNull()
    const { groups } = await results(service, started)
    expect(groups.map(({ failed }) => failed).sort()).toEqual([0, 1])
    expect(groups.every(({ completed, metrics }) => completed === 0 && metrics.total_ms.n === 0)).toBe(true)
  })
})
