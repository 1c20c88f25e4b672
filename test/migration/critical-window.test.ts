/** The critical window as stretches of time: on one clock, on two, and with a target that claims anything. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CRITICAL_SPANS, type CriticalSpanName } from '../../engine/contract/critical-window.ts'
import { criticalWindow, type WindowInstants } from '../../engine/migration/critical-window.ts'
import { downtimeOf, type SwitchOverTimes } from '../../engine/migration/downtime.ts'

type Instants = SwitchOverTimes & WindowInstants
type TargetInstants = NonNullable<WindowInstants['target']>

const TARGET: TargetInstants = {
  arrivedMs: 1005.5,
  receivedMs: 1006,
  unpackedMs: 1006.5,
  loadBeganMs: 1006.75,
  pagesLoadedMs: 1007,
  stateLoadedMs: 1007.25,
  loadedMs: 1007.5,
  readyMs: 1007.75,
}
const TIMES: Instants = {
  ...{ pausedAtMs: 1000, stopBeganMs: 999.5, lastPagesMs: 1, captureMs: 0.5, stopKnownMs: 1002, pagesSentMs: 1004 },
  ...{ packMs: 0.25, encodedMs: 1004.5, writtenMs: 1005, readyMs: 1008, verifyMs: 0, commitSentMs: 1008.25 },
  ...{ runningReceivedMs: 1011, unpackMs: 0.5, restoreMs: 1, resumeMs: 0.25, runAtMs: 1010, sinceRunMs: 0.5 },
  target: TARGET,
}

function spanOf(times: Instants, name: CriticalSpanName): [number, number] | undefined {
  const span = criticalWindow(times).spans.find((each) => each.name === name)
  return span === undefined ? undefined : [span.from_ms, span.to_ms]
}

describe('the critical window', () => {
  test('places what each side did on one axis, from the stop to the first instruction', () => {
    expect(criticalWindow(TIMES).clock).toBe('one')
    expect(spanOf(TIMES, 'stop')).toEqual([0, 2])
    expect(spanOf(TIMES, 'capture')).toEqual([1, 1.5])
    expect(spanOf(TIMES, 'bulk')).toEqual([2, 4])
    expect(spanOf(TIMES, 'state_way')).toEqual([5, 5.5])
    expect(spanOf(TIMES, 'restore_state')).toEqual([7, 7.25])
    expect(spanOf(TIMES, 'commit_way')).toEqual([8.25, 9.75])
    expect(spanOf(TIMES, 'resume')).toEqual([9.75, 10])
    expect(spanOf(TIMES, 'notice')).toBeUndefined()
  })

  test('leaves out the comparison of memories, and shifts what follows it', () => {
    const later = { ...TIMES, verifyMs: 100, commitSentMs: 1108.25, runAtMs: 1110, runningReceivedMs: 1111 }
    expect(spanOf(later, 'ready')).toEqual(spanOf(TIMES, 'ready'))
    expect(spanOf(later, 'commit')).toEqual([8, 8.25])
    expect(spanOf(later, 'resume')).toEqual([9.75, 10])
  })

  test('tells the time between a vCPU that stopped by itself and the order', () => {
    expect(spanOf({ ...TIMES, stopBeganMs: 1000.25 }, 'notice')).toEqual([0, 0.25])
    expect(spanOf({ ...TIMES, stopBeganMs: 1000.25 }, 'last_pages')).toEqual([0.25, 1.25])
  })

  test.each([-5000, 1e9])('says that the clocks differ by %d ms, and takes both ways for equally long', (ms) => {
    const entries = Object.entries(TARGET).map(([name, value]) => [name, value + ms])
    const apart = { ...TIMES, target: Object.fromEntries(entries) as TargetInstants }
    expect(criticalWindow(apart).clock).toBe('aligned')
    const [from = 0, to = 0] = spanOf(apart, 'state_way') ?? []
    const [back = 0, end = 0] = spanOf(apart, 'ready_way') ?? []
    expect(to - from).toBeCloseTo(end - back, 3)
    expect(spanOf(apart, 'restore')?.[0]).toBeCloseTo(6.375, 3)
  })

  test('shows the source alone where the target tells no instants', () => {
    const { clock, spans } = criticalWindow({ ...TIMES, target: undefined })
    expect(clock).toBe('source')
    const lanes = new Set(spans.filter(({ name }) => name !== 'resume').map(({ name }) => CRITICAL_SPANS[name].lane))
    expect([...lanes]).toEqual(['source', 'link'])
  })

  test('keeps every stretch within the downtime, whatever a target claims', () => {
    const instant = fc.double({ noNaN: true, noDefaultInfinity: true })
    const claims = fc.record(Object.fromEntries(Object.keys(TARGET).map((name) => [name, instant])))
    fc.assert(
      fc.property(claims, instant, fc.nat(1e6), (claimed, runAtMs, resumeMs) => {
        const times = { ...TIMES, runAtMs, resumeMs, target: claimed as TargetInstants }
        const { downtime_ms } = downtimeOf(times)
        for (const { from_ms, to_ms } of criticalWindow(times).spans) {
          expect(from_ms).toBeGreaterThanOrEqual(0)
          expect(to_ms).toBeGreaterThanOrEqual(from_ms)
          expect(to_ms).toBeLessThanOrEqual(downtime_ms)
        }
      }),
    )
  })
})
