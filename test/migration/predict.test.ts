/** Predictions: bounds, monotony, the working-set curve, and the choice by targets. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Prediction } from '../../engine/contract/prediction.ts'
import { prediction as predictionSchema } from '../../engine/contract/prediction.ts'
import * as v from 'valibot'
import { ALGORITHM_NAMES, type AlgorithmName, POOL } from '../../engine/migration/policy/pool.ts'
import { predict, type PredictionInputs } from '../../engine/migration/policy/predict.ts'
import type { PredictedSavings } from '../../engine/migration/policy/travel.ts'
import { NO_SAVINGS } from '../../engine/migration/saving/savings.ts'
import { choose, missesOf, ranked } from '../../engine/migration/policy/qos.ts'
import { workingSetOf } from '../../engine/migration/policy/working-set.ts'
import { FerryError } from '../../engine/util/errors.ts'

/** A guest that changes `rate` distinct pages a second, as long as there are any. */
interface Situation {
  readonly ramPages: number
  readonly nonzeroShare: number
  readonly rate: number
  readonly bandwidth_bps: number | null
  readonly latency_ms: number
}

const anySituation: fc.Arbitrary<Situation> = fc.record({
  ramPages: fc.integer({ min: 2048, max: 262_144 }),
  nonzeroShare: fc.double({ min: 0, max: 1, noNaN: true }),
  rate: fc.integer({ min: 0, max: 100_000 }),
  bandwidth_bps: fc.option(fc.integer({ min: 1_000_000, max: 10_000_000_000 }), { nil: null }),
  latency_ms: fc.double({ min: 0, max: 500, noNaN: true }),
})

/** Only what is implied. */
const NOTHING_TRIED: PredictedSavings = {
  wanted: NO_SAVINGS,
  agreed: ['zero'],
  sample: { pages: 0, compression: null, changed_pages: 0, delta_ratio: null },
}

/** All savings, and pages that shrink to half, changes to a tenth. */
const ALL_SAVINGS: PredictedSavings = {
  wanted: { zero: true, delta: true, compress: 'auto' },
  agreed: ['zero', 'delta', 'zstd'],
  sample: {
    pages: 256,
    compression: { algorithm: 'zstd', ratio: 0.5, rate_Bps: 200e6 },
    changed_pages: 90,
    delta_ratio: 0.1,
  },
}

function inputs({ ramPages, nonzeroShare, rate, bandwidth_bps, latency_ms }: Situation): PredictionInputs {
  const windows = [100, 200, 500, 1000]
  return {
    ramPages,
    nonzeroPages: Math.round(ramPages * nonzeroShare),
    workingSet: windows.map((window_ms) => ({ window_ms, pages: Math.min((rate * window_ms) / 1000, ramPages) })),
    bandwidth_bps,
    latency_ms,
    calibration: { source: 'constants', runs: 0, fixed_ms: 5, setup_ms: 300, host_Bps: 250e6, fault_ms: 1 },
    savings: NOTHING_TRIED,
    // As many rounds for everybody: where policies stop at unlike rounds, a faster guest may well cost less.
    policy: {
      preCopy: { thresholdPages: -1, maxRounds: 4, maxSentFactor: Infinity, maxRoundsWithoutProgress: Infinity },
      hybridRounds: 2,
    },
    watchMs: 500,
  }
}

const of = (name: AlgorithmName, situation: Situation): Prediction => predict(POOL[name], inputs(situation))
/** Room for the last bits of a double. */
const atLeast = (a: number, b: number): boolean => a >= b - 1e-6 * Math.max(1, Math.abs(b))

