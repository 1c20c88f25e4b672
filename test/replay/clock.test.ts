/** The time of a recording. */
import { describe, expect, test } from 'vitest'
import { RATES, ReplayClock } from '../../renderer/src/replay/clock.ts'

function watched(duration_ms = 1000) {
  let draw: (() => void) | null = null
  let now = 0
  const told: string[] = []
  const clock = new ReplayClock(
    duration_ms,
    {
      advanced: (from, to) => told.push(`${from}–${to}`),
      jumped: (to) => told.push(`to ${to}`),
      changed: () => told.push(clock.playing ? 'plays' : 'stands'),
    },
    { request: (next) => ((draw = next), 1), cancel: () => (draw = null) },
    () => now,
  )
  const pass = (ms: number) => {
    now += ms
    const drawn = draw
    draw = null
    drawn?.()
  }
  return { clock, told, pass }
}

describe('the clock of a recording', () => {
  test('goes on with the frames of the window, without a gap', () => {
    const { clock, told, pass } = watched()
    clock.play()
    for (const ms of [16, 16, 40]) pass(ms)
    clock.pause()
    pass(16)
    expect(told).toEqual(['plays', '0–16', '16–32', '32–72', 'stands'])
  })

  test.each(RATES)('goes at %f times', (rate) => {
    const { clock, pass } = watched()
    clock.setRate(rate)
    clock.play()
    pass(100)
    expect(clock.t).toBe(100 * rate)
  })

  test('stands at its end, and begins anew from there', () => {
    const { clock, told, pass } = watched(100)
    clock.play()
    pass(150)
    expect([clock.t, clock.playing]).toEqual([100, false])
    clock.play()
    expect([clock.t, clock.playing]).toEqual([0, true])
    expect(told).toEqual(['plays', '0–100', 'stands', 'to 0', 'plays'])
  })

  test('waits while the window is not drawn', () => {
    const { clock, pass } = watched(60_000)
    clock.play()
    pass(30_000)
    expect(clock.t).toBeLessThanOrEqual(250)
  })

  test('goes to any time within it', () => {
    const { clock } = watched(500)
    for (const [to, is] of [
      [-5, 0],
      [200, 200],
      [9000, 500],
    ] as const) {
      clock.seek(to)
      expect(clock.t).toBe(is)
    }
  })
})
