/** Formatting, sorting, filtering and the virtual list of the renderer's tables. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  alike,
  countOutcomes,
  filterInput,
  filterRuns,
  NO_FILTER,
  OUTCOMES,
  type RunFilter,
} from '../../renderer/src/data/filtering.ts'
import {
  about,
  bytes,
  DIRECTIONS,
  directionTitle,
  fixed,
  mebibytes,
  megabytes,
  milliseconds,
  moment,
} from '../../renderer/src/data/format.ts'
import { ms } from '../../renderer/src/state/units.ts'
import { nextSort, sortRows } from '../../renderer/src/data/sorting.ts'
import { rowAfterKey, scrollTopFor, windowOf } from '../../renderer/src/data/virtual-list.ts'
import { RUN_COLUMNS } from '../../renderer/src/views/measurements/run-columns.ts'
import { openStore } from '../../engine/lab/store/run-store.ts'
import { brokenReport, sampleParts, sampleReport } from '../lab/store/samples.ts'

describe('format', () => {
  it('has dot decimals and groups of three by a thin space, in the whole part only', () => {
    expect(fixed(1234567.891, 2)).toBe('1\u202f234\u202f567.89')
    expect(fixed(0.12345, 5)).toBe('0.12345')
    expect(fixed(-3.14, 1)).toBe('−3.1')
    expect(fixed(-0.001, 1)).toBe('0.0')
  })
  it('shows what was not measured as a dash, not as zero', () => {
    expect([fixed(null, 1), fixed(undefined, 1), fixed(NaN, 1), milliseconds(null), mebibytes(null)]).toEqual(
      Array<string>(5).fill('–'),
    )
  })
  it('tells times of runs in their steps, large ones in groups as well', () => {
    expect([4.336, 72.64, 461.2, 4610.4, 9999.6, 12_540, 1_234_500, -4610].map(ms)).toEqual([
      '4.34 ms',
      '72.6 ms',
      '461 ms',
      '4\u202f610 ms',
      '10\u202f000 ms',
      '12.5 s',
      '1\u202f234.5 s',
      '−4\u202f610 ms',
    ])
  })
  it('gives sentences about three digits', () => {
    expect([0, 4.5678, 45.678, 456.78].map(about)).toEqual(['0', '4.57', '45.7', '457'])
  })
  it('chooses the unit of a size', () => {
    expect([12, 2048, 3 * 2 ** 20].map(bytes)).toEqual(['12\u202fB', '2.00\u202fKiB', '3.00\u202fMiB'])
  })
  it('takes powers of 1024 for memory, and of 1000 for traffic', () => {
    expect([mebibytes(3 * 2 ** 20), megabytes(3e6)]).toEqual(['3.0', '3.0'])
    const [ram, sent] = ['ram_B', 'bytes_sent_B'].map((id) => RUN_COLUMNS.find((column) => column.id === id)?.unit)
    expect([ram, sent]).toEqual(['MiB', 'MB'])
  })
  it('names directions, and leaves alone what is no date', () => {
    expect(directionTitle('xen-kvm')).toBe('Xen → KVM')
    expect(moment('soon')).toBe('soon')
  })
})

describe('sorting', () => {
  const rows = [{ v: 2 }, { v: null }, { v: 10 }, { v: 1 }]
  it('puts what has no value last either way', () => {
    expect(sortRows(rows, (row) => row.v, false).map(({ v }) => v)).toEqual([1, 2, 10, null])
    expect(sortRows(rows, (row) => row.v, true).map(({ v }) => v)).toEqual([10, 2, 1, null])
  })
  it('is stable, and reads numbers within texts', () => {
    const named = [
      { name: 'disk-10', n: 1 },
      { name: 'disk-2', n: 2 },
      { name: 'disk-2', n: 3 },
    ]
    expect(sortRows(named, ({ name }) => name, false).map(({ n }) => n)).toEqual([2, 3, 1])
  })
  it('turns round at the second press', () => {
    const first = nextSort(null, 'downtime_ms', true)
    expect(first).toEqual({ column: 'downtime_ms', descending: true })
    expect(nextSort(first, 'downtime_ms', true).descending).toBe(false)
    expect(nextSort(first, 'guest', false)).toEqual({ column: 'guest', descending: false })
  })
})

describe('filters', () => {
  const runs = [
    sampleReport(1),
    sampleReport(2, { algorithm: 'stop-and-copy', from_kind: 'kvm', to_kind: 'xen', guest: 'linux' }),
    brokenReport(3, 'failed'),
    brokenReport(4, 'cancelled', { workload: 'idle' }),
  ].map((report, i) => ({ ...report, note: i === 0 ? 'Ärger: a QUIET machine' : null }))
  const ids = (change: Partial<typeof NO_FILTER>) => filterRuns(runs, { ...NO_FILTER, ...change }).map((r) => r.run_id)
  it('select by each property', () => {
    expect(ids({})).toHaveLength(4)
    expect(ids({ outcome: 'failed' })).toEqual(['run-3'])
    expect(ids({ direction: 'kvm-xen' })).toEqual(['run-2'])
    expect(ids({ algorithm: 'stop-and-copy', guest: 'labos' })).toEqual([])
  })
  it('find words anywhere, all of them', () => {
    expect(ids({ text: 'connection ended' })).toEqual(['run-3', 'run-4'])
    expect(ids({ text: 'IDLE  cancelled' })).toEqual(['run-4'])
    expect(ids({ text: 'linux nothing' })).toEqual([])
  })
  it('find the words of a note', () => {
    expect(ids({ text: 'ärger quiet' })).toEqual(['run-1'])
  })
  it('let the same runs through as the lab’s own list: what is exported is what is seen', () => {
    const store = openStore(':memory:')
    for (const { note, ...report } of runs) {
      store.saveRun(report, sampleParts(0, 0))
      store.setNote(report.run_id, note ?? '')
    }
    const words = [
      'quiet',
      'ÄRGER',
      'xen',
      '→',
      'XEN-1',
      '2026',
      'ended',
      'run',
      '1g',
      'failed',
      '%',
      '_',
      "'",
      'nothing',
    ]
    const orAny = <T>(...values: readonly T[]) => fc.constantFrom<T | ''>('', ...values)
    const filter: fc.Arbitrary<RunFilter> = fc.record({
      outcome: orAny(...OUTCOMES),
      algorithm: orAny('pre-copy', 'stop-and-copy'),
      direction: orAny(...DIRECTIONS),
      guest: orAny('labos', 'linux'),
      text: fc.array(fc.constantFrom(...words), { maxLength: 3 }).map((list) => list.join(' ')),
    })
    fc.assert(
      fc.property(filter, (chosen) => {
        const there = store.reports(filterInput(chosen)).map(({ run_id }) => run_id)
        expect(filterRuns(runs, chosen).map(({ run_id }) => run_id)).toEqual(there.toReversed())
      }),
      { numRuns: 300 },
    )
    store.close()
  })
  it('count failed and cancelled runs too', () => {
    expect(countOutcomes(runs)).toEqual({ completed: 2, failed: 1, cancelled: 1 })
  })
  it('call alike what was completed under the same conditions', () => {
    const run = { ...sampleReport(9), note: null }
    expect(alike([run, ...runs], run).map((r) => r.run_id)).toEqual(['run-1'])
  })
})

describe('virtual list', () => {
  it('accounts for every row once, and draws those in sight', () => {
    fc.assert(
      fc.property(
        fc.record({
          scrollTop: fc.nat(400_000),
          height: fc.nat(2000),
          rowHeight: fc.integer({ min: 16, max: 60 }),
          count: fc.nat(10_000),
        }),
        (g) => {
          const { start, end, before, after } = windowOf(g)
          expect(before + (end - start) * g.rowHeight + after).toBe(g.count * g.rowHeight)
          expect(start).toBeGreaterThanOrEqual(0)
          expect(end).toBeLessThanOrEqual(g.count)
          const first = Math.floor(g.scrollTop / g.rowHeight)
          const last = Math.min(g.count, Math.floor((g.scrollTop + g.height) / g.rowHeight)) - 1
          if (first < g.count && last >= first) {
            expect(start).toBeLessThanOrEqual(first)
            expect(end).toBeGreaterThan(last)
          }
        },
      ),
    )
  })
  it('scrolls no further than it has to', () => {
    const g = { scrollTop: 100, height: 200, rowHeight: 20, count: 100 }
    expect(scrollTopFor(2, g)).toBe(40)
    expect(scrollTopFor(6, g)).toBe(100)
    expect(scrollTopFor(20, g)).toBe(220)
  })
  it('knows where keys lead, and stays within the rows', () => {
    expect(rowAfterKey('ArrowDown', 9, 10, 5)).toBe(9)
    expect(rowAfterKey('PageUp', 3, 10, 5)).toBe(0)
    expect(rowAfterKey('End', 3, 10, 5)).toBe(9)
    expect(rowAfterKey('a', 3, 10, 5)).toBeNull()
  })
})
