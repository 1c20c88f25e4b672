/** Experiments that are paused, killed and shared between processes: a process for each, so not in the short run. */
import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

/** One trial of each algorithm; no outage is measured. */
const SHORT = {
  format: 'ferry.plan/1',
  repeats: 1,
  warm_up: 0,
  settle_ms: 0,
  base: { guest: 'labos', ram_MB: 16, probe_ms: 0 },
  factors: { algorithm: ['pre-copy', 'stop-and-copy'] },
}

describe('ferry experiment, process after process', () => {
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
})
