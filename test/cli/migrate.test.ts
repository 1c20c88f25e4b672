import * as v from 'valibot'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { type RunReport, runReport } from '../../engine/contract/report.ts'
import { parseCsv, type Result, Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

const SMALL = ['migrate', '--guest', 'labos', '--ram', '16', '--workload', 'dirty:500,2']
const reportsOf = ({ stdout, stderr }: Result): RunReport[] => {
  const parsed = v.safeParse(v.array(runReport), JSON.parse(stdout))
  expect(parsed.issues, stderr).toBeUndefined()
  return parsed.success ? parsed.output : []
}

describe('ferry migrate --json', () => {
  for (const from of ['xen', 'kvm'] as const) {
    for (const to of ['xen', 'kvm'] as const) {
      for (const algorithm of ['pre-copy', 'stop-and-copy']) {
        it(`prints one valid report of ${from} → ${to} by ${algorithm}, with equal RAM and parts that add up`, async () => {
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
      }
    }
  }

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

describe('ferry runs', () => {
  it('lists, shows, exports, annotates, hides and restores what was measured', async () => {
    const listed = JSON.parse((await sandbox.ferry('runs', 'list', '--json')).stdout) as RunReport[]
    expect(listed).toHaveLength(10)
    const id = listed[0].run_id
    const prefix = id.slice(0, 8)
    expect((await sandbox.ferry('runs')).stdout).toContain(prefix)

    const shown = await sandbox.ferry('runs', 'show', prefix)
    expect(shown.stdout).toContain('downtime')
    const whole = JSON.parse((await sandbox.ferry('runs', 'show', prefix, '--json')).stdout) as { report: RunReport }
    expect(v.is(runReport, whole.report)).toBe(true)

    const csv = parseCsv((await sandbox.ferry('runs', 'export')).stdout)
    expect(csv.map((row) => row['run_id']).sort()).toEqual(listed.map(({ run_id }) => run_id).sort())
    expect(csv.every((row) => Number(row['downtime_ms']) > 0)).toBe(true)

    await sandbox.ferry('runs', 'note', prefix, 'a busy day')
    expect((await sandbox.ferry('runs', 'show', prefix)).stdout).toContain('a busy day')
    await sandbox.ferry('runs', 'remove', prefix)
    expect((await sandbox.ferry('runs', 'list')).stdout).not.toContain(prefix)
    await sandbox.ferry('runs', 'restore', prefix)
    expect((await sandbox.ferry('runs', 'list')).stdout).toContain(prefix)
    expect((await sandbox.ferry('runs', 'show', 'zzzz')).code).toBe(1)
  })

  it('exports rounds, probes and summaries to a file, too', async () => {
    const out = sandbox.path('out.csv')
    for (const [option, column] of [
      ['--rounds', 'dirty_pages'],
      ['--probes', 'rtt_ms'],
      ['--summary', 'downtime_median_ms'],
    ]) {
      const result = await sandbox.ferry('runs', 'export', option, '--out', out)
      expect(result.code, result.stderr).toBe(0)
      const rows = parseCsv(readFileSync(out, 'utf8'))
      expect(rows.length).toBeGreaterThan(0)
      expect(Object.keys(rows[0])).toContain(column)
    }
  })
})

describe('ferry migrate', () => {
  it('cancels at Ctrl-C: the run is reported and stored as cancelled, and the exit code is 130', async () => {
    const running = sandbox.start([...SMALL, '--link', '4M', '--json'])
    await running.until('stderr', /stage 2/)
    running.child.kill('SIGINT')
    const result = await running.ended
    expect(result.code, result.stderr).toBe(130)
    expect(reportsOf(result)).toMatchObject([{ outcome: 'cancelled', downtime_ms: null }])
    expect((await sandbox.ferry('runs', 'list', '--outcome', 'cancelled')).stdout).toContain('cancelled')
  })

  it('ends at once at the second Ctrl-C', async () => {
    const running = sandbox.start([...SMALL, '--link', '4M'])
    await running.until('stderr', /stage 2/)
    running.child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 200))
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
  })

  it('takes LabOS and says why where the Linux image cannot be had, or fails if told to', async () => {
    const env = { FERRY_CACHE: sandbox.path('no-cache'), PATH: sandbox.path('nowhere') }
    const args = ['migrate', '--guest', 'linux', '--ram', '64', '--workload', 'web', '--no-check', '--json']
    const result = await sandbox.start(args, env).ended
    expect(result.code, result.stderr).toBe(0)
    expect(result.stderr).toMatch(/cannot be had.*LabOS/)
    expect(result.stderr).toContain('no workload "web"')
    expect(reportsOf(result)).toMatchObject([{ guest: 'labos', workload: 'dirty:2000', ram_B: 64 * 2 ** 20 }])
    const strict = await sandbox.start([...args, '--strict-guest'], env).ended
    expect(strict.code).toBe(1)
    expect(strict.stderr).toMatch(/^ferry: /m)
  })

  it('records a stream that verify-stream finds right, and finds wrong when a byte of it has changed', async () => {
    const file = sandbox.path('stream.ferry')
    expect((await sandbox.ferry(...SMALL, '--record', file, '--quiet')).code).toBe(0)
    const right = await sandbox.ferry('verify-stream', file)
    expect(right.code, right.stdout).toBe(0)
    expect(right.stdout).toContain('right')

    const bytes = readFileSync(file)
    bytes[bytes.length >> 1] ^= 0x40
    const damaged = sandbox.path('damaged.ferry')
    writeFileSync(damaged, bytes)
    const wrong = await sandbox.ferry('verify-stream', damaged)
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain('WRONG')
    expect((await sandbox.ferry('verify-stream', sandbox.path('absent'))).code).toBe(1)
  })
})
