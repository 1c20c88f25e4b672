import { describe, expect, it } from 'vitest'
import { continuity, largestGap, TickReader } from './tick.ts'

const at = (...pairs: [seq: number, atMs: number][]) => pairs.map(([seq, atMs]) => ({ seq, atMs }))

describe('the beats of a guest', () => {
  it('finds a beat whose line comes in pieces, and gives it the time of its end', () => {
    const reader = new TickReader()
    reader.feed('linux# HB 1 t=5 ga', 1)
    reader.feed('p=0\r\nHB 2 t=10 gap=3\r', 2)
    reader.feed('\nHB 3', 3)
    expect(reader.ticks).toEqual(at([1, 2], [2, 2]))
    reader.feed(' t=15 gap=0\r\n', 4)
    expect(reader.ticks.at(-1)).toEqual({ seq: 3, atMs: 4 })
  })

  it('finds beats behind any amount of other output', () => {
    const reader = new TickReader()
    for (let i = 0; i < 100; i++) reader.feed('x'.repeat(1000), i)
    reader.feed('HB 7 t=1 gap=1\r\n', 100)
    expect(reader.ticks).toEqual(at([7, 100]))
  })

  it('takes the gap that reaches into the window, whole, and none outside', () => {
    const ticks = at([1, 0], [2, 90], [3, 100], [4, 140], [5, 145], [6, 400])
    expect(largestGap(ticks, { fromMs: 105, toMs: 142 })).toBe(40)
    expect(largestGap(ticks, { fromMs: 110, toMs: 200 })).toBe(255)
    expect(largestGap(ticks, { fromMs: 500, toMs: 600 })).toBeNull()
    expect(largestGap(at([1, 0]), { fromMs: 0, toMs: 1 })).toBeNull()
  })

  it('counts what is missing and what comes again', () => {
    expect(continuity(at([1, 0], [2, 1], [3, 2]))).toEqual({ missing: 0, repeated: 0 })
    expect(continuity(at([1, 0], [4, 1], [4, 2], [2, 3]))).toEqual({ missing: 2, repeated: 2 })
  })
})
