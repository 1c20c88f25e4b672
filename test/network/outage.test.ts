import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { outage } from '../../engine/network/outage.ts'
import type { ProbeSeries } from '../../engine/network/probe.ts'

const T0 = 1_700_000_000_000

/** A series from [sent, answered or null] pairs, in ms since T0. */
function series(intervalMs: number, pairs: readonly (readonly [number, number | null])[]): ProbeSeries {
  return {
    kind: 'icmp',
    ip: '10.0.0.2',
    intervalMs,
    sentAtMs: Float64Array.from(pairs, ([sent]) => T0 + sent),
    answeredAtMs: Float64Array.from(pairs, ([, answered]) => (answered === null ? NaN : T0 + answered)),
    duplicates: 0,
    refused: 0,
    skipped: 0,
  }
}
/** A probe at an even pace of a network that is dead in [from, to). */
function dead(intervalMs: number, count: number, rtt: number, from: number, to: number): ProbeSeries {
  return series(
    intervalMs,
    Array.from({ length: count }, (_, k) => {
      const sent = k * intervalMs
      return [sent, sent >= from && sent < to ? null : sent + rtt] as const
    }),
  )
}

describe('outage', () => {
  it('finds a known gap to within its resolution', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.double({ min: 0, max: 30, noNaN: true }),
        fc.double({ min: 0, max: 400, noNaN: true }),
        fc.double({ min: 0, max: 500, noNaN: true }),
        (interval, rtt, from, length) => {
          const count = Math.ceil((from + length) / interval) + 5
          const report = outage(dead(interval, count, rtt, from, from + length))
          expect(report?.recovered).toBe(true)
          expect(report?.resolution_ms).toBeCloseTo(interval, 3)
          expect(Math.abs((report?.outage_ms ?? NaN) - length)).toBeLessThanOrEqual(interval + 0.01)
        },
      ),
    )
  })

  it('is 0 where every request is answered alike', () => {
    const report = outage(dead(5, 100, 3, 0, 0))
    expect(report?.outage_ms).toBeLessThan(0.01)
    expect(report).toMatchObject({ sent: 100, lost: 0, recovered: true })
    expect(report?.rtt_p50_ms).toBeCloseTo(3, 2)
  })

  it('counts a late answer at the time it arrived', () => {
    // Requests of 20–99 ms are held and all answered at 100 ms: nobody is lost, and yet nothing was heard.
    const pairs = Array.from({ length: 40 }, (_, k) => {
      const sent = k * 5
      return [sent, sent >= 20 && sent < 100 ? 100 : sent + 1] as const
    })
    const report = outage(series(5, pairs))
    expect(report).toMatchObject({ lost: 0, recovered: true })
    expect(report?.longest_gap_ms).toBeCloseTo(100 - 16, 2)
    expect(report?.outage_ms).toBeCloseTo(79, 2)
  })

  it('lasts to the end where the guest is not heard again', () => {
    const report = outage(dead(10, 50, 2, 100, Infinity))
    expect(report).toMatchObject({ recovered: false, lost: 40, sent: 50 })
    expect(report?.outage_ms).toBeCloseTo(490 + 2 - 92 - 10, 1)
  })

  it('lasts from the first request to the last where none is answered', () => {
    const report = outage(dead(10, 11, 0, 0, Infinity))
    expect(report).toMatchObject({ outage_ms: 100, recovered: false, lost: 11, rtt_p50_ms: null, rtt_p95_ms: null })
  })

  it('is seen at the start as well', () => {
    const report = outage(dead(10, 50, 4, 0, 200))
    expect(report).toMatchObject({ recovered: true, lost: 20 })
    expect(report?.outage_ms).toBeCloseTo(200, 1)
  })

  it('does not take quick last answers for a silence', () => {
    const pairs = Array.from({ length: 40 }, (_, k) => [k, k < 30 ? k + 20 : k + 1] as const)
    expect(outage(series(1, pairs))).toMatchObject({ outage_ms: 0, recovered: true })
  })

  it('looks only at gaps that touch the window, without cutting them', () => {
    const pairs = Array.from({ length: 300 }, (_, k) => {
      const sent = k * 2
      const lost = (sent >= 100 && sent < 200) || (sent >= 400 && sent < 430)
      return [sent, lost ? null : sent + 1] as const
    })
    const all = series(2, pairs)
    expect(outage(all)?.outage_ms).toBeCloseTo(100, 1)
    const late = outage(all, { fromMs: T0 + 410, toMs: T0 + 500 })
    expect(late?.outage_ms).toBeCloseTo(30, 1)
    expect(late).toMatchObject({ sent: 46, lost: 10 })
    expect(outage(all, { fromMs: T0 + 1000, toMs: T0 + 2000 })).toBeNull()
  })

  it('owns up to a probe that was held up itself', () => {
    const pairs = [0, 5, 10, 15, 75, 75, 75, 80, 85].map((sent) => [sent, sent + 1] as const)
    const report = outage(series(5, pairs))
    expect(report).toMatchObject({ outage_ms: 55, resolution_ms: 60, lost: 0 })
  })

  it('says nothing where nothing was sent', () => {
    expect(outage(series(5, []))).toBeNull()
  })

  it('gives quantiles by nearest rank', () => {
    const pairs = Array.from({ length: 20 }, (_, k) => [k * 10, k * 10 + k + 1] as const)
    expect(outage(series(10, pairs))).toMatchObject({ rtt_p50_ms: 10, rtt_p95_ms: 19 })
  })

  it('is never negative, and never longer than the gap, whatever the series', () => {
    const pair = fc.tuple(fc.nat(1000), fc.option(fc.nat(500)))
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 50 }), fc.integer({ min: 1, max: 10 }), (raw, interval) => {
        const pairs = raw.sort((a, b) => a[0] - b[0]).map(([s, rtt]) => [s, rtt === null ? null : s + rtt] as const)
        const report = outage(series(interval, pairs))
        if (report === null) throw new Error('no report')
        expect(report.outage_ms).toBeGreaterThanOrEqual(0)
        expect(report.outage_ms).toBeLessThanOrEqual(report.longest_gap_ms)
        expect(report.gap_to_ms).toBeGreaterThanOrEqual(report.gap_from_ms)
        expect(report.lost).toBe(pairs.filter(([, answered]) => answered === null).length)
      }),
    )
  })
})
