import * as v from 'valibot'
import { afterAll, describe, expect, it } from 'vitest'
import { type RunReport, runReport } from '../../engine/contract/report.ts'
import { type Result, Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

const SMALL = ['migrate', '--guest', 'labos', '--ram', '16', '--workload', 'dirty:500,2']
const reportsOf = ({ stdout, stderr }: Result): RunReport[] => {
  const parsed = v.safeParse(v.array(runReport), JSON.parse(stdout))
  expect(parsed.issues, stderr).toBeUndefined()
  return parsed.success ? parsed.output : []
}

describe('ferry migrate --json', () => {
  // Every direction with every algorithm is in test/lab; here it is that the command says what came out.
  it.each([
    ['xen', 'kvm', 'pre-copy'],
    ['kvm', 'kvm', 'stop-and-copy'],
  ])('prints one valid report of %s → %s by %s, with equal RAM and parts that add up', async (from, to, algorithm) => {
    const args = ['--from', from, '--to', to, '--algorithm', algorithm, '--verify-ram', '--json']
    const result = await sandbox.ferry(...SMALL, ...args)
    expect(result.code, result.stderr).toBe(0)
    const [run, ...more] = reportsOf(result)
    expect(more).toEqual([])
    expect(run).toMatchObject({
      outcome: 'completed',
      from_kind: from,
      to_kind: to,
      to: from === to ? `${to}-2` : to,
      algorithm,
      workload: 'dirty:500,2',
      ram_equal: true,
      wrong_pages: 0,
      guest_check: 'ok',
    })
    const parts = Object.values(run.downtime_parts ?? {}).reduce((sum, part) => sum + part, 0)
    expect(parts).toBeCloseTo(run.downtime_ms ?? NaN, 3)
    expect(run.rounds.length > 0).toBe(algorithm === 'pre-copy')
  })

  it('makes as many runs as asked for, each with a guest of its own, and keeps progress off stdout', async () => {
    const result = await sandbox.ferry(...SMALL, '--repeat', '2', '--algorithm', 'random', '--no-check', '--json')
    expect(result.code, result.stderr).toBe(0)
    const runs = reportsOf(result)
    expect(runs).toHaveLength(2)
    expect(new Set(runs.map(({ run_id }) => run_id)).size).toBe(2)
    expect(runs.every(({ guest_check }) => guest_check === null)).toBe(true)
    expect(result.stderr).toMatch(/1\/2 [\s\S]*stage [\s\S]*2\/2 /)
  })
})
