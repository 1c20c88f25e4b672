/** How often what changes all the time is shown. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Frames, Pace } from '../../renderer/src/state/pace.ts'

const FRAME_MS = 16
const EVERY_MS = 100

/** A window that draws. */
const drawing: Frames = {
  request: (draw) => Number(setTimeout(draw, FRAME_MS)),
  cancel: (frame) => clearTimeout(frame),
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function paced(window: Frames = drawing) {
  const seen: number[] = []
  let newest = 0
  const pace = new Pace(EVERY_MS, () => seen.push(newest), window)
  const tell = (value: number) => {
    newest = value
    pace.wish()
  }
  return { pace, seen, tell }
}

test('the first wish is met in the next frame', () => {
  const { seen, tell } = paced()
  tell(1)
  expect(seen).toEqual([])
  vi.advanceTimersByTime(FRAME_MS)
  expect(seen).toEqual([1])
})

test('of many wishes the newest is met, no more often than the pace, and the last is not lost', () => {
  const { seen, tell } = paced()
  for (let value = 1; value <= 100; value++) {
    tell(value)
    vi.advanceTimersByTime(10)
  }
  vi.advanceTimersByTime(1000)
  expect(seen.length).toBeLessThanOrEqual(1000 / EVERY_MS)
  expect(seen.at(-1)).toBe(100)
})

test('what is given up is not done later', () => {
  const { pace, seen, tell } = paced()
  tell(1)
  vi.advanceTimersByTime(FRAME_MS)
  tell(2)
  pace.cancel()
  vi.advanceTimersByTime(1000)
  expect(seen).toEqual([1])
  tell(3)
  vi.advanceTimersByTime(1000)
  expect(seen).toEqual([1, 3])
})

test('a window that is not drawn has nothing waiting but the newest', () => {
  const frames: (() => void)[] = []
  const { seen, tell } = paced({ request: (draw) => frames.push(draw), cancel: () => undefined })
  for (let value = 1; value <= 100; value++) tell(value)
  expect(frames).toHaveLength(1)
  frames[0]()
  expect(seen).toEqual([100])
})
