/** Frames and messages: round trips, and a reader that meets anything with a message or a typed error. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { FLAG, HEADER_BYTES, TYPE, encodeHeader } from '../../engine/migration/protocol/frame.ts'
import type { Stage } from '../../engine/migration/protocol/frame.ts'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { Message } from '../../engine/migration/protocol/messages.ts'
import { MAX_PAGES_PER_FRAME } from '../../engine/migration/protocol/binary.ts'
import { FrameReader } from '../../engine/migration/protocol/reader.ts'
import type { Received } from '../../engine/migration/protocol/reader.ts'

const text = (max: number) => fc.string({ minLength: 1, maxLength: max, unit: fc.constantFrom(...'abc -.ä√0') })
const u32 = fc.nat(0xffffffff)
const ms = fc.double({ min: 0, max: 1e6, noNaN: true }).map((x) => x + 0)
const refusal = fc.record({
  code: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/),
  message: fc.string({ maxLength: 200 }),
})
const kind = fc.constantFrom('xen' as const, 'kvm' as const)
const host = fc.record({ name: text(64), kind })
const empty = fc.constant({})

const numbers = (max: number) =>
  fc.uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: max }).map((list) => list.sort((a, b) => a - b))

const pages = fc
  .record({ list: numbers(40), split: fc.nat(40), seed: fc.nat(255), hold: fc.boolean() })
  .map(({ list, split, seed, hold }): Message => {
    const zero = list.filter((_, i) => (i * 7 + split) % 3 === 0)
    const full = list.filter((_, i) => (i * 7 + split) % 3 !== 0)
    const data = Uint8Array.from({ length: full.length * 4096 }, (_, i) => (i * 31 + seed) & 255)
    const batch = { block: 0 as const, pages: Uint32Array.from(full), zeroPages: Uint32Array.from(zero), data }
    return { type: 'PAGES', body: { batch, hold } }
  })

const encodedPages = fc
  .record({
    list: numbers(40),
    hold: fc.boolean(),
    deltas: fc.boolean(),
    compression: fc.constantFrom('deflate' as const, 'zstd' as const, null),
    crc: u32,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4095 }),
  })
  .map(({ list, hold, deltas, compression, crc, bytes }): Message => {
    const none = new Uint8Array(0)
    const batch = { block: 0 as const, pages: Uint32Array.from(list), zeroPages: new Uint32Array(0), data: none }
    const encoding = { deltas: deltas || compression === null, compression, crc, bytes }
    return { type: 'PAGES', body: { batch, hold, encoding } }
  })

const savings = fc.record(
  { savings: fc.array(fc.constantFrom('delta', 'zstd', 'lz4'), { maxLength: 16 }) },
  { requiredKeys: [] },
)

const bytes = fc.uint8Array({ maxLength: 20_000 })
const message: fc.Arbitrary<Message> = fc.oneof(
  pages,
  encodedPages,
  fc
    .record({
      session: text(64),
      source: host,
      guest: fc.record({
        id: text(64),
        name: text(64),
        ramBytes: fc.integer({ min: 8, max: 1024 }).map((mib) => mib << 20),
        blocks: fc.array(fc.constant({ id: 0 as const, name: 'ram' as const, bytes: 8 << 20 }), {
          minLength: 1,
          maxLength: 1,
        }),
        devices: fc.array(text(20), { maxLength: 8 }),
        cpuFeatures: fc.array(text(20), { maxLength: 8 }),
      }),
      formatVersion: u32,
      algorithms: fc.array(text(32), { minLength: 1, maxLength: 4 }),
      verify: fc.constantFrom('none' as const, 'ram' as const, 'all' as const),
      clock: fc.constantFrom('continue' as const, 'freeze' as const),
      link: fc.string({ maxLength: 64 }),
    })
    .chain((body) => savings.map((more): Message => ({ type: 'MIG_REQ', body: { ...body, ...more } }))),
  fc
    .record({ target: host, algorithm: text(32), rehearsal: fc.boolean() })
    .chain((body) => savings.map((more): Message => ({ type: 'REQ_OK', body: { ...body, ...more } }))),
  refusal.map((body): Message => ({ type: 'REQ_FAIL', body })),
  refusal.map((body): Message => ({ type: 'CFG_FAIL', body })),
  refusal.map((body): Message => ({ type: 'ABORT', body })),
  fc.record({ pagesTotal: u32 }).map((body): Message => ({ type: 'MEM_BEG', body })),
  fc.record({ round: u32, pages: u32 }).map((body): Message => ({ type: 'ROUND_END', body })),
  fc
    .record({ of: fc.constantFrom('round' as const, 'rehearsal' as const), number: u32 })
    .map((body): Message => ({ type: 'ACK', body })),
  fc.record({ unpackMs: ms, restoreMs: ms }).map((body): Message => ({ type: 'READY', body })),
  fc.record({ runAtMs: ms, resumeMs: ms, sinceRunMs: ms }).map((body): Message => ({ type: 'RUNNING', body })),
  fc.record({ number: u32, bytes }).map((body): Message => ({ type: 'REHEARSAL', body })),
  fc.record({ pagesSent: u32, bytes, more: fc.nat(1000) }).map(({ pagesSent, bytes, more }): Message => {
    return { type: 'CPU_BEG', body: { stateBytes: bytes.length + more, pagesSent, bytes } }
  }),
  bytes.map((bytes): Message => ({ type: 'DEV_BEG', body: { bytes } })),
  fc
    .record({
      last: fc.boolean(),
      first: u32,
      list: fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { minLength: 1, maxLength: 50 }),
    })
    .map(({ last, first, list }): Message => {
      return { type: 'VERIFY', body: { block: 3, last, first, digests: BigUint64Array.from(list) } }
    }),
  empty.map((body): Message => ({ type: 'CFG_OK', body })),
  empty.map((body): Message => ({ type: 'COMMIT', body })),
)

function read(stream: Uint8Array, cut: (rest: number) => number): Received[] {
  const out: Received[] = []
  const reader = new FrameReader((received) => out.push(received))
  for (let at = 0; at < stream.length;) {
    const size = Math.max(1, cut(stream.length - at))
    reader.push(stream.subarray(at, at + size))
    at += size
  }
  reader.end()
  return out
}

function streamOf(messages: readonly Message[], stage: Stage = 2): Buffer {
  return Buffer.concat(messages.flatMap((m, i) => encodeMessage(m, stage, i)))
}

/** Plain values, so that buffers compare by content. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]))
  }
  return value
}

test('every message survives the way, however the stream is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(5000), { minLength: 1 }),
      (list, cuts) => {
        let i = 0
        const got = read(streamOf(list), () => cuts[i++ % cuts.length] ?? 1)
        expect(got.map((r) => plain(r.message))).toEqual(list.map(plain))
        expect(got.reduce((sum, r) => sum + r.bytes, 0)).toBe(streamOf(list).length)
      },
    ),
    { numRuns: 150 },
  )
})

test('page data arrives as one buffer that can be transferred; the numbers stay', () => {
  const list = Uint32Array.from([1, 5])
  const batch = { block: 0 as const, pages: list, zeroPages: Uint32Array.from([3]), data: new Uint8Array(8192).fill(9) }
  const [got] = read(streamOf([{ type: 'PAGES', body: { batch, hold: false } }]), () => 1000)
  if (got?.message.type !== 'PAGES') throw new Error('no pages')
  const { data, pages, zeroPages } = got.message.body.batch
  const moved = structuredClone(data, { transfer: [data.buffer] })
  expect(moved.every((byte) => byte === 9)).toBe(true)
  expect([...pages, ...zeroPages]).toEqual([1, 5, 3])
})

function failure(stream: Uint8Array, chunk = 777): FerryError | null {
  try {
    read(stream, () => chunk)
    return null
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(FerryError)
    return thrown as FerryError
  }
}

test('garbage is refused with a typed error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (garbage) => {
      expect(failure(garbage)?.code).toMatch(/^protocol\./)
    }),
  )
})

test('every truncation is noticed at the end of the stream', () => {
  const stream = streamOf([
    { type: 'ABORT', body: { code: 'a', message: 'b' } },
    { type: 'DEV_BEG', body: { bytes: new Uint8Array(300) } },
  ])
  const first = encodeMessage({ type: 'ABORT', body: { code: 'a', message: 'b' } }, 2, 0).reduce(
    (n, c) => n + c.length,
    0,
  )
  for (let length = 1; length < stream.length; length++) {
    expect(failure(stream.subarray(0, length))?.code ?? null).toBe(length === first ? null : 'protocol.truncated')
  }
})

test('every flipped bit is noticed', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 2 }), fc.nat(), fc.nat(7), (list, where, bit) => {
      const stream = streamOf(list)
      const at = where % stream.length
      stream[at] = (stream[at] ?? 0) ^ (1 << bit)
      expect(failure(stream)?.code).toMatch(/^protocol\./)
    }),
    { numRuns: 300 },
  )
})

describe('the header', () => {
  const frame = (type: number, flags: number, payload: Uint8Array, sequence = 0, stage: Stage = 0): Uint8Array =>
    Buffer.concat([encodeHeader(type, flags, stage, sequence, [payload]), payload])

  test('an unknown optional message is skipped, without storing it', () => {
    const known = Buffer.concat(encodeMessage({ type: 'COMMIT', body: {} }, 4, 1))
    const got = read(Buffer.concat([frame(200, FLAG.optional, new Uint8Array(100_000)), known]), () => 999)
    expect(got.map((r) => r.message.type)).toEqual(['COMMIT'])
  })
  test('a skipped message is still checked', () => {
    const bytes = Buffer.from(frame(200, FLAG.optional, new Uint8Array(1000)))
    bytes[HEADER_BYTES + 5] = 1
    expect(failure(bytes)?.code).toBe('protocol.crc')
  })
  test.each([0, 33, 99])('unknown mandatory message %i is refused', (type) => {
    expect(failure(frame(type, 0, new Uint8Array(4)))?.code).toBe('protocol.type')
  })
  test('too long a payload is refused before it is stored', () => {
    const head = Buffer.from(encodeHeader(TYPE.PAGES, 0, 2, 0, []))
    head.writeUInt32LE(0x7fffffff, 12)
    expect(failure(head)?.code).toBe('protocol.header-crc')
    const big = frame(TYPE.COMMIT, 0, new Uint8Array(5000))
    expect(failure(big.subarray(0, HEADER_BYTES))?.code).toBe('protocol.too-long')
    expect(failure(frame(200, FLAG.optional, new Uint8Array(2 << 20)))?.code).toBe('protocol.too-long')
  })
  test('reserved flags, stages beyond 5, a step back of the stage, a wrong sequence are refused', () => {
    expect(failure(frame(TYPE.COMMIT, 2, new Uint8Array(2)))?.code).toBe('protocol.flags')
    expect(failure(frame(TYPE.COMMIT, 0, new Uint8Array(2), 0, 6 as Stage))?.code).toBe('protocol.stage')
    const back = [frame(TYPE.CFG_OK, 0, Buffer.from('{}'), 0, 3), frame(TYPE.CFG_OK, 0, Buffer.from('{}'), 1, 2)]
    expect(failure(Buffer.concat(back))?.code).toBe('protocol.stage')
    expect(failure(frame(TYPE.COMMIT, 0, Buffer.from('{}'), 1))?.code).toBe('protocol.sequence')
  })
})

describe('bodies', () => {
  const batch = (zero: number[], full: number[]) => ({
    block: 0 as const,
    pages: Uint32Array.from(full),
    zeroPages: Uint32Array.from(zero),
    data: new Uint8Array(full.length * 4096),
  })
  test.each([
    ['not ascending', batch([], [2, 1])],
    ['twice', batch([4, 4], [])],
    ['both zero and data', batch([1, 7], [3, 7])],
    ['none', batch([], [])],
    [
      'too many',
      batch(
        Array.from({ length: MAX_PAGES_PER_FRAME + 1 }, (_, i) => i),
        [],
      ),
    ],
    ['of no block', { ...batch([1], []), block: 9 as 0 }],
  ])('pages %s are refused', (_, wrong) => {
    const stream = streamOf([{ type: 'PAGES', body: { batch: wrong, hold: false } }])
    expect(failure(stream)?.code).toBe('protocol.invalid-message')
  })
  test.each([
    ['MIG_REQ', '{}'],
    ['REQ_OK', '[]'],
    ['ACK', '{"of":"round","number":-1}'],
    ['RUNNING', '{"runAtMs":1,"resumeMs":"x","sinceRunMs":0}'],
    ['READY', '{"unpackMs":null,"restoreMs":1}'],
    ['ABORT', '{"code":"../etc","message":""}'],
    ['COMMIT', 'null'],
    ['MEM_BEG', '{"pagesTotal":1'],
    ['MEM_BEG', '\ud800'],
  ] as const)('%s with %s is refused', (type, json) => {
    const payload = Buffer.from(json, 'utf8')
    const stream = Buffer.concat([encodeHeader(TYPE[type], 0, 0, 0, [payload]), payload])
    expect(failure(stream)?.code).toBe('protocol.invalid-message')
  })
})
