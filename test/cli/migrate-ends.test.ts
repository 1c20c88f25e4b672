import * as v from 'valibot'
import { readFileSync, writeFileSync } from 'node:fs'
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
