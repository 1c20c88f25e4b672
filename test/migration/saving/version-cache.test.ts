/** The versions that deltas are made against: the last ones, and no more of them than there is room for. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VersionCache } from '../../../engine/migration/saving/version-cache.ts'

const PAGE = 4096
const pageOf = (byte: number) => new Uint8Array(PAGE).fill(byte)

test('keeps a copy of the last version of each page', () => {
  const cache = new VersionCache(10 * PAGE)
  const bytes = pageOf(1)
  cache.put(0, 7, bytes, false)
  bytes.fill(9)
  cache.put(1, 7, pageOf(2), false)
  expect(cache.get(0, 7)).toEqual(pageOf(1))
  cache.put(0, 7, pageOf(3), true)
  expect(cache.get(0, 7)).toEqual(pageOf(3))
  expect(cache.get(1, 7)).toEqual(pageOf(2))
  expect(cache.get(0, 8)).toBeUndefined()
  cache.zero(0, 7)
  cache.zero(0, 8)
  expect(cache.get(0, 7)).toEqual(pageOf(0))
  expect(cache.size).toBe(2)
})

test('a page that is sent again pushes out the one that was sent longest ago; a first version pushes out none', () => {
  const cache = new VersionCache(2 * PAGE)
  cache.put(0, 1, pageOf(1), false)
  cache.put(0, 2, pageOf(2), false)
  cache.put(0, 3, pageOf(3), false)
  expect(cache.get(0, 3)).toBeUndefined()
  cache.put(0, 1, pageOf(4), true)
  cache.put(0, 3, pageOf(5), true)
  expect(cache.get(0, 2)).toBeUndefined()
  expect(cache.get(0, 1)).toEqual(pageOf(4))
  expect(cache.get(0, 3)).toEqual(pageOf(5))
})

test('whatever is put, it has never more than its bound, and what it has is the last version', () => {
  const puts = fc.array(fc.record({ page: fc.nat(30), byte: fc.nat(255), again: fc.boolean() }), { maxLength: 200 })
  fc.assert(
    fc.property(puts, fc.nat(12), (list, capacity) => {
      const cache = new VersionCache(capacity * PAGE + 17)
      const last = new Map<number, number>()
      for (const { page, byte, again } of list) {
        cache.put(0, page, pageOf(byte), again)
        last.set(page, byte)
        expect(cache.size).toBeLessThanOrEqual(capacity)
        if (again && capacity > 0) expect(cache.get(0, page)?.[PAGE - 1]).toBe(byte)
      }
      for (const [page, byte] of last) expect([undefined, byte]).toContain(cache.get(0, page)?.[0])
    }),
    { numRuns: 60 },
  )
})

test('a cache without room keeps nothing', () => {
  const cache = new VersionCache(0)
  cache.put(0, 1, pageOf(1), true)
  expect(cache.get(0, 1)).toBeUndefined()
})
