import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import type { Results } from '../../engine/contract/experiment-results.ts'
import { parseCsv, Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

const PLAN = {
  format: 'ferry.plan/1',
  name: 'two algorithms',
  repeats: 2,
  warm_up: 0,
  settle_ms: 0,
  base: { guest: 'labos', ram_MB: 16 },
  factors: { algorithm: ['pre-copy', 'stop-and-copy'] },
}
/** One trial of each algorithm; no outage is measured. */
const SHORT = { ...PLAN, repeats: 1, base: { ...PLAN.base, probe_ms: 0 } }

describe('ferry experiment', () => {
  it('carries a plan out, and gives results, CSV and a .meta.json beside each', async () => {
    writeFileSync(sandbox.path('plan.json'), JSON.stringify(PLAN))
    const result = await sandbox.ferry('experiment', 'plan.json', '--json', '--out', 'results')
    expect(result.code, result.stderr).toBe(0)
    expect(result.stderr).toMatch(/trial 4 of 4: .*repeat 2/)
    const found = JSON.parse(result.stdout) as Results
    expect(found).toMatchObject({ expected: 4, measured: 4 })
    expect(found.groups.map(({ metrics }) => metrics.downtime_ms.n)).toEqual([2, 2])

    for (const name of ['raw', 'summary', 'comparisons', 'rounds', 'probes']) {
      expect(existsSync(sandbox.path(`results/${name}.csv.meta.json`)), name).toBe(true)
      expect(parseCsv(readFileSync(sandbox.path(`results/${name}.csv`), 'utf8')).length, name).toBeGreaterThan(0)
    }
    const meta: unknown = JSON.parse(readFileSync(sandbox.path('results/raw.csv.meta.json'), 'utf8'))
    expect(meta).toMatchObject({ file: 'raw.csv', rows: 4 })

    const text = await sandbox.ferry('experiment', 'results')
    expect(text.stdout).toMatch(/stop-and-copy ÷ pre-copy/)
    expect((await sandbox.ferry('experiment', 'list')).stdout).toMatch(/two algorithms .*completed +4\/4/)
    const resumed = await sandbox.ferry('experiment', 'resume')
    expect([resumed.code, resumed.stderr]).toEqual([1, expect.stringContaining('no experiment that could go on')])
  })

  it('pauses at Ctrl-C, and goes on with resume', async () => {
    writeFileSync(sandbox.path('long.json'), JSON.stringify({ ...SHORT, name: 'paused' }))
    const running = sandbox.start(['experiment', 'long.json', '--store', 'paused.sqlite'])
    await running.until('stderr', /trial 1 of 2/)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code, stderr).toBe(130)
    expect(stderr).toMatch(/of 2 trials are made/)
    const resumed = await sandbox.ferry('experiment', 'resume', '--json', '--store', 'paused.sqlite')
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(JSON.parse(resumed.stdout)).toMatchObject({ measured: 2 })
  })

  it('shares a plan between shards, one of them killed and started again, and merges them to the whole', async () => {
    const plan = { ...SHORT, repeats: 2, name: 'shared' }
    writeFileSync(sandbox.path('shared.json'), JSON.stringify(plan))
    const args = (shard: number) => ['experiment', 'shared.json', '--shard', `${shard}/2`, '--continue']
    const killed = sandbox.start([...args(1), '--store', '1.sqlite'])
    await killed.until('stderr', /trial 2 of 2/)
    killed.child.kill('SIGKILL')
    await killed.ended
    for (const shard of [1, 2]) {
      const { code, stderr } = await sandbox.ferry(...args(shard), '--store', `${shard}.sqlite`)
      expect(code, stderr).toBe(0)
    }
    const again = await sandbox.ferry(...args(2), '--store', '2.sqlite')
    expect(again.stderr).toContain('completed already')
    const merged = await sandbox.ferry('runs', 'merge', 'all.sqlite', '1.sqlite', '2.sqlite')
    expect(merged.code, merged.stderr).toBe(0)
    const results = await sandbox.ferry('experiment', 'results', '--store', 'all.sqlite', '--json')
    expect(JSON.parse(results.stdout)).toMatchObject({ expected: 4, measured: 4, missing_repeats: [] })
  })

  it('says what a plan comes to, and what of it cannot be carried out, before anything starts', async () => {
    const check = await sandbox.ferry('experiment', 'plans', 'latency-sweep')
    writeFileSync(sandbox.path('sweep.json'), check.stdout)
    const said = await sandbox.ferry('experiment', 'sweep.json', '--check')
    expect(said.code, said.stderr).toBe(0)
    expect(said.stdout).toMatch(/conditions\s+10[\s\S]*trials\s+110/)
    writeFileSync(sandbox.path('bad.json'), JSON.stringify({ ...PLAN, base: { guest: 'beos' } }))
    const bad = await sandbox.ferry('experiment', 'bad.json')
    expect([bad.code, bad.stdout]).toEqual([2, ''])
    expect(bad.stderr).toMatch(/no guest "beos".*Nothing was started/)
    const shard = await sandbox.ferry('experiment', 'sweep.json', '--shard', '11/11')
    expect([shard.code, shard.stderr]).toEqual([2, expect.stringContaining('10 repeats')])
  })
})
