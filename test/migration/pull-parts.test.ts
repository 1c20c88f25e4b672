/** The parts of pulling that are pure: the set of missing pages, the order they travel in, their messages, the figures. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { Bitmap } from '../../engine/util/bitmap.ts'
import type { FaultRecord } from '../../engine/machine/machine.ts'
import {
  MAX_REQUESTED,
  decodeMissing,
  decodePageRequest,
  encodeMissing,
  encodePageRequest,
} from '../../engine/migration/protocol/page-sets.ts'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { Message } from '../../engine/migration/protocol/messages.ts'
import { FrameReader } from '../../engine/migration/protocol/reader.ts'
import { pullFigures } from '../../engine/migration/pull/fault-statistics.ts'
import type { PullFigures } from '../../engine/migration/pull/fault-statistics.ts'
import { PushOrder } from '../../engine/migration/pull/push-order.ts'

const LENGTH = 300
const number = fc.integer({ min: 0, max: LENGTH + 20 })
const numbers = fc.uniqueArray(fc.integer({ min: 0, max: LENGTH - 1 }))
const sorted = (set: Iterable<number>): number[] => [...set].sort((a, b) => a - b)

function bitmapOf(pages: Iterable<number>, length = LENGTH): Bitmap {
  const made = new Bitmap(length)
  for (const page of pages) made.add(page)
  return made
}

describe('a bitmap', () => {
  const steps = fc.array(fc.record({ what: fc.constantFrom('add', 'delete'), number }), { maxLength: 200 })

  test('is a set of the numbers below its length', () => {
    fc.assert(
      fc.property(steps, number, (todo, from) => {
        const bitmap = new Bitmap(LENGTH)
        const set = new Set<number>()
        for (const { what, number: n } of todo) {
          const changes = n < LENGTH && set.has(n) === (what === 'delete')
          expect(what === 'add' ? bitmap.add(n) : bitmap.delete(n)).toBe(changes)
          if (n < LENGTH && what === 'add') set.add(n)
          if (what === 'delete') set.delete(n)
        }
        expect(bitmap.size).toBe(set.size)
        expect([...bitmap.numbers()]).toEqual(sorted(set))
        expect(bitmap.has(from)).toBe(set.has(from))
        expect(bitmap.next(from)).toBe(sorted(set).find((n) => n >= from) ?? -1)
      }),
    )
  })

  test('is the same again from its bytes', () => {
    fc.assert(
      fc.property(numbers, (pages) => {
        const bitmap = bitmapOf(pages)
        const copy = Bitmap.of(bitmap.bytes(), LENGTH)
        expect([copy.size, [...copy.numbers()]]).toEqual([bitmap.size, [...bitmap.numbers()]])
      }),
    )
  })
})

describe('the order of pages after the switch-over', () => {
  const demand = fc.record({ kind: fc.constant('demand' as const), pages: fc.uniqueArray(number, { maxLength: 5 }) })
  const take = fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 40 }) })

  test('gives out each missing page once, demanded or not, and none that is not missing', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.array(fc.oneof(demand, take), { maxLength: 40 }), (missing, used, steps) => {
        const order = new PushOrder(bitmapOf(missing), Uint32Array.from(sorted(used)))
        const given: number[] = []
        for (const step of steps) {
          const due = step.kind === 'demand' ? step.pages.filter((page) => order.missing.has(page)) : null
          const pages = [...(step.kind === 'demand' ? order.demand(step.pages) : order.take(step.count))]
          if (due !== null) expect(pages).toEqual(due)
          else expect(pages).toEqual(sorted(pages))
          given.push(...pages)
          expect(order.size).toBe(missing.length - given.length)
        }
        while (order.size > 0) given.push(...order.take(7))
        expect(order.take(7)).toHaveLength(0)
        expect(sorted(given)).toEqual(sorted(missing))
      }),
    )
  })

  test('goes on around the page that was asked for last, then upwards, then from the beginning', () => {
    const order = new PushOrder(bitmapOf(Array.from({ length: 100 }, (_, i) => i)))
    expect([...order.take(3)]).toEqual([0, 1, 2])
    expect([...order.demand([50])]).toEqual([50])
    expect([...order.take(6)]).toEqual([46, 47, 48, 49, 51, 52])
    expect([...order.demand([50])]).toEqual([])
    expect([...order.take(2)]).toEqual([53, 54])
    expect([...order.demand([98])]).toEqual([98])
    expect([...order.take(5)]).toEqual([94, 95, 96, 97, 99])
    expect([...order.take(2)]).toEqual([3, 4])
  })

  test('begins with what the guest used last, as far as it is missing and was not asked for', () => {
    const order = new PushOrder(bitmapOf(Array.from({ length: 100 }, (_, i) => i)), Uint32Array.of(40, 60, 80, 200))
    expect([...order.demand([60])]).toEqual([60])
    expect(order.urgent).toBe(true)
    expect([...order.take(9)]).toEqual([40, 80])
    expect(order.urgent).toBe(false)
    expect([...order.take(2)]).toEqual([56, 57])
  })

  test('begins anew with what the target says after a cut', () => {
    const order = new PushOrder(bitmapOf([1, 2, 3]))
    order.take(3)
    order.reset(bitmapOf([2]))
    expect([...order.take(9)]).toEqual([2])
  })
})

describe('PAGE_REQ and MISSING', () => {
  const codeOf = (action: () => unknown): string => {
    try {
      action()
    } catch (thrown) {
      return FerryError.from(thrown).code
    }
    return ''
  }
  const joined = (chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.concat(chunks))

  test('arrive as they were sent', () => {
    const asked = fc.uniqueArray(fc.nat(0x3ffff), { minLength: 1, maxLength: MAX_REQUESTED })
    fc.assert(
      fc.property(asked, numbers, (some, missing) => {
        const pages = Uint32Array.from(some).sort()
        expect(decodePageRequest(joined(encodePageRequest({ block: 0, pages })))).toEqual({ block: 0, pages })
        const body = { block: 0, count: LENGTH, bitmap: bitmapOf(missing).bytes() } as const
        expect(decodeMissing(joined(encodeMissing(body)))).toEqual(body)
      }),
    )
  })

  test('of any other bytes are read as what they mean, or refused with a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(70), (garbage, count) => {
        const payload = Uint8Array.from(garbage)
        if (payload.length > 8) payload.set([0, 0, 0, 0, count, 0, 0, 0])
        for (const [decode, encode] of [
          [decodePageRequest, encodePageRequest],
          [decodeMissing, encodeMissing],
        ] as const) {
          let again: Uint8Array | null = null
          const code = codeOf(() => (again = joined(encode(decode(payload) as never))))
          if (again === null) expect(code).toBe('protocol.invalid-message')
          // Bytes 1–3 are reserved, and not looked at.
          else expect(again).toEqual(Uint8Array.from(payload).fill(0, 1, 4))
        }
      }),
      { numRuns: 500 },
    )
  })

  const head = (block: number, count: number): number[] => [block, 0, 0, 0, count & 255, count >> 8, count >> 16, 0]
  test.each([
    ['nothing', []],
    ['no pages', head(0, 0)],
    ['fewer pages than it says', head(0, 2).concat(1, 0, 0, 0)],
    ['more pages than may be asked for', head(0, 65).concat(Array.from({ length: 260 }, () => 0))],
    ['pages of the video memory', head(1, 1).concat(1, 0, 0, 0)],
    ['a page twice', head(0, 2).concat(1, 0, 0, 0, 1, 0, 0, 0)],
    ['pages that descend', head(0, 2).concat(2, 0, 0, 0, 1, 0, 0, 0)],
  ])('PAGE_REQ for %s is refused', (_, bytes) => {
    expect(codeOf(() => decodePageRequest(Uint8Array.from(bytes)))).toBe('protocol.invalid-message')
  })
  test.each([
    ['nothing', []],
    ['fewer bits than pages', head(0, 9).concat(255)],
    ['more bits than pages', head(0, 8).concat(255, 0)],
    ['pages beyond the last', head(0, 9).concat(255, 2)],
    ['another block', head(1, 8).concat(255)],
    ['a block of more than 1 GiB', head(0, (1 << 18) + 8).concat(255)],
  ])('MISSING of %s is refused', (_, bytes) => {
    expect(codeOf(() => decodeMissing(Uint8Array.from(bytes)))).toBe('protocol.invalid-message')
  })
})

/** The source takes it as it is. */
function expectSendable(body: PullFigures): void {
  const frame = Buffer.concat(encodeMessage({ type: 'PULL_DONE', body }, 5, 0))
  const received: Message[] = []
  new FrameReader(({ message }) => received.push(message)).push(frame)
  const told: unknown = JSON.parse(JSON.stringify(body))
  expect(received).toEqual([{ type: 'PULL_DONE', body: told }])
}

