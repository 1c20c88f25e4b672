import * as v from 'valibot'
import { afterAll, describe, expect, it } from 'vitest'
import { dirtyRateView } from '../../engine/contract/prediction.ts'
import { Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())
const SMALL = ['--guest', 'labos', '--ram', '16', '--workload', 'dirty:500,2']

describe('ferry calc-dirty-rate', () => {
  it('prints the rate and the working set of a guest that it starts, and nothing else, as JSON', async () => {
    const result = await sandbox.ferry('calc-dirty-rate', ...SMALL, '--seconds', '0.5', '--json')
    expect(result.code, result.stderr).toBe(0)
    const rate = v.parse(dirtyRateView, JSON.parse(result.stdout))
    expect(rate).toMatchObject({ workload: 'dirty:500,2', ram_pages: 4096 })
    expect(rate.pages_per_s).toBeGreaterThan(0)
  })

  it('says that no lab has the guest', async () => {
    const result = await sandbox.ferry('calc-dirty-rate', 'labos-77')
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(/No running lab has a guest "labos-77"/)
  })
})

describe('ferry migrate --algorithm auto', () => {
  it('shows the predictions with their formulas, the choice, and predicted against actual', async () => {
    const result = await sandbox.ferry('migrate', ...SMALL, '--algorithm', 'auto', '--max-slowdown', '100%', '--quiet')
    expect(result.code, result.stderr).toBe(0)
    expect(result.stdout).toMatch(/pre-copy \* .*kept/)
    expect(result.stdout).toMatch(/stop-and-copy +downtime = fixed part .*\n +total = set-up/)
    expect(result.stdout).toMatch(/predicted for pre-copy, and actual[\s\S]*downtime +[\d.]+ ms +[\d.]+ ms +[\d.]+/)
  })

  it('moves nothing where no algorithm keeps the targets, and says what each would miss', async () => {
    const targets = ['--max-total', '1ms', '--max-downtime', '10s']
    const result = await sandbox.ferry('migrate', ...SMALL, '--algorithm', 'auto', ...targets, '--json', '--quiet')
    expect(result.code).toBe(1)
    expect(JSON.parse(result.stdout)).toEqual([])
    expect(result.stderr).toMatch(/No algorithm keeps your targets\. pre-copy: total time .*not 1\.0 ms at most/)
  })
})
