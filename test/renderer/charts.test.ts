/** Charts: their statistics, their models, and the SVG that is exported. */
import fc from 'fast-check'
import { describe as group, expect, it } from 'vitest'
import { describe } from '../../engine/lab/export/statistics.ts'
import type { PullReport } from '../../engine/contract/report.ts'
import { placeNames } from '../../renderer/src/charts/flame.ts'
import type { ChartModel } from '../../renderer/src/charts/model.ts'
import { boxesByCondition, partsByCondition } from '../../renderer/src/charts/models/by-condition.ts'
import { windowOfRun } from '../../renderer/src/charts/models/critical-window.ts'
import { downtimeOfRun } from '../../renderer/src/charts/models/downtime-parts.ts'
import { longestSilence, outageOfRun } from '../../renderer/src/charts/models/outage.ts'
import { pullOfRun, stepsOf } from '../../renderer/src/charts/models/pull.ts'
import { roundsOfRun } from '../../renderer/src/charts/models/rounds.ts'
import { boxOf, median } from '../../renderer/src/charts/statistics.ts'
import { renderSvg } from '../../renderer/src/charts/svg/render.ts'
import { linearTicks, logTicks } from '../../renderer/src/charts/svg/scale.ts'
import { brokenReport, sampleProbes, sampleReport } from '../lab/store/samples.ts'
import { palette } from './palette.ts'

const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 })

group('statistics', () => {
  it('agree with those of the exports', () => {
    fc.assert(
      fc.property(values, (v) => {
        const box = boxOf(v)
        const exported = describe(v, { resamples: 1 })
        expect(box?.n).toBe(exported.n)
        expect(box?.median).toBeCloseTo(exported.median ?? NaN, 6)
        // R's type 7, as the engine has it too, but for positions that fall on a value exactly.
        expect(median(v)).toBeCloseTo(exported.median ?? NaN, 6)
      }),
    )
  })
  it('have the quartiles of R, type 7', () => {
    expect(boxOf([1, 2, 3, 4])).toMatchObject({ q1: 1.75, median: 2.5, q3: 3.25 })
    expect(boxOf([7, 15, 36, 39, 40, 41])).toMatchObject({ q1: 20.25, median: 37.5, q3: 39.75 })
  })
  it('end whiskers at values, and tell outliers apart', () => {
    const box = boxOf([1, 2, 3, 4, 5, 100])
    expect(box).toMatchObject({ whiskerLow: 1, whiskerHigh: 5, outliers: [100], min: 1, max: 100 })
  })
  it('keep their order for any values', () => {
    fc.assert(
      fc.property(values, (v) => {
        const b = boxOf(v)
        if (b === null) throw new Error('no box')
        const order = [b.min, b.whiskerLow, b.q1, b.median, b.q3, b.whiskerHigh, b.max]
        expect([...order].sort((x, y) => x - y)).toEqual(order)
      }),
    )
  })
  it('say nothing of nothing', () => {
    expect([boxOf([]), median([])]).toEqual([null, null])
  })
})

const runs = [
  ...Array.from({ length: 12 }, (_, i) => sampleReport(i)),
  ...Array.from({ length: 5 }, (_, i) => sampleReport(20 + i, { from_kind: 'kvm', to_kind: 'xen' })),
  ...Array.from({ length: 4 }, (_, i) => sampleReport(30 + i, { algorithm: 'stop-and-copy', downtime_ms: 900 + i })),
  brokenReport(40, 'failed'),
  brokenReport(41, 'cancelled'),
]