describe('the figures of faults', () => {
  const fault = fc.record({
    page: fc.nat(1000),
    atMs: fc.double({ min: -5, max: 2000, noNaN: true }),
    stallMs: fc.double({ min: 0, max: 50, noNaN: true }),
    requested: fc.boolean(),
  })

  test('count every fault once, in few steps of time that go forward, and fit into PULL_DONE', () => {
    fc.assert(
      fc.property(
        fc.array(fault, { maxLength: 200 }),
        fc.double({ min: 0, max: 3000, noNaN: true }),
        (faults, toMs) => {
          const figures = pullFigures(faults, 0, toMs)
          const waits = faults.filter(({ requested }) => requested).map(({ stallMs }) => stallMs)
          expect([figures.faults, figures.requests]).toEqual([faults.length, waits.length])
          expect(figures.stall_ms).toBeCloseTo(
            waits.reduce((sum, ms) => sum + ms, 0),
            6,
          )
          expect(figures.series.reduce((sum, step) => sum + step.faults, 0)).toBe(faults.length)
          const times = figures.series.map(({ at_ms }) => at_ms)
          expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
          const { p50_us, p99_us, max_us } = figures
          if (waits.length === 0) expect([p50_us, p99_us, max_us]).toEqual([null, null, null])
          else {
            expect(max_us).toBeCloseTo(Math.max(...waits) * 1000, 6)
            expect(p50_us).toBeLessThanOrEqual(p99_us ?? NaN)
            expect(p99_us).toBeLessThanOrEqual(max_us ?? NaN)
            const within = (limit: number | null) => waits.filter((ms) => ms * 1000 <= (limit ?? NaN)).length
            expect(within(p50_us)).toBeGreaterThanOrEqual(0.5 * waits.length)
            expect(within(p99_us)).toBeGreaterThanOrEqual(0.99 * waits.length)
          }
          expectSendable(figures)
        },
      ),
    )
  })

  test('fit into PULL_DONE with faults in every step, and with a wait of an hour for a cut connection', () => {
    const faults = Array.from({ length: 6000 }, (_, i) => ({
      page: i,
      atMs: 1000.123_456_789 + (i * 2000.333_7) / 6000,
      stallMs: i === 0 ? 3_600_000 : 1 / (i + 1),
      requested: true,
    }))
    const figures = pullFigures(faults, 1000.1, 3000.987_65)
    expect(figures.series.length).toBe(60)
    expectSendable(figures)
  })

  test('leave waits out of the percentiles whose page had come already', () => {
    const at = (stallMs: number, requested: boolean): FaultRecord => ({ page: 1, atMs: 10, stallMs, requested })
    const faults = [...Array.from({ length: 99 }, () => at(1, true)), at(7, true), at(1000, false)]
    expect(pullFigures(faults, 0, 100)).toMatchObject({
      faults: 101,
      requests: 100,
      stall_ms: 106,
      p50_us: 1000,
      p99_us: 1000,
      max_us: 7000,
    })
  })
})
