/** What a guest has said, taken up piece by piece; and its colours, which can be read. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { saidSince } from '../../renderer/src/video/said.ts'
import { contrast, readable } from '../../renderer/src/video/contrast.ts'

test('what was said since is found where it goes on, also when its beginning has been forgotten', () => {
  const KEPT = 20
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 15 }), { minLength: 1, maxLength: 8 }), (pieces) => {
      let all = ''
      let before = { text: '', position: 0 }
      for (const piece of pieces) {
        all += piece
        const now = { text: all.slice(-KEPT), position: all.length }
        expect(saidSince(before, now)).toBe(piece)
        before = now
      }
    }),
  )
})

test('what does not go on is another console', () => {
  expect(saidSince({ text: 'abc', position: 3 }, { text: 'ab', position: 2 })).toBeNull()
  expect(saidSince({ text: 'abc', position: 3 }, { text: 'xyzd', position: 4 })).toBeNull()
  expect(saidSince({ text: 'abc', position: 3 }, { text: 'tail', position: 900 })).toBeNull()
})

test('any colour is made readable on the ground of either theme', () => {
  const part = fc.integer({ min: 0, max: 255 })
  const themes = [
    ['rgb(255, 255, 255)', 'rgb(22, 33, 42)'],
    ['rgb(24, 33, 41)', 'rgb(232, 238, 242)'],
  ] as const
  fc.assert(
    fc.property(part, part, part, fc.constantFrom(...themes), (red, green, blue, [ground, text]) => {
      expect(contrast(readable(`rgb(${red}, ${green}, ${blue})`, ground, text), ground)).toBeGreaterThanOrEqual(4.5)
    }),
  )
  expect(readable('#000000', 'rgb(255, 255, 255)', 'rgb(22, 33, 42)')).toBe('rgb(0, 0, 0)')
})
