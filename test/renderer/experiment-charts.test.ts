/** The pictures of an experiment: what is in their models, and that a file can be made of each. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MOST_ROUNDS } from '../../engine/contract/experiment-results.ts'
import type { RunReport } from '../../engine/contract/report.ts'
import type { ChartModel } from '../../renderer/src/charts/model.ts'
import { boxesByLevel, mediansByLevel } from '../../renderer/src/charts/models/experiment/by-level.ts'
import { cellsOf } from '../../renderer/src/charts/models/experiment/cells.ts'
import { distributionOf, trialsInOrder } from '../../renderer/src/charts/models/experiment/distribution.ts'
import { medianTrial } from '../../renderer/src/charts/models/experiment/median-trial.ts'
import { partsByLevel } from '../../renderer/src/charts/models/experiment/parts.ts'
import { roundsByLevel } from '../../renderer/src/charts/models/experiment/rounds.ts'
import { lineLookOf } from '../../renderer/src/charts/looks.ts'
import { pictureSize, renderSvg } from '../../renderer/src/charts/svg/render.ts'
import { MACHINE } from '../lab/experiments/plans.ts'
import { resultsFrom } from '../lab/experiments/sample-results.ts'
import { brokenReport, sampleReport } from '../lab/store/samples.ts'
import { palette } from './palette.ts'

const TWO = { factors: { algorithm: ['pre-copy', 'stop-and-copy'] } }
/** Two conditions in turn: 20.25, 22.25, … ms and 1021.25, 1023.25, … ms of downtime; the last trial of the second failed. */
const reports: RunReport[] = [
  ...Array.from({ length: 11 }, (_, i) => sampleReport(i, i % 2 === 1 ? { downtime_ms: 1020.25 + i, rounds: [] } : {})),
  brokenReport(11, 'failed'),
]
const results = resultsFrom(reports, { repeats: 6, ...TWO })
const all = new Set([0, 1])

describe('the medians of an experiment', () => {
  it('are columns with the bootstrap interval that the lab made', () => {
    const model = mediansByLevel(results, 'downtime_ms')
    const [first] = results.groups
    expect(model?.categories).toEqual(['pre-copy', 'stop-and-copy'])
    expect(model?.series[0]?.values).toEqual([25.25, 1025.25])
    expect(model?.series[0]?.intervals?.[0]).toEqual([
      first?.metrics.downtime_ms.ci_low,
      first?.metrics.downtime_ms.ci_high,
    ])
    expect(model?.caption).toContain('n = 11 completed trials')
    expect(model?.caption).toContain('1 failed trial not drawn')
  })
  it('have no interval where there is one trial only, and no column where there is none', () => {
    const one = resultsFrom([sampleReport(0)], { repeats: 1, ...TWO })
    const model = mediansByLevel(one, 'downtime_ms')
    expect(model?.series[0]).toMatchObject({ values: [20.25], intervals: [null] })
    expect(model?.summary).toContain('no interval')
    expect(mediansByLevel(resultsFrom([], { repeats: 1, ...TWO }), 'downtime_ms')).toBeNull()
  })
})

