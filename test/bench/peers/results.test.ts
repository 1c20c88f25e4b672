import { describe, expect, it } from 'vitest'
import { qemuRow, sampleRow } from './samples.ts'
import { groupsOf } from './summary.ts'
import { resultTables, targetTable } from './tables.ts'
import { ENOUGH_MIGRATIONS, type Target, targetsOf } from './targets.ts'

const target = (targets: readonly Target[], name: string): Target => {
  const found = targets.find((each) => each.name.startsWith(name))
  if (found === undefined) throw new Error(`no target ${name}`)
  return found
}

describe('groups', () => {
  const rows = [
    sampleRow({ kind: 'warm-up' }, { pause_run_ms: 100 }),
    sampleRow({}, { pause_run_ms: 2 }),
    sampleRow({}, { pause_run_ms: 4, ticks_missing: 1 }),
    sampleRow({}, { outcome: 'lost', pause_run_ms: 50 }),
    sampleRow({}, { outcome: 'failed' }),
    sampleRow({ kind: 'compared' }, { pause_run_ms: 60, wrong_pages: 5, guest_check: 'failed' }),
    sampleRow({ kind: 'compared' }, { wrong_pages: 0 }),
    sampleRow({ load: 'tick' }),
  ]

  it('take times from timed migrations that were completed, and counts from all but warm-ups', () => {
    const [idle, tick] = groupsOf(rows)
    expect(idle.figures.pause_run_ms).toMatchObject({ n: 2, median: 3 })
    expect(idle).toMatchObject({ migrations: 6, failed: 1, lost: 1, brokenTicks: 1 })
    expect(idle).toMatchObject({ compared: 2, wrongPages: 5, comparisonsWithWrongPages: 1, checksFailed: 1 })
    expect(tick.migrations).toBe(1)
  })

  it('stand in one table for each size, load and link, with those that know no link', () => {
    const v86 = sampleRow({ peer: 'v86', algorithm: 'save-restore', pair: 'none', link: 'none' }, { pause_run_ms: 250 })
    const text = resultTables(groupsOf([...rows, v86, qemuRow({}, { pause_run_ms: 11 })]))
    expect(text.match(/^### .*$/gm)).toEqual([
      '### 128 MB, idle, link unlimited',
      '### 128 MB, 5 ms tick, link unlimited',
    ])
    expect(text).toMatch(/Ferry pre-copy, unlike hosts\s*\|\s*3\.0/)
    expect(text).toMatch(/v86 save-restore\s*\|\s*250\.0/)
  })
})

describe('targets', () => {
  it('are open where nothing was measured', () => {
    const targets = targetsOf([])
    expect(targets.map(({ reached }) => reached)).toEqual(targets.map(() => null))
    expect(targetTable(targets)).toContain('not measured')
  })

  it('are as good as their worst condition', () => {
    const rows = [
      sampleRow({ ram_MB: 64 }, { pause_run_ms: 2 }),
      qemuRow({ ram_MB: 64 }, { pause_run_ms: 10 }),
      sampleRow({ ram_MB: 128 }, { pause_run_ms: 6 }),
      qemuRow({ ram_MB: 128 }, { pause_run_ms: 10 }),
    ]
    const found = target(targetsOf(rows), 'pause → run, pre-copy against QEMU')
    expect(found).toMatchObject({ reached: false, margin: '20 % above' })
    expect(found.figure).toContain('0.60 × at 128 MB, idle, unlimited; 1 of 2 within')
    expect(target(targetsOf(rows.slice(0, 2)), 'pause → run, pre-copy against QEMU').reached).toBe(true)
  })

  it('compare with the better of two settings of QEMU, under the same condition only', () => {
    const rows = [
      sampleRow({}, { pause_run_ms: 4 }),
      qemuRow({}, { pause_run_ms: 10 }),
      qemuRow({ algorithm: 'pre-copy-5ms' }, { pause_run_ms: 6 }),
      qemuRow({ algorithm: 'post-copy' }, { pause_run_ms: 1 }),
      qemuRow({ link: '1G' }, { pause_run_ms: 1 }),
    ]
    expect(target(targetsOf(rows), 'pause → run, pre-copy against QEMU').figure).toContain('0.67 ×')
  })

  it('take like and unlike hosts over conditions that both were measured under', () => {
    const rows = [
      sampleRow({}, { pause_run_ms: 2.1 }),
      sampleRow({ pair: 'homogeneous' }, { pause_run_ms: 2 }),
      sampleRow({ load: 'dirty' }, { pause_run_ms: 90 }),
    ]
    expect(target(targetsOf(rows), 'pause → run, heterogeneous').figure).toContain('1.05 ×')
  })

  it('compare a large guest with a small one of the same load and link', () => {
    const rows = [sampleRow({ ram_MB: 72 }, { pause_run_ms: 2 }), sampleRow({ ram_MB: 512 }, { pause_run_ms: 3 })]
    expect(target(targetsOf(rows), 'pause → run, pre-copy, 512 MB')).toMatchObject({
      reached: false,
      margin: '36 % above',
    })
  })

  it('claim that nothing is wrong or lost only over enough migrations', () => {
    const timed = Array.from({ length: ENOUGH_MIGRATIONS }, () => sampleRow({}))
    const compared = timed.map(() => sampleRow({ kind: 'compared' }, { wrong_pages: 0, guest_check: 'ok' }))
    const verdict = (rows: Parameters<typeof targetsOf>[0]) => target(targetsOf(rows), 'wrong pages, Ferry')
    expect(verdict([...timed, ...compared]).reached).toBe(true)
    expect(verdict([...timed, ...compared.slice(1)])).toMatchObject({ reached: null, margin: '1 more to be made' })
    expect(verdict([...timed, ...compared, sampleRow({}, { outcome: 'lost' })]).reached).toBe(false)
    expect(verdict([sampleRow({ kind: 'compared' }, { wrong_pages: 1 })]).reached).toBe(false)
  })
})
