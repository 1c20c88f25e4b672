/** Of which moments a video is made. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  fileName,
  frameCount,
  frameTime,
  markedRange,
  rangeOf,
  SIZES,
  type VideoPlan,
} from '../../renderer/src/video/plan.ts'

const plan = (from_ms: number, to_ms: number, frames_Hz: 15 | 30): VideoPlan => ({
  range: { from_ms, to_ms },
  size: SIZES[0],
  frames_Hz,
})

describe('frames', () => {
  test('begin with the range, are evenly apart, and stay within it', () => {
    const time = fc.double({ min: 0, max: 100_000, noNaN: true })
    fc.assert(
      fc.property(time, time, fc.constantFrom(15 as const, 30 as const), (one, other, rate) => {
        const made = plan(Math.min(one, other), Math.max(one, other), rate)
        const frames = frameCount(made)
        const lasts_ms = made.range.to_ms - made.range.from_ms
        expect(Math.abs(frames - (lasts_ms * rate) / 1000)).toBeLessThanOrEqual(1)
        expect(frameTime(made, 0)).toBe(made.range.from_ms)
        expect(frameTime(made, frames - 1)).toBeLessThanOrEqual(made.range.to_ms)
        if (frames > 2) expect(frameTime(made, 1) - frameTime(made, 0)).toBeCloseTo(1000 / rate, 6)
      }),
    )
  })
})

describe('a range', () => {
  test('lies between the marks, whichever comes first; one that is not set is the end of the recording', () => {
    expect(markedRange({ from: 900, to: 200 }, 1000)).toEqual({ from_ms: 200, to_ms: 900 })
    expect(markedRange({ from: 400, to: null }, 1000)).toEqual({ from_ms: 400, to_ms: 1000 })
    expect(markedRange({ from: null, to: 5000 }, 1000)).toEqual({ from_ms: 0, to_ms: 1000 })
  })

  test('is a chapter, or all where that chapter is gone', () => {
    const chapter = { run_id: 'a', title: '', outcome: null, from_ms: 10, to_ms: 20, stages: [] }
    const none = { from: null, to: null }
    expect(rangeOf({ run_id: 'a' }, none, [chapter], 100)).toEqual({ from_ms: 10, to_ms: 20 })
    expect(rangeOf({ run_id: 'b' }, none, [chapter], 100)).toEqual({ from_ms: 0, to_ms: 100 })
  })
})

test('a file is called as its recording is, in letters that the desktop app takes', () => {
  const taken = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.boolean(), (name, whole) => {
      expect(fileName(name, { range: { from_ms: whole ? 0 : 99_999_900, to_ms: 99_999_999 } }, 99_999_999)).toMatch(
        taken,
      )
    }),
  )
  expect(fileName('Lesson 1', { range: { from_ms: 0, to_ms: 5000 } }, 5000)).toBe('Lesson 1.webm')
  expect(fileName('Lesson 1', { range: { from_ms: 0, to_ms: 2500 } }, 5000)).toBe('Lesson 1 0.0s-2.5s.webm')
})