group('models', () => {
  it('group by direction and algorithm, and count what is not drawn', () => {
    const model = boxesByCondition(runs, 'downtime_ms')
    expect(model?.categories).toEqual(['Xen → KVM', 'KVM → Xen'])
    expect(model?.series.map(({ name, boxes }) => [name, boxes.map((box) => box?.n ?? 0)])).toEqual([
      ['pre-copy', [12, 5]],
      ['stop-and-copy', [4, 0]],
    ])
    expect(model?.caption).toContain('n = 21 completed runs.')
    expect(model?.caption).toContain('2 failed or cancelled runs not drawn')
    expect(model?.table.rows).toHaveLength(3)
  })
  it('take a logarithmic axis for a wide range, and say so', () => {
    expect(boxesByCondition(runs, 'downtime_ms')?.value).toMatchObject({
      scale: 'log',
      title: 'Downtime (ms), log',
    })
    expect(boxesByCondition(runs, 'downtime_ms', 'linear')?.value.scale).toBe('linear')
  })
  it('warn where unlike runs are thrown together', () => {
    const mixed = [...runs, sampleReport(50, { link: '10M' }), sampleReport(51, { workload: 'idle' })]
    expect(boxesByCondition(mixed, 'total_ms')?.caption).toContain('Different workloads, links are mixed')
    expect(boxesByCondition(runs, 'total_ms')?.caption).not.toContain('mixed')
  })
  it('are absent where nothing was measured', () => {
    const broken = brokenReport(1, 'failed', { rounds: [] })
    expect(boxesByCondition([broken], 'downtime_ms')).toBeNull()
    expect(partsByCondition([broken])).toBeNull()
    expect(downtimeOfRun(broken)).toBeNull()
    expect(roundsOfRun(broken)).toBeNull()
    expect(windowOfRun({ ...broken, critical_window: null })).toBeNull()
    expect(outageOfRun(broken, [])).toBeNull()
  })
  it('lay the parts of the downtime end to end', () => {
    const spans = downtimeOfRun(sampleReport(0))?.spans ?? []
    spans.slice(1).forEach((span, i) => expect(span.from).toBe(spans[i]?.to))
    expect(spans.at(-1)?.to).toBeCloseTo(20.25)
  })
  it('put each stretch of the critical window into the row of its side, parts below their whole', () => {
    const model = windowOfRun(sampleReport(0))
    const rows = model?.spans.map(({ name, row }) => [name, model.rows[row]?.trim()])
    expect(rows).toContainEqual(['stop', 'Source'])
    expect(rows).toContainEqual(['capture', 'its parts'])
    expect(rows).toContainEqual(['state', 'Link'])
    expect(rows).toContainEqual(['resume', 'Target'])
    expect(model?.table.rows).toHaveLength(model?.spans.length ?? 0)
  })
  it('leave no two names of the critical window on each other', () => {
    const model = windowOfRun(sampleReport(0))
    if (model === null) throw new Error('no model')
    const names = placeNames(
      model,
      (ms) => ms * 4,
      (name) => 6 * name.length,
      90,
    )
    expect(names.length).toBeGreaterThan(3)
    for (const { row, x, text } of names) {
      expect(x + 6 * text.length).toBeLessThanOrEqual(90)
      const others = names.filter((other) => other.row === row && other.x > x)
      for (const other of others) expect(other.x).toBeGreaterThan(x + 6 * text.length)
    }
  })
  it('find the longest silence between answers', () => {
    const probe = (seq: number, sent_ms: number, rtt_ms: number | null) => ({ seq, sent_ms, rtt_ms })
    const probes = [probe(0, 0, 1), probe(1, 5, 1), probe(2, 10, null), probe(3, 15, 40), probe(4, 20, 36)]
    expect(longestSilence(probes)).toEqual({ from: 6, to: 55 })
    expect(longestSilence(probes.slice(0, 1))).toBeNull()
  })
  it('leave out a silence that was over before the migration began, as the report does', () => {
    const probe = (seq: number, sent_ms: number, rtt_ms: number | null) => ({ seq, sent_ms, rtt_ms })
    const probes = [probe(0, -200, 1), probe(1, -100, 1), probe(2, -5, 1), probe(3, 0, 30), probe(4, 35, 1)]
    expect(longestSilence(probes)).toEqual({ from: -4, to: 30 })
  })
})

const pull: PullReport = {
  pages: 3000,
  faults: 12,
  requests: 10,
  stall_ms: 30,
  p50_us: 900,
  p99_us: 12_000,
  max_us: 12_000,
  duration_ms: 605,
  recoveries: 0,
  paused_ms: 0,
  // A target's clock and a source's differ a little: steps of 10 ms, not of 605 / 60.
  series: [
    { at_ms: 0, faults: 8, stall_ms: 20 },
    { at_ms: 30, faults: 3, stall_ms: 9 },
    { at_ms: 590, faults: 1, stall_ms: 3 },
  ],
}