describe.each(ALGORITHM_NAMES)('a prediction for %s', (name) => {
  test('keeps to the contract, and names its figures in its formulas', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const made = of(name, situation)
        expect(v.is(predictionSchema, made)).toBe(true)
        expect(made.formula.total).toContain(`downtime ${made.downtime_ms.toFixed(made.downtime_ms < 100 ? 1 : 0)} ms`)
        expect(made.formula.downtime).toContain('fixed part 5.0 ms')
        expect(made.downtime_ms).toBeGreaterThanOrEqual(5 + 3 * situation.latency_ms)
        expect(made.total_ms).toBeGreaterThan(made.downtime_ms)
        expect(made.bytes_B).toBeGreaterThan(Math.round(situation.ramPages * situation.nonzeroShare) * 4096)
      }),
    )
  })

  const worse: [what: string, change: (of: Situation, by: number) => Situation][] = [
    ['more bandwidth', (s, by) => ({ ...s, bandwidth_bps: (s.bandwidth_bps ?? 10e9) / (1 + by) })],
    ['less latency', (s, by) => ({ ...s, latency_ms: s.latency_ms + 100 * by })],
    ['a smaller guest', (s, by) => ({ ...s, ramPages: Math.round(s.ramPages * (1 + by)) })],
    ['a slower guest', (s, by) => ({ ...s, rate: Math.round(s.rate * (1 + by)) })],
  ]
  // A single pass stops at the first write to what it has sent: a slower guest lets it go on for longer.
  const monotone = worse.filter(([what]) => name !== 'single-pass' || what !== 'a slower guest')
  test.each(monotone)('never promises a longer total or more downtime for %s', (_, change) => {
    fc.assert(
      fc.property(anySituation, fc.double({ min: 0, max: 3, noNaN: true }), (situation, by) => {
        const [good, bad] = [of(name, situation), of(name, change(situation, by))]
        expect(atLeast(bad.total_ms, good.total_ms), `${bad.formula.total} < ${good.formula.total}`).toBe(true)
        expect(atLeast(bad.downtime_ms, good.downtime_ms), `${bad.formula.downtime} < ${good.formula.downtime}`).toBe(
          true,
        )
      }),
    )
  })
})

test('pre-copy never promises more downtime than stop-and-copy, nor fewer bytes', () => {
  fc.assert(
    // All pages may be dirty at the end, and none of them zero.
    fc.property(
      anySituation.map((any) => ({ ...any, nonzeroShare: 1 })),
      (situation) => {
        const [pre, stop] = [of('pre-copy', situation), of('stop-and-copy', situation)]
        expect(atLeast(stop.downtime_ms, pre.downtime_ms)).toBe(true)
        expect(atLeast(pre.bytes_B, stop.bytes_B)).toBe(true)
      },
    ),
  )
})

test('a guest that changes nothing is sent in one round, and stops for none of its pages', () => {
  const idle = { ramPages: 8192, nonzeroShare: 0.5, rate: 0, bandwidth_bps: 100e6, latency_ms: 0 }
  const made = predict(POOL['pre-copy'], { ...inputs(idle), policy: {} })
  expect(made).toMatchObject({ rounds: 1, remaining_pages: 0, downtime_ms: 5 })
  // 4096 pages of 4100 B and 4096 numbers of 4 B at 100 Mbit/s.
  expect(made.total_ms).toBeCloseTo(300 + 5 + ((4096 * 4100 + 4096 * 4) * 8) / 100e3, 6)
})

describe('savings in a prediction', () => {
  const quiet = { ramPages: 8192, nonzeroShare: 0.5, rate: 0, bandwidth_bps: 100e6, latency_ms: 0 }
  const busy = { ...quiet, rate: 2000 }
  const withSavings = (name: AlgorithmName, situation: Situation, savings: PredictedSavings) =>
    predict(POOL[name], { ...inputs(situation), savings })

  test('shrink what crosses a slow link as much as the sample shrank, and say so', () => {
    const made = withSavings('stop-and-copy', quiet, ALL_SAVINGS)
    expect(made.bytes_B).toBe(4096 * (4 + 2048) + 4096 * 4 + 80_000)
    expect(made.formula.bytes).toContain('× 0.50 by zstd')
    expect(made.downtime_ms).toBeCloseTo(5 + ((4096 * 2052 + 4096 * 4) * 8) / 100e3, 6)
  })

  test('are none on a link that is faster than they are', () => {
    for (const bandwidth_bps of [null, 10e9]) {
      const [plain, saved] = [NOTHING_TRIED, ALL_SAVINGS].map((savings) =>
        withSavings('stop-and-copy', { ...quiet, bandwidth_bps }, savings),
      )
      expect(saved.bytes_B).toBe(plain.bytes_B)
      expect(saved.total_ms).toBe(plain.total_ms)
    }
  })

  test('as deltas are for pages that cross again alone', () => {
    const deltas: PredictedSavings = {
      ...ALL_SAVINGS,
      wanted: { zero: true, delta: true, compress: 'off' },
      agreed: ['zero', 'delta'],
    }
    expect(withSavings('pre-copy', quiet, deltas).bytes_B).toBe(withSavings('pre-copy', quiet, NOTHING_TRIED).bytes_B)
    const [plain, saved] = [NOTHING_TRIED, deltas].map((savings) => withSavings('pre-copy', busy, savings))
    expect(saved.bytes_B).toBeLessThan(plain.bytes_B)
    expect(saved.bytes_B).toBeGreaterThan(4096 * 4096)
    expect(saved.formula.bytes).toContain('again × 0.10 by delta')
  })

  test('switched off for pages of zeros make these travel in full', () => {
    const whole: PredictedSavings = { ...NOTHING_TRIED, wanted: { ...NO_SAVINGS, zero: false }, agreed: [] }
    const made = withSavings('stop-and-copy', quiet, whole)
    expect(made.bytes_B).toBe(8192 * 4100 + 80_000)
    expect(made.formula.bytes).not.toContain('zeros')
  })

  test('never make a prediction worse', () => {
    fc.assert(
      fc.property(anySituation, fc.constantFrom(...ALGORITHM_NAMES), (situation, name) => {
        const [plain, saved] = [NOTHING_TRIED, ALL_SAVINGS].map((savings) => withSavings(name, situation, savings))
        expect(atLeast(plain.bytes_B, saved.bytes_B)).toBe(true)
        expect(atLeast(plain.downtime_ms, saved.downtime_ms)).toBe(true)
      }),
    )
  })
})