describe('the distribution of a figure', () => {
  it('rises by 1/n at each trial, from 0 to 100 %, whatever the values', () => {
    const values = fc.array(fc.double({ min: 0.01, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(values, (downtimes) => {
        const runs = downtimes.map((downtime_ms, i) => sampleReport(i, { downtime_ms }))
        const made = resultsFrom(runs, { repeats: 100 })
        const points = distributionOf(made, 'downtime_ms', new Set([0]))?.series[0]?.points ?? []
        expect([points[0]?.y, points.at(-1)?.y]).toEqual([0, 100])
        for (const { x, y, bare } of points) {
          const atMost = downtimes.filter((value) => value <= x).length
          if (bare !== true) expect(y).toBeCloseTo((100 * atMost) / downtimes.length, 9)
        }
        expect(points.filter(({ bare }) => bare !== true)).toHaveLength(new Set(downtimes).size)
      }),
      { numRuns: 25 },
    )
  })
  it('draws the conditions that are chosen, each with the look that it has everywhere, and counts the others', () => {
    const model = distributionOf(results, 'downtime_ms', new Set([1]))
    expect(model?.series.map(({ name, look }) => [name, look])).toEqual([['stop-and-copy', 1]])
    expect(model?.caption).toContain('n = 5 completed trials')
    expect(model?.caption).toContain('1 other condition not drawn')
    expect(distributionOf(results, 'downtime_ms', new Set())).toBeNull()
  })
  it('has a logarithmic axis below for a wide range, unless it is told otherwise', () => {
    expect(distributionOf(results, 'downtime_ms', all)?.x).toEqual({ title: 'Downtime (ms), log', scale: 'log' })
    expect(distributionOf(results, 'downtime_ms', all, 'linear')?.x.scale).toBe('linear')
  })
})

describe('trials in their order', () => {
  it('stand at their place in the plan, those without the figure left out', () => {
    const outages = reports.map((run, i) => (i === 2 ? { ...run, outage_ms: null } : run))
    const model = trialsInOrder(resultsFrom(outages, { repeats: 6, ...TWO }), 'outage_ms', all)
    expect(model?.series[0]?.points.map(({ x }) => x)).toEqual([1, 5, 7, 9, 11])
    expect(model?.series[1]?.points.map(({ x }) => x)).toEqual([2, 4, 6, 8, 10])
    expect(model?.table.rows[0]).toEqual(['1', 'pre-copy', '30.50'])
  })
})

describe('the trial that stands for a condition', () => {
  it('has the median of the figure, the lower of two, and is one of that condition', () => {
    const found = results.groups.map((group) => medianTrial(results, group, 'downtime_ms'))
    expect(found).toEqual([4, 5].map((trial) => ({ run_id: reports[trial]?.run_id, trial })))
  })
  it('is none where none has the figure', () => {
    const none = resultsFrom([brokenReport(0, 'failed'), brokenReport(1, 'failed')], { repeats: 1, ...TWO })
    expect(none.groups.map((group) => medianTrial(none, group, 'downtime_ms'))).toEqual([null, null])
  })
})

describe('the parts of the downtime', () => {
  it('are means that add up to the mean of the parts’ sums, by condition', () => {
    const model = partsByLevel(results, all, false)
    const total = model?.series.reduce((sum, { values }) => sum + (values[0] ?? 0), 0)
    // Of trials 0, 2, … 10: 16.25 ms, and as many milliseconds of sending more as the trial's number is.
    expect(total).toBeCloseTo(20.25 + 5)
    expect(model?.table.rows[0]?.slice(0, 2)).toEqual(['pre-copy', '6'])
    const shares = partsByLevel(results, all, true)
    expect(shares?.series.reduce((sum, { values }) => sum + (values[1] ?? 0), 0)).toBeCloseTo(100)
  })
})

describe('rounds', () => {
  it('are the medians of those trials that had them', () => {
    const longer = [0, 1, 2].map((i) => {
      const run = sampleReport(i)
      const extra = { ...run.rounds[0], index: 3, pages_sent: 10 * (i + 1), dirty_pages: i }
      return i === 0 ? run : { ...run, rounds: [...run.rounds, extra] }
    })
    const made = resultsFrom(longer, { repeats: 3 })
    expect(made.groups[0]?.rounds.map(({ n, pages_sent }) => [n, pages_sent])).toEqual([
      [3, 16384],
      [3, 8192],
      [3, 4096],
      [2, 25],
    ])
    const model = roundsByLevel(made, 'pages_sent', new Set([0]))
    expect(model?.series[0]?.points.at(-1)).toEqual({ x: 3, y: 25 })
    expect(model?.value.scale).toBe('log')
  })
  it('of no pages are left out of a logarithmic axis, which is said', () => {
    const run = sampleReport(0)
    const rounds = run.rounds.map((round, i) => ({ ...round, dirty_pages: [5000, 3, 0][i] ?? 0 }))
    const made = resultsFrom([{ ...run, rounds }], { repeats: 1 })
    const log = roundsByLevel(made, 'dirty_pages', new Set([0]))
    expect(log?.series[0]?.points).toHaveLength(2)
    expect(log?.caption).toContain('1 round of 0 pages not drawn')
    expect(roundsByLevel(made, 'dirty_pages', new Set([0]), 'linear')?.series[0]?.points).toHaveLength(3)
  })
  it('do not grow without bound, and are absent where no algorithm had any', () => {
    const run = sampleReport(0)
    const rounds = Array.from({ length: MOST_ROUNDS + 20 }, (_, index) => ({ ...run.rounds[0], index }))
    const made = resultsFrom([{ ...run, rounds: rounds }], { repeats: 1 })
    expect(made.groups[0]?.rounds).toHaveLength(MOST_ROUNDS)
    expect(roundsByLevel(made, 'pages_sent', new Set([0]))?.caption).toContain('left out')
    expect(roundsByLevel(results, 'pages_sent', new Set([1]))).toBeNull()
  })
})

describe('a condition', () => {
  it('is told apart by mark and dash as well as by colour', () => {
    const looks = Array.from({ length: 35 }, (_, look) => JSON.stringify(lineLookOf(look)))
    expect(new Set(looks).size).toBe(35)
  })
  it('is named with its machine where there are several that are not thrown together', () => {
    const machines = [MACHINE, { ...MACHINE, machine_id: 'other' }]
    const apart = resultsFrom(reports, { repeats: 6, ...TWO }, { machines })
    expect(cellsOf(apart).map(({ name }) => name)).toContain('pre-copy, other')
    const pooled = resultsFrom(reports, { repeats: 6, ...TWO }, { machines, pool: true })
    expect(cellsOf(pooled).map(({ name }) => name)).toEqual(['pre-copy', 'stop-and-copy'])
    expect(boxesByLevel(pooled, 'downtime_ms')?.caption).toContain('2 machines thrown together')
  })
})

const many = resultsFrom(
  Array.from({ length: 40 }, (_, i) => sampleReport(i)),
  { repeats: 2, factors: { ram_MB: Array.from({ length: 20 }, (_, i) => 16 * (i + 1)) } },
)
const wide = new Set(Array.from({ length: 20 }, (_, i) => i))
const MODELS: readonly [string, ChartModel | null][] = [
  ['medians', mediansByLevel(results, 'downtime_ms')],
  ['medians of many', mediansByLevel(many, 'bytes_sent_B')],
  ['a distribution', distributionOf(results, 'downtime_ms', all)],
  ['a distribution of many', distributionOf(many, 'total_ms', wide)],
  ['trials', trialsInOrder(many, 'outage_ms', wide)],
  ['parts of many', partsByLevel(many, wide, false)],
  ['rounds', roundsByLevel(results, 'pages_sent', all)],
]

describe('a picture file', () => {
  it.each(MODELS)('holds %s, all of it within the frame', (_, model) => {
    if (model === null) throw new Error('no model')
    const { width, height } = pictureSize(model)
    const svg = renderSvg(model, palette)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    expect(svg).toContain(`viewBox="0 0 ${width} ${height}"`)
    for (const [, x] of svg.matchAll(/ (?:x|x1|x2)="(-?[\d.]+)"/g)) expect(Number(x)).toBeLessThanOrEqual(width)
    for (const [, y] of svg.matchAll(/ (?:y|y1|y2)="(-?[\d.]+)"/g)) expect(Number(y)).toBeLessThanOrEqual(height)
    for (const [, x, y] of svg.matchAll(/translate\(([\d.-]+) ([\d.-]+)\)/g)) {
      expect(Number(x)).toBeGreaterThan(0)
      expect(Number(x)).toBeLessThan(width)
      expect(Number(y)).toBeGreaterThan(0)
      expect(Number(y)).toBeLessThan(height)
    }
  })
})
