import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cliffsDelta, magnitudeOf, ratioOfMedians } from '../../../engine/lab/export/effect.ts'

const values = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 12 })

describe("Cliff's delta", () => {
  it('is 1 where all of b is above a, 0 where none tends to be, −1 the other way round', () => {
    expect(cliffsDelta([1, 2], [3, 4])).toBe(1)
    expect(cliffsDelta([1, 2], [1, 2])).toBe(0)
    expect(cliffsDelta([3, 4], [1, 2])).toBe(-1)
    expect(cliffsDelta([], [1])).toBeNull()
  })

  it('asks for order alone, and changes its sign with the sides', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const delta = cliffsDelta(a, b) ?? NaN
        expect(Math.abs(delta)).toBeLessThanOrEqual(1)
        expect(cliffsDelta(b, a)).toBeCloseTo(-delta, 12)
        expect(cliffsDelta(a.map(Math.log), b.map(Math.log))).toBeCloseTo(delta, 6)
      }),
    )
  })

  it('is named as Romano et al. name it', () => {
    expect([0, 0.146, 0.147, -0.33, 0.474, -1].map(magnitudeOf)).toEqual([
      'negligible',
      'negligible',
      'small',
      'medium',
      'large',
      'large',
    ])
  })
})

describe('the ratio of medians', () => {
  it('is b ÷ a, and its interval holds it, the same for the same seed and whatever the order', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const found = ratioOfMedians(a, b, { resamples: 200 })
        const again = ratioOfMedians([...a].reverse(), [...b].reverse(), { resamples: 200 })
        expect(again).toEqual(found)
        if (a.length < 2 || b.length < 2) expect(found?.interval).toBeNull()
        else expect(found?.interval?.low).toBeLessThanOrEqual(found?.interval?.high ?? NaN)
      }),
      { numRuns: 50 },
    )
    const known = ratioOfMedians([10, 10, 10], [20, 20, 20])
    expect(known).toEqual({ ratio: 2, interval: { low: 2, high: 2 } })
  })

  it('is none where the median of a is 0, or a side is empty', () => {
    expect(ratioOfMedians([0, 0], [1, 2])).toBeNull()
    expect(ratioOfMedians([1], [])).toBeNull()
  })
})
