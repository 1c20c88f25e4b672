/** Decisions of the policies as tables, and the negotiation. */
import { describe, expect, test } from 'vitest'
import { expectedDowntimeMs } from '../../engine/migration/policy/policy.ts'
import type { PolicyView } from '../../engine/migration/policy/policy.ts'
import { CLARK_RATE_CONTROL, PRE_COPY_DEFAULTS, nextRate, preCopy } from '../../engine/migration/policy/pre-copy.ts'
import type { PreCopyOptions } from '../../engine/migration/policy/pre-copy.ts'
import { hybrid } from '../../engine/migration/policy/pull.ts'
import { stopAndCopy } from '../../engine/migration/policy/stop-and-copy.ts'
import { negotiate } from '../../engine/migration/policy/pool.ts'
import { QEMU_THROTTLE } from '../../engine/migration/policy/throttle.ts'

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
  return { pagesTotal: 32768, remainingPages, pagesSent, rounds, expectedDowntimeMs: 1000, elapsedMs: 500, ...extra }
}

const CASES: readonly (readonly [string, PolicyView, Partial<PreCopyOptions>, string, string])[] = [
  ['nothing sent yet', after([]), {}, 'continue', 'first-round'],
  ['many pages remain', after([5000]), {}, 'continue', 'above-threshold'],
  ['exactly the threshold', after([5000, 50]), {}, 'switch-over', 'few-pages'],
  ['one more than the threshold', after([5000, 51]), {}, 'continue', 'above-threshold'],
  ['no page remains', after([0]), {}, 'switch-over', 'few-pages'],
  ['the expected downtime is short', after([500], { expectedDowntimeMs: 9 }), { downtimeTarget_ms: 10 }, 'switch-over', 'downtime-target'],
  ['the expected downtime is long', after([500], { expectedDowntimeMs: 11 }), { downtimeTarget_ms: 10 }, 'continue', 'above-threshold'],
  ['another round would end in time', after([500]), { totalTarget_ms: 2500 }, 'continue', 'above-threshold'],
  ['another round would end too late', after([500]), { totalTarget_ms: 2499 }, 'switch-over', 'total-target'],
  ['it would end too late, and told to give up', after([500]), { totalTarget_ms: 2499, whenStuck: 'abort' }, 'abort', 'total-target'],
  ['the first round is not left out for the total', after([]), { totalTarget_ms: 1 }, 'continue', 'first-round'],
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

describe('with rate control', () => {
  const options = { ...PRE_COPY_DEFAULTS, rateControl: CLARK_RATE_CONTROL, maxSentFactor: 99 }
  /** Rounds of 100 ms, each as fast as it was allowed to be. */
  function limited(dirty: readonly number[]): PolicyView {
    const view = after(dirty)
    const rounds = view.rounds.map((round, i) => ({
      ...round,
      bytesSent: ((nextRate(CLARK_RATE_CONTROL, view.rounds.slice(0, i)) ?? 0) / 8000) * 100,
    }))
    return { ...view, rounds }
  }

  test('rounds that grow below the maximum are sent faster, not given up', () => {
    const decision = preCopy(options)(limited([300, 400, 500, 600]))
    expect(decision).toMatchObject({ action: 'continue', rate_bps: 600 * 4096 * 80 + 50e6 })
  })
  test('a round that grew at the maximum is the last one', () => {
    expect(preCopy(options)(limited([5200, 5000, 5100]))).toMatchObject({ action: 'continue', rate_bps: 500e6 })
    expect(preCopy(options)(limited([5000, 5200, 4900]))).toMatchObject({ action: 'switch-over', code: 'rate-cap' })
    expect(preCopy(options)(limited([5000, 4800, 4700]))).toMatchObject({ action: 'continue' })
  })
  test('where the link is slower than the limit, rounds without progress are given up', () => {
    expect(preCopy(options)(after([900, 900, 900]))).toMatchObject({ action: 'switch-over', code: 'no-progress' })
  })
})

describe('with throttling', () => {
  const options = { ...PRE_COPY_DEFAULTS, throttle: QEMU_THROTTLE, maxSentFactor: 99 }
  const throttled = (shares: readonly number[], dirty: readonly number[]): PolicyView => {
    const view = after(dirty)
    return { ...view, rounds: view.rounds.map((round, i) => ({ ...round, throttle: shares[i] })) }
  }
  const stuck = (rounds: number) => Array.from({ length: rounds }, () => 900)

  test('the share grows in steps, each given two rounds, up to its cap', () => {
    const shares = [0, 0, 0]
    while (shares.length < 28) {
      const { action, throttle } = preCopy(options)(throttled(shares, stuck(shares.length)))
      if (action !== 'continue') break
      shares.push(throttle ?? NaN)
    }
    const steps = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].flatMap((share) => [share, share])
    // At the cap nothing is left to do: two more rounds without progress, and it is given up.
    expect(shares).toEqual([0, 0, 0, ...steps, 0.99, 0.99, 0.99])
    expect(preCopy(options)(throttled(shares, stuck(shares.length)))).toMatchObject({ code: 'no-progress' })
  })
  test('a step is told in the reason', () => {
    expect(preCopy(options)(throttled([0, 0, 0], stuck(3))).reason).toContain('the vCPU sleeps 20 % of its time')
    expect(preCopy(options)(throttled([0, 0, 0, 0.2], stuck(4))).reason).not.toContain('sleeps')
  })
  test('rounds that shrink by half and more are left alone', () => {
    expect(preCopy(options)(throttled([0, 0, 0], [4000, 1900, 900]))).toMatchObject({ throttle: 0 })
  })
  test('it is never slowed down more than the user allows, and less at once when he allows less', () => {
    const limited = { ...options, slowdownTarget: 0.25 }
    expect(preCopy(limited)(throttled([0, 0, 0], stuck(3)))).toMatchObject({ throttle: 0.2 })
    expect(preCopy(limited)(throttled([0, 0.2, 0.2, 0.2], stuck(4)))).toMatchObject({ throttle: 0.25 })
    const less = preCopy({ ...options, slowdownTarget: 0.1 })(throttled([0, 0, 0, 0.6], stuck(4)))
    expect(less).toMatchObject({ action: 'continue', throttle: 0.1 })
    expect(less.reason).not.toContain('sleeps')
    // There is nothing left to slow it down by.
    const shares = [0.25, 0.25, 0.25, 0.25]
    expect(preCopy(limited)(throttled(shares, stuck(4)))).toMatchObject({ code: 'no-progress' })
  })
  test('without it, nothing is ever throttled', () => {
    expect(preCopy({ ...options, throttle: null })(after([900, 900]))).toMatchObject({ throttle: 0 })
  })
})

test("hybrid without a limit of its own sends pre-copy's rounds, and pulls where they do not converge", () => {
  const policy = hybrid({ ...PRE_COPY_DEFAULTS, whenStuck: 'abort' }, Infinity)
  expect(policy(after([900, 900]))).toMatchObject({ action: 'continue' })
  const last = policy(after([900, 900, 950]))
  expect(last).toMatchObject({ action: 'switch-over', code: 'no-progress' })
  expect(last.reason).toMatch(/follow when the guest runs on the target\.$/)
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
