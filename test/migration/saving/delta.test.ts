/** Deltas: what was encoded comes back, and whatever else is given is a typed error. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeDelta, encodeDelta } from '../../../engine/migration/saving/delta.ts'
import { decodeSection, encodeSection, isDelta, readSection } from '../../../engine/migration/saving/delta-section.ts'
import { FerryError } from '../../../engine/util/errors.ts'

const PAGE = 4096
const pageOf = (seed: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: PAGE }, (_, i) => (i * 31 + seed * 7 + (i >> 5)) & 255)

/** A page, and the same page with some stretches changed. */
const versions = fc
  .record({
    seed: fc.nat(255),
    changes: fc.array(fc.record({ at: fc.nat(PAGE - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }) }), {
      maxLength: 30,
    }),
  })
  .map(({ seed, changes }) => {
    const old = pageOf(seed)
    const now = old.slice()
    for (const { at, bytes } of changes) now.set(bytes.subarray(0, PAGE - at), at)
    return { old, now }
  })

function codeOf(action: () => void): string | null {
  try {
    action()
    return null
  } catch (thrown) {
    if (thrown instanceof FerryError) return thrown.code
    throw thrown
  }
}

describe('a delta', () => {
  test('makes the new version of the old one, and is shorter than the page', () => {
    fc.assert(
      fc.property(versions, ({ old, now }) => {
        const delta = encodeDelta(old, now)
        if (delta === null) return
        expect(delta.length).toBeLessThan(PAGE)
        const page = old.slice()
        decodeDelta(delta, page)
        expect(Buffer.compare(page, now)).toBe(0)
      }),
    )
  })

  test('of pages at any address in a buffer', () => {
    const buffer = new Uint8Array(3 * PAGE)
    buffer.set(pageOf(1), 1)
    buffer.set(pageOf(1), PAGE + 2)
    buffer[PAGE + 2 + 40] ^= 1
    const [old, now] = [buffer.subarray(1, 1 + PAGE), buffer.subarray(PAGE + 2, 2 * PAGE + 2)]
    const delta = encodeDelta(old, now)
    expect(delta).toEqual(Uint8Array.of(10, 1, ...now.subarray(40, 44)))
  })

  test('of an unchanged page is empty, and there is none of a page that is all new', () => {
    expect(encodeDelta(pageOf(1), pageOf(1))).toEqual(new Uint8Array(0))
    expect(encodeDelta(pageOf(1), pageOf(1).fill(0xee).fill(0, 0, 8))).toBeNull()
  })

  test('of every other word, the most runs that there can be, comes back', () => {
    const old = new Uint8Array(PAGE)
    const now = Uint8Array.from(old, (_, i) => ((i >> 2) & 1 ? 9 : 0))
    const delta = encodeDelta(old, now)
    expect(delta?.length).toBe(512 * 6)
    decodeDelta(delta as Uint8Array, old)
    expect(old).toEqual(now)
  })

  const wrong: readonly (readonly [string, readonly number[]])[] = [
    ['that is cut off in its first number', [0x80]],
    ['that is cut off in its second number', [3, 0x80]],
    ['without the words that it names', [3, 1, 1, 2, 3]],
    ['of a run without words', [3, 0]],
    ['of two runs without a gap', [0, 1, 1, 2, 3, 4, 0, 1, 1, 2, 3, 4]],
    ['that skips the whole page', [0x80, 0x08, 1, 1, 2, 3, 4]],
    ['that goes beyond the page', [0xff, 0x07, 2, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['with a number longer than it need be', [0x83, 0, 1, 1, 2, 3, 4]],
    ['with a number of three bytes', [0x80, 0x80, 1, 1, 1, 2, 3, 4]],
  ]
  test.each(wrong)('%s is refused', (_, bytes) => {
    expect(codeOf(() => decodeDelta(Uint8Array.from(bytes), pageOf(0)))).toBe('protocol.delta')
  })

  test('of any bytes is applied within the page or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        const room = new Uint8Array(3 * PAGE).fill(7)
        const code = codeOf(() => decodeDelta(bytes, room.subarray(PAGE, 2 * PAGE)))
        expect([null, 'protocol.delta']).toContain(code)
        expect(room.subarray(0, PAGE).every((byte) => byte === 7)).toBe(true)
        expect(room.subarray(2 * PAGE).every((byte) => byte === 7)).toBe(true)
      }),
    )
  })
})

describe('the pages of a frame with deltas', () => {
  test('come back, whichever of them have a version before', () => {
    const pages = fc.array(fc.record({ versions, known: fc.boolean() }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(pages, (list) => {
        const data = Buffer.concat(list.map(({ versions }) => versions.now))
        const old = list.map(({ versions, known }) => (known ? versions.old : undefined))
        const { bytes, deltas } = encodeSection(data, (i) => old[i])
        const bodies = readSection(bytes, list.length)
        expect(bodies.filter(isDelta)).toHaveLength(deltas)
        expect(deltas).toBeLessThanOrEqual(list.filter(({ known }) => known).length)
        const got = decodeSection(bodies, (i) => old[i] ?? null)
        expect(Buffer.compare(got, data)).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('apply to zeros where the version before is a page of zeros', () => {
    const now = new Uint8Array(PAGE)
    now[100] = 1
    const { bytes } = encodeSection(now, () => new Uint8Array(PAGE))
    expect(decodeSection(readSection(bytes, 1), () => null)).toEqual(now)
  })

  test('of any bytes are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), fc.integer({ min: 1, max: 1024 }), (bytes, count) => {
        const code = codeOf(() => decodeSection(readSection(bytes, count), () => null))
        expect([null, 'protocol.delta']).toContain(code)
      }),
    )
  })
})
