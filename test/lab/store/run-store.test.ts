import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunReport } from '../../../engine/contract/report.ts'
import { DEFAULT_LIMIT, openStore } from '../../../engine/lab/store/run-store.ts'
import type { RunStore } from '../../../engine/lab/store/run-store.ts'
import { probeRecords } from '../../../engine/lab/store/records.ts'
import type { RunFilter } from '../../../engine/lab/store/records.ts'
import { anyMessages, anyProbes, anyReport } from './arbitraries.ts'
import { brokenReport, sampleParts, sampleReport } from './samples.ts'

let store: RunStore
beforeEach(() => {
  store = openStore(':memory:')
})
afterEach(() => store.close())

const save = (report: RunReport, i = 0): void => store.saveRun(report, sampleParts(i))
const ids = (filter: RunFilter = {}): string[] => store.list(filter).map(({ run }) => run.run_id)
const code = (value: string): unknown => expect.objectContaining({ code: value })

describe('a run comes back as it was saved', () => {
  it('for any report, any messages and any probes', () => {
    const { provenance } = sampleParts(0)
    fc.assert(
      fc.property(anyReport, anyMessages, anyProbes, (report, messages, probes) => {
        const fresh = openStore(':memory:')
        fresh.saveRun(report, { messages, probes, provenance })
        const plain = messages.map(({ head: _, ...message }) => message)
        expect(fresh.get(report.run_id)).toEqual({
          report,
          messages: plain,
          probes,
          provenance,
          note: null,
          deleted_at: null,
        })
        expect(fresh.reports()).toEqual([{ ...report, note: null }])
        for (const [i, message] of messages.entries()) {
          const kept = fresh.message(report.run_id, i)
          expect(kept).toEqual(message)
        }
        expect(fresh.message(report.run_id, messages.length)).toBeNull()
        fresh.close()
      }),
      { numRuns: 150 },
    )
  })

  it('keeps failed and cancelled runs like completed ones', () => {
    const reports = [sampleReport(0), brokenReport(1, 'failed'), brokenReport(2, 'cancelled')]
    for (const report of reports) save(report)
    expect(reports.map(({ run_id }) => store.get(run_id)?.report)).toEqual(reports)
    expect(store.count()).toBe(3)
  })

  it('keeps a failed run whose error data JSON cannot hold: the number becomes null', () => {
    const error = { code: 'x', message: '', data: { rate: NaN, limit: Infinity, kept: 1 } }
    save(brokenReport(0, 'failed', { error }))
    expect(store.get('run-0')?.report.error?.data).toEqual({ rate: null, limit: null, kept: 1 })
  })

  it('takes a probe series of the network client, lost requests as null', () => {
    const series = {
      kind: 'icmp' as const,
      ip: '10.0.0.2',
      intervalMs: 5,
      sentAtMs: Float64Array.of(995, 1000, 1005),
      answeredAtMs: Float64Array.of(996, NaN, 1007),
      duplicates: 0,
      refused: 0,
      skipped: 0,
    }
    const probes = probeRecords(series, 1000)
    expect(probes).toEqual([
      { seq: 0, sent_ms: -5, answered_ms: -4, rtt_ms: 1 },
      { seq: 1, sent_ms: 0, answered_ms: null, rtt_ms: null },
      { seq: 2, sent_ms: 5, answered_ms: 7, rtt_ms: 2 },
    ])
    store.saveRun(sampleReport(0), { ...sampleParts(0), probes })
    expect(store.get('run-0')?.probes).toEqual(probes)
  })
})

describe('a run is there as a whole or not at all', () => {
  it('refuses a second run of the same id and keeps the first', () => {
    save(sampleReport(0))
    expect(() => save(sampleReport(0, { guest: 'other' }))).toThrow(code('store.duplicate-run'))
    expect(store.get('run-0')?.report).toEqual(sampleReport(0))
  })

  it('leaves nothing of a run whose last part cannot be written', () => {
    const [probe] = sampleParts(0).probes
    if (probe === undefined) throw new Error('no probe')
    expect(() => store.saveRun(sampleReport(0), { ...sampleParts(0), probes: [probe, probe] })).toThrow(
      code('store.failed'),
    )
    expect(store.get('run-0')).toBeNull()
    expect(store.count()).toBe(0)
    save(sampleReport(0))
    expect(store.get('run-0')?.report).toEqual(sampleReport(0))
  })

  it('refuses a report that breaks the contract, naming the figure', () => {
    expect(() => save(sampleReport(0, { total_ms: -1 }))).toThrow(/total_ms/)
    expect(() => save(sampleReport(0, { started_at: 'yesterday' }))).toThrow(code('store.report'))
    expect(store.count()).toBe(0)
  })
})