group('pulled pages over time', () => {
  it('have a step for every stretch, those without a fault too', () => {
    const { steps, step_ms } = stepsOf(pull)
    expect(step_ms).toBeCloseTo(10)
    expect(steps).toHaveLength(60)
    expect(steps.flatMap(({ at_ms, faults }) => (faults > 0 ? [[Math.round(at_ms), faults]] : []))).toEqual([
      [0, 8],
      [30, 3],
      [590, 1],
    ])
  })
  it('lose no fault and no wait, whatever the steps', () => {
    const report = fc.record({
      duration_ms: fc.double({ min: 0, max: 1e5, noNaN: true }),
      places: fc.uniqueArray(fc.nat(59), { minLength: 1 }),
    })
    fc.assert(
      fc.property(report, ({ duration_ms, places }) => {
        const step = Math.max(1, duration_ms / 60)
        const series = places
          .toSorted((a, b) => a - b)
          .map((place) => ({ at_ms: place * step, faults: 1, stall_ms: 2 }))
        const { steps } = stepsOf({ series, duration_ms })
        expect(steps.length).toBeLessThanOrEqual(60)
        expect(steps.filter(({ faults, stall_ms }) => faults === 1 && stall_ms === 2)).toHaveLength(places.length)
      }),
    )
  })
  it('say when the guest waited most, and are absent where it never did', () => {
    const charts = pullOfRun({ pull })
    expect(charts.map(({ id }) => id)).toEqual(['pull-faults', 'pull-stall'])
    expect(charts[0]?.summary).toContain('missed 12 pages')
    expect(charts[0]?.summary).toContain('from 0 ms on: 20.0')
    expect(charts[0]?.table.rows).toHaveLength(60)
    expect(pullOfRun({ pull: null })).toEqual([])
    expect(pullOfRun({ pull: { ...pull, faults: 0, requests: 0, series: [] } })).toEqual([])
  })
})

const models: (ChartModel | null)[] = [
  boxesByCondition(runs, 'downtime_ms'),
  boxesByCondition(runs, 'outage_ms', 'linear'),
  partsByCondition(runs),
  downtimeOfRun(sampleReport(1)),
  windowOfRun(sampleReport(1)),
  roundsOfRun(sampleReport(1)),
  outageOfRun(sampleReport(1), sampleProbes(1)),
  ...pullOfRun({ pull }),
]

group('SVG', () => {
  it.each(models.map((model) => [model?.id ?? 'none', model] as const))(
    'draws %s within its frame, with title and caption',
    (_, model) => {
      if (model === null) throw new Error('no model')
      const svg = renderSvg(model, palette, { width: 640, height: 400 })
      expect(svg).not.toMatch(/NaN|undefined|Infinity/)
      expect(svg).toContain('viewBox="0 0 640 400"')
      expect(svg).toContain(`<title id="${model.id}-title">`)
      expect(svg).toContain(`<desc id="${model.id}-desc">`)
      for (const [, x] of svg.matchAll(/ x="(-?[\d.]+)"/g)) expect(Number(x)).toBeLessThanOrEqual(640)
      for (const [, w] of svg.matchAll(/ (?:width|height)="(-?[\d.]+)"/g)) expect(Number(w)).toBeGreaterThanOrEqual(0)
      const [opened, closed] = [svg.match(/<[a-z]+[^>]*[^/]>/g)?.length, svg.match(/<\/[a-z]+>/g)?.length]
      expect(opened).toBe(closed)
    },
  )
  it('escapes what comes from runs', () => {
    const model = boxesByCondition([sampleReport(1, { algorithm: '<b>&"x' })], 'total_ms')
    if (model === null) throw new Error('no model')
    const svg = renderSvg(model, palette)
    expect(svg).not.toContain('<b>')
    expect(svg).toContain('&#60;b&#62;&#38;')
  })
  it('has round marks on its axes', () => {
    expect(linearTicks(0, 23)).toEqual([0, 5, 10, 15, 20])
    expect(linearTicks(0, 0.7)).toEqual([0, 0.2, 0.4, 0.6])
    expect(logTicks(3, 800)).toEqual([5, 10, 20, 50, 100, 200, 500])
    expect(logTicks(1, 1e6)).toEqual([1, 10, 100, 1000, 1e4, 1e5, 1e6])
  })
})
