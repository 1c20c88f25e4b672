/** Decisions of the policies as tables, and the negotiation. */
import { describe, expect, test } from 'vitest'
import { expectedDowntimeMs } from '../../engine/migration/policy/policy.ts'
import type { PolicyView } from '../../engine/migration/policy/policy.ts'
import { CLARK_RATE_CONTROL, PRE_COPY_DEFAULTS, nextRate, preCopy } from '../../engine/migration/policy/pre-copy.ts'
import type { PreCopyOptions } from '../../engine/migration/policy/pre-copy.ts'
import { stopAndCopy } from '../../engine/migration/policy/stop-and-copy.ts'
import { negotiate } from '../../engine/migration/policy/pool.ts'

/** A view after rounds that left so many dirty pages each. */
function after(dirty: readonly number[], extra: Partial<PolicyView> = {}): PolicyView {
  const rounds = dirty.map((dirtyPages, i) => ({
    pagesSent: i === 0 ? 32768 : (dirty[i - 1] ?? 0),
    dirtyPages,
    durationMs: 100,
    bytesSent: 1000,
  }))
  const pagesSent = rounds.reduce((sum, r) => sum + r.pagesSent, 0)
  const remainingPages = dirty.at(-1) ?? 32768
  return { pagesTotal: 32768, remainingPages, pagesSent, rounds, expectedDowntimeMs: 1000, ...extra }
}

const CASES: readonly (readonly [string, PolicyView, Partial<PreCopyOptions>, string, string])[] = [
  ['nothing sent yet', after([]), {}, 'continue', 'first-round'],
  ['many pages remain', after([5000]), {}, 'continue', 'above-threshold'],
  ['exactly the threshold', after([5000, 50]), {}, 'switch-over', 'few-pages'],
  ['one more than the threshold', after([5000, 51]), {}, 'continue', 'above-threshold'],
  ['no page remains', after([0]), {}, 'switch-over', 'few-pages'],
  ['the expected downtime is short', after([500], { expectedDowntimeMs: 9 }), { downtimeTarget_ms: 10 }, 'switch-over', 'downtime-target'],
  ['the expected downtime is long', after([500], { expectedDowntimeMs: 11 }), { downtimeTarget_ms: 10 }, 'continue', 'above-threshold'],
  ['no downtime target', after([500], { expectedDowntimeMs: 0 }), {}, 'continue', 'above-threshold'],
  ['one round without progress', after([900, 900]), {}, 'continue', 'above-threshold'],
  ['two rounds without progress', after([900, 900, 950]), {}, 'switch-over', 'no-progress'],
  ['progress in between', after([900, 950, 800, 850]), {}, 'continue', 'above-threshold'],
  ['no progress, and told to give up', after([900, 900, 950]), { whenStuck: 'abort' }, 'abort', 'no-progress'],
  ['the last round', after(Array.from({ length: 29 }, (_, i) => 5000 - i)), { maxSentFactor: 99 }, 'switch-over', 'max-rounds'],
  ['one before the last', after(Array.from({ length: 28 }, (_, i) => 5000 - i)), { maxSentFactor: 99 }, 'continue', 'above-threshold'],
  ['three times the memory sent', after([9000], { pagesSent: 3 * 32768 }), {}, 'switch-over', 'sent-limit'],
  ['nearly', after([9000], { pagesSent: 3 * 32768 - 1 }), {}, 'continue', 'above-threshold'],
] // prettier-ignore

test.each(CASES)('pre-copy: %s', (_, view, options, action, code) => {
  const decision = preCopy({ ...PRE_COPY_DEFAULTS, ...options })(view)
  expect(decision).toMatchObject({ action, code })
  expect(decision.reason).toMatch(/^[A-Z0-9].*\.$/)
  expect(preCopy({ ...PRE_COPY_DEFAULTS, ...options })(view)).toEqual(decision)
})

test('stop-and-copy switches over at once', () => {
  expect(stopAndCopy()(after([]))).toMatchObject({ action: 'switch-over', code: 'stop-at-once' })
})

test("rate control: Clark's rule", () => {
  expect(nextRate(null, [])).toBeNull()
  expect(nextRate(CLARK_RATE_CONTROL, [])).toBe(100e6)
  const round = { pagesSent: 1, dirtyPages: 100, durationMs: 100, bytesSent: 1 }
  expect(nextRate(CLARK_RATE_CONTROL, [{ ...round, dirtyPages: 500 }])).toBeCloseTo(500 * 4096 * 8 * 10 + 50e6)
  expect(nextRate(CLARK_RATE_CONTROL, [round])).toBe(100e6)
  expect(nextRate(CLARK_RATE_CONTROL, [{ ...round, dirtyPages: 1e6 }])).toBe(500e6)
})

test('expected downtime', () => {
  expect(expectedDowntimeMs(0, 0, 3)).toBe(3)
  expect(expectedDowntimeMs(100, 0, 3)).toBeGreaterThan(1e9)
  expect(expectedDowntimeMs(100, 4096, 3)).toBeCloseTo(103)
})

describe('negotiation', () => {
  test.each([
    [['pre-copy', 'stop-and-copy'], ['stop-and-copy', 'pre-copy'], 'pre-copy'],
    [['stop-and-copy'], ['stop-and-copy', 'pre-copy'], 'stop-and-copy'],
    [['pre-copy'], ['stop-and-copy'], null],
    [['magic', 'pre-copy'], ['magic', 'pre-copy'], 'pre-copy'],
    [['toString'], ['toString'], null],
    [[], ['pre-copy'], null],
  ])('%j and %j: %s', (offered, supported, expected) => {
    expect(negotiate(offered, supported)).toBe(expected)
  })
})