test('a throttled guest is predicted to converge where it would not, and to be slowed down for it', () => {
  const busy = { ramPages: 8192, nonzeroShare: 1, rate: 4000, bandwidth_bps: 100e6, latency_ms: 0 }
  const throttle = { initial: 0.2, step: 0.1, cap: 0.99 }
  const plain = predict(POOL['pre-copy'], { ...inputs(busy), policy: {} })
  const throttled = predict(POOL['pre-copy'], { ...inputs(busy), policy: { preCopy: { throttle, maxSentFactor: 20 } } })
  expect(throttled.remaining_pages).toBeLessThan(plain.remaining_pages)
  expect(throttled.formula.slowdown).not.toContain('throttled 0.0 ms')
})

describe('the working set', () => {
  const points = [
    { window_ms: 100, pages: 200 },
    { window_ms: 1000, pages: 1100 },
  ]
  test.each([
    [0, 0],
    [50, 100],
    [100, 200],
    [550, 650],
    [1000, 1100],
    [2000, 2100],
    [1e9, 5000],
  ])('within %d ms: %d pages', (ms, pages) => expect(workingSetOf(points, 5000)(ms)).toBe(pages))
  test('of nothing measured is nothing', () => expect(workingSetOf([], 5000)(100)).toBe(0))
})

describe('the choice by targets', () => {
  const formula = { downtime: '', total: '', bytes: '', slowdown: '' }
  const made = (algorithm: string, downtime_ms: number, total_ms: number, slowdown: number): Prediction => ({
    ...{ algorithm, title: algorithm, downtime_ms, total_ms, slowdown, bytes_B: 1000, formula },
    ...{ rounds: 1, remaining_pages: 0, reason: '', misses: [] },
  })
  const all = [made('a', 30, 1000, 0.1), made('b', 5, 3000, 0.2), made('c', 5, 2000, 0.5)]
  const judged = (targets: Parameters<typeof missesOf>[1], importance?: Parameters<typeof ranked>[1]) =>
    ranked(all.map((each) => ({ ...each, misses: missesOf(each, targets) })), importance) // prettier-ignore

  test('takes the first that keeps all targets, in the order of preference', () => {
    expect(choose(judged({})).algorithm).toBe('a')
    expect(choose(judged({ max_downtime_ms: 10 })).algorithm).toBe('b')
    expect(choose(judged({ max_downtime_ms: 10, max_total_ms: 2500 })).algorithm).toBe('c')
    expect(choose(judged({ max_downtime_ms: 5 })).algorithm).toBe('b')
  })

  test('or in the order of importance, equal figures told apart by the next', () => {
    expect(choose(judged({}, ['downtime', 'total'])).algorithm).toBe('c')
    expect(choose(judged({ max_slowdown: 0.3 }, ['downtime', 'total'])).algorithm).toBe('b')
    expect(choose(judged({}, ['slowdown'])).algorithm).toBe('a')
  })

  test('rejects where none fits, and says of each what it would miss', () => {
    const reject = () => choose(judged({ max_downtime_ms: 10, max_total_ms: 1500 }))
    expect(reject).toThrow(/a: downtime 30.0 ms, not 10.0 ms at most\. b: total time 3000 ms.*c: total time 2000 ms/)
    try {
      reject()
    } catch (thrown) {
      expect(FerryError.from(thrown).code).toBe('qos.none-fits')
      expect(FerryError.from(thrown).data).toEqual({
        'a.max_downtime_ms': 30,
        'b.max_total_ms': 3000,
        'c.max_total_ms': 2000,
      })
    }
    expect.assertions(3)
  })
})
