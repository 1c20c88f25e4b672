import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NbdSession } from '../../engine/qemu/nbd/session.ts'
import { FerryError } from '../../engine/util/errors.ts'

const DISK_BYTES = 64 * 512

function u(bytes: number, value: number | bigint): Buffer {
  return Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(2 * bytes, '0'),
    'hex',
  )
}
const COOKIE = Buffer.from('8 bytes!')
const FLAGS = u(4, 3)
const option = (number: number, data: Buffer = Buffer.alloc(0)) =>
  Buffer.concat([Buffer.from('IHAVEOPT'), u(4, number), u(4, data.length), data])
/** What QEMU says first: structured replies, then GO for an unnamed export. */
const GREETING = Buffer.concat([FLAGS, option(8), option(7, Buffer.concat([u(4, 0), u(2, 1), u(2, 3)]))])
const request = (type: number, from: number | bigint, length: number, data: Buffer = Buffer.alloc(0)) =>
  Buffer.concat([u(4, 0x25609513), u(2, 0), u(2, type), COOKIE, u(8, from), u(4, length), data])

/** A client that has greeted, and what it heard since; `pieces`: how its bytes come. */
function client(pieces = (bytes: Buffer): Buffer[] => [bytes]) {
  const disk = new Uint8Array(new SharedArrayBuffer(DISK_BYTES))
  let heard = Buffer.alloc(0)
  const session = new NbdSession(disk, (bytes) => (heard = Buffer.concat([heard, bytes])))
  const say = (bytes: Buffer): Buffer => {
    heard = Buffer.alloc(0)
    for (const piece of pieces(bytes)) session.feed(piece)
    return heard
  }
  const greeting = Buffer.concat([heard, say(GREETING)])
  return { disk, session, say, greeting }
}

/** The error and data of a simple reply. */
function replyOf(bytes: Buffer): { error: number; data: Buffer } {
  expect(bytes.subarray(0, 4)).toEqual(u(4, 0x67446698))
  expect(bytes.subarray(8, 16)).toEqual(COOKIE)
  return { error: bytes.readUInt32BE(4), data: bytes.subarray(16) }
}

describe('a disk for QEMU', () => {
  test('tells its size, what it can do, and that it knows no structured replies', () => {
    const { greeting } = client()
    expect(greeting.subarray(0, 18).toString('latin1')).toBe('NBDMAGICIHAVEOPT\0\x03')
    const magic = u(8, 0x0003e889045565a9n)
    const info = Buffer.concat([u(2, 0), u(8, DISK_BYTES), u(2, 1 | 4 | 8 | 64)])
    const sizes = Buffer.concat([u(2, 3), u(4, 512), u(4, 4096), u(4, 2 ** 25)])
    const told = [
      ...[magic, u(4, 8), u(4, 2 ** 31 + 1), u(4, 0)],
      ...[magic, u(4, 7), u(4, 3), u(4, 12), info],
      ...[magic, u(4, 7), u(4, 3), u(4, 14), sizes],
      ...[magic, u(4, 7), u(4, 1), u(4, 0)],
    ]
    expect(greeting.subarray(18)).toEqual(Buffer.concat(told))
  })

  test('reads and writes as an array of bytes would, however the requests are cut', () => {
    const at = fc.integer({ min: 0, max: DISK_BYTES - 1 })
    const act = fc.oneof(
      fc.record({ type: fc.constant(1), from: at, data: fc.uint8Array({ maxLength: 2000 }) }),
      fc.record({ type: fc.constantFrom(0, 6), from: at, length: fc.integer({ min: 0, max: 2000 }) }),
      fc.record({ type: fc.constant(3), from: fc.constant(0), length: fc.constant(0) }),
    )
    const property = fc.property(fc.array(act, { maxLength: 20 }), fc.integer({ min: 1, max: 64 }), (acts, size) => {
      const cut = (bytes: Buffer) =>
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      const { disk, say } = client(cut)
      const model = new Uint8Array(DISK_BYTES)
      for (const { type, from, ...what } of acts) {
        const data = 'data' in what ? Buffer.from(what.data) : Buffer.alloc(0)
        const length = 'data' in what ? data.length : what.length
        const { error, data: read } = replyOf(say(request(type, from, length, data)))
        const inside = from + length <= DISK_BYTES
        expect(error).toBe(inside ? 0 : type === 0 ? 22 : 28)
        if (inside && type === 1) model.set(data, from)
        if (inside && type === 6) model.fill(0, from, from + length)
        if (type === 0)
          expect(Buffer.compare(read, inside ? model.subarray(from, from + length) : Buffer.alloc(0))).toBe(0)
      }
      expect(Buffer.compare(disk, model)).toBe(0)
    })
    fc.assert(property, { numRuns: 40 })
  })

  test.each([
    ['beyond any disk', request(0, 2n ** 64n - 512n, 512), 22],
    ['more than is read at once', request(0, 0, 2 ** 32 - 1), 22],
    ['zeros beyond the end', request(6, 512, 2 ** 32 - 1), 28],
    ['a request that is not known', request(77, 0, 512), 22],
  ])('answers %s with an error, and goes on', (_, bytes, error) => {
    const { say } = client()
    expect(replyOf(say(bytes))).toMatchObject({ error })
    expect(replyOf(say(request(0, 0, 512))).data).toHaveLength(512)
  })

  test('cuts off whoever does not speak the protocol, and grows with no bytes that were announced only', () => {
    const garbage = fc.property(fc.uint8Array({ minLength: 28, maxLength: 200 }), (bytes) => {
      const { say, disk } = client()
      fc.pre(Buffer.from(bytes).readUInt32BE(0) !== 0x25609513)
      expect(() => say(Buffer.from(bytes))).toThrow(FerryError)
      expect(disk.every((byte) => byte === 0)).toBe(true)
    })
    fc.assert(garbage, { numRuns: 30 })
    expect(() => client().say(request(1, 0, 2 ** 31))).toThrow(/2147483648 bytes/)
    const fresh = new NbdSession(new Uint8Array(512), () => undefined)
    expect(() => fresh.feed(Buffer.concat([FLAGS, Buffer.from('IHAVEOPT'), u(4, 7), u(4, 2 ** 31)]))).toThrow(
      FerryError,
    )
  })

  test('lets a client go that says so', () => {
    const { session, say } = client()
    say(request(2, 0, 0))
    expect(session.over).toBe(true)
  })
})
