import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunReport, runReport } from '../../engine/contract/report.ts'
import { parseCsv, Sandbox } from './command.ts'

const sandbox = new Sandbox()
beforeAll(async () => {
  const args = ['--guest', 'labos', '--ram', '16', '--workload', 'dirty:500,2', '--repeat', '2', '--quiet']
  await sandbox.ferry('migrate', ...args)
})
afterAll(() => sandbox.remove())

describe('ferry runs', () => {
  it('lists, shows, exports, annotates, hides and restores what was measured', async () => {
    const listed = JSON.parse((await sandbox.ferry('runs', 'list', '--json')).stdout) as RunReport[]
    expect(listed).toHaveLength(2)
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
    const found = await sandbox.ferry('runs', 'list', '--search', 'BUSY labos', '--direction', 'xen-kvm', '--json')
    expect((JSON.parse(found.stdout) as RunReport[]).map(({ run_id }) => run_id)).toEqual(
      listed.filter((run) => run.run_id === id && run.from_kind === 'xen').map(({ run_id }) => run_id),
    )
    expect((await sandbox.ferry('runs', 'export', '--search', 'a busy day')).stdout).toContain(id)
    expect((await sandbox.ferry('runs', 'list', '--search', 'no such words')).stdout).not.toContain(prefix)
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
