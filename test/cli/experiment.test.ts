import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import type { Results } from '../../engine/contract/experiment-results.ts'
import { parseCsv, Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

const PLAN = {
  format: 'ferry.plan/1',
  name: 'two algorithms',
  repeats: 1,
  warm_up: 0,
  settle_ms: 0,
  base: { guest: 'labos', ram_MB: 16 },
  factors: { algorithm: ['pre-copy', 'stop-and-copy'] },
}
describe('ferry experiment', () => {
  it('carries a plan out, and gives results, CSV and a .meta.json beside each', async () => {
    writeFileSync(sandbox.path('plan.json'), JSON.stringify(PLAN))
    const result = await sandbox.ferry('experiment', 'plan.json', '--json', '--out', 'results')
    expect(result.code, result.stderr).toBe(0)
    expect(result.stderr).toMatch(/trial 2 of 2: .*repeat 1/)
    const found = JSON.parse(result.stdout) as Results
    expect(found).toMatchObject({ expected: 2, measured: 2 })
    expect(found.groups.map(({ metrics }) => metrics.downtime_ms.n)).toEqual([1, 1])

    for (const name of ['raw', 'summary', 'comparisons', 'rounds', 'probes']) {
      expect(existsSync(sandbox.path(`results/${name}.csv.meta.json`)), name).toBe(true)
      expect(parseCsv(readFileSync(sandbox.path(`results/${name}.csv`), 'utf8')).length, name).toBeGreaterThan(0)
    }
    const meta: unknown = JSON.parse(readFileSync(sandbox.path('results/raw.csv.meta.json'), 'utf8'))
    expect(meta).toMatchObject({ file: 'raw.csv', rows: 2 })

    const text = await sandbox.ferry('experiment', 'results')
    expect(text.stdout).toMatch(/stop-and-copy ÷ pre-copy/)
    expect(text.stdout).toMatch(/pre-copy .*\n +IQR [\d.]+ to [\d.]+/)
    expect((await sandbox.ferry('experiment', 'list')).stdout).toMatch(/two algorithms .*completed +2\/2/)
    const resumed = await sandbox.ferry('experiment', 'resume')
    expect([resumed.code, resumed.stderr]).toEqual([1, expect.stringContaining('no experiment that could go on')])
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