describe('a list', () => {
  beforeEach(() => {
    save(sampleReport(0))
    save(sampleReport(1, { algorithm: 'post-copy', guest: 'linux' }))
    save(sampleReport(2, { from_kind: 'kvm', to_kind: 'xen' }))
    save(brokenReport(3, 'failed'))
    save(brokenReport(4, 'cancelled', { algorithm: 'post-copy' }))
  })

  it('shows the newest first, whatever the order of saving', () => {
    save(sampleReport(-1))
    expect(ids()).toEqual(['run-4', 'run-3', 'run-2', 'run-1', 'run-0', 'run--1'])
  })

  it.each<[RunFilter, string[]]>([
    [{ outcome: 'failed' }, ['run-3']],
    [{ algorithm: 'post-copy' }, ['run-4', 'run-1']],
    [{ from_kind: 'kvm' }, ['run-2']],
    [{ to_kind: 'kvm', guest: 'labos' }, ['run-4', 'run-3', 'run-0']],
    [{ text: 'CONNECTION  ended' }, ['run-4', 'run-3']],
    [{ text: 'xen-1 RUN-2' }, ['run-2']],
    [{ text: 'linux nothing' }, []],
    [{ text: "100% ' OR 1=1" }, []],
    [{ guest: 'linux' }, ['run-1']],
    [{ since: sampleReport(3).started_at }, ['run-4', 'run-3']],
    [{ since: '2026-01-01T01:03:00+01:00' }, ['run-4', 'run-3']],
    [{ algorithm: 'post-copy', outcome: 'completed' }, ['run-1']],
    [{ guest: "' OR 1=1 --" }, []],
  ])('restricted by %j holds %j', (filter, expected) => {
    expect(ids(filter)).toEqual(expected)
    expect(store.count(filter)).toBe(expected.length)
    expect(store.reports(filter).map(({ run_id }) => run_id)).toEqual(expected)
  })

  it('goes by pages, and count counts them all', () => {
    expect([ids({ limit: 2 }), ids({ limit: 2, offset: 2 }), ids({ limit: 2, offset: 4 })]).toEqual([
      ['run-4', 'run-3'],
      ['run-2', 'run-1'],
      ['run-0'],
    ])
    expect(ids({ limit: 0 })).toEqual([])
    expect(store.count({ limit: 1, offset: 2 })).toBe(5)
  })

  it(`holds at most ${DEFAULT_LIMIT} runs unless more are asked for; an export holds all`, () => {
    for (let i = 10; i < 120; i++) store.saveRun(sampleReport(i), { ...sampleParts(i), probes: [] })
    expect(ids()).toHaveLength(DEFAULT_LIMIT)
    expect(ids({ limit: 1000 })).toHaveLength(115)
    expect(store.reports()).toHaveLength(115)
  })

  it('refuses a filter that is none', () => {
    expect(() => store.list({ limit: -1 })).toThrow(code('store.filter'))
    expect(() => store.list({ since: 'soon' })).toThrow(code('store.filter'))
  })
})

describe('notes and removal', () => {
  beforeEach(() => {
    save(sampleReport(0))
    save(sampleReport(1))
  })

  it('a note is kept, replaced, and taken away by an empty one', () => {
    store.setNote('run-0', 'first try')
    store.setNote('run-0', 'noisy neighbour, 2 of 3')
    expect(store.get('run-0')?.note).toBe('noisy neighbour, 2 of 3')
    expect(store.list().map(({ note }) => note)).toEqual([null, 'noisy neighbour, 2 of 3'])
    store.setNote('run-0', '')
    expect(store.get('run-0')?.note).toBeNull()
  })

  it('a removed run leaves the lists, can still be read, and comes back unaltered', () => {
    store.setNote('run-0', 'keep me')
    const before = store.get('run-0')
    store.remove('run-0')
    store.remove('run-0')
    expect([ids(), ids({ deleted: true }), store.count()]).toEqual([['run-1'], ['run-0'], 1])
    expect(store.reports().map(({ run_id }) => run_id)).toEqual(['run-1'])
    expect(store.get('run-0')?.deleted_at).toMatch(/^\d{4}-.*Z$/)
    store.restore('run-0')
    expect(store.get('run-0')).toEqual(before)
    expect(ids()).toEqual(['run-1', 'run-0'])
  })

  it('purge deletes for good only what was removed before', () => {
    store.remove('run-0')
    expect(store.purge('2020-01-01T00:00:00Z')).toBe(0)
    expect(store.purge(new Date(Date.now() + 60_000).toISOString())).toBe(1)
    store.vacuum()
    expect(store.get('run-0')).toBeNull()
    expect(store.get('run-1')?.report).toEqual(sampleReport(1))
    save(sampleReport(0))
    expect(store.get('run-0')?.probes).toEqual(sampleParts(0).probes)
  })

  it('an unknown run is refused by name', () => {
    expect(store.get('nobody')).toBeNull()
    for (const change of [
      () => store.setNote('nobody', 'x'),
      () => store.remove('nobody'),
      () => store.restore('nobody'),
    ]) {
      expect(change).toThrow(code('store.unknown-run'))
    }
  })

  it('a closed store says so, and closing twice is fine', () => {
    store.close()
    store.close()
    expect(() => store.list()).toThrow(code('store.closed'))
    expect(() => save(sampleReport(5))).toThrow(code('store.closed'))
  })
})
