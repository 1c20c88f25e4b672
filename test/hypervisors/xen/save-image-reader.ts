/**
 * Reads libxc's save image by its published description alone (docs/specs/libxc-migration-stream.pandoc, revision 3,
 * and xen/include/public/arch-x86/hvm/save.h): nothing of the engine is used, so that both cannot be wrong alike.
 */
import { strict as assert } from 'node:assert'

export interface SavedDomain {
  readonly version: number
  readonly type: number
  readonly xen: string
  /** Types of all records, in order. */
  readonly records: readonly number[]
  /** Contents by page number. */
  readonly pages: ReadonlyMap<number, Buffer>
  readonly tsc: { readonly mode: number; readonly khz: number; readonly nsec: bigint }
  /** Records of the HVM context: type code, instance, bytes. */
  readonly context: readonly { readonly code: number; readonly instance: number; readonly bytes: Buffer }[]
}

const NAMES = { end: 0, pageData: 1, tsc: 8, context: 9, params: 10, staticDataEnd: 16 }

export function readSavedDomain(file: Buffer): SavedDomain {
  assert.equal(file.readBigUInt64BE(0), 0xffffffffffffffffn, 'marker')
  assert.equal(file.toString('latin1', 8, 12), 'XENF')
  const version = file.readUInt32BE(12)
  assert.equal(file.readUInt16BE(16), 0, 'little endian, no reserved option')
  assert.equal(file.readUIntBE(18, 6), 0, 'reserved')
  const type = file.readUInt32LE(24)
  assert.equal(file.readUInt16LE(28), 12, 'page shift')
  assert.equal(file.readUInt16LE(30), 0, 'reserved')
  const xen = `${file.readUInt32LE(32)}.${file.readUInt32LE(36)}`
  const records: number[] = []
  const pages = new Map<number, Buffer>()
  let tsc: SavedDomain['tsc'] | undefined
  let context: SavedDomain['context'] | undefined
  let offset = 40
  while (records.at(-1) !== NAMES.end) {
    const kind = file.readUInt32LE(offset)
    const length = file.readUInt32LE(offset + 4)
    const padded = Math.ceil(length / 8) * 8
    assert.ok(offset + 8 + padded <= file.length, 'a whole record')
    const body = file.subarray(offset + 8, offset + 8 + length)
    assert.ok(
      file.subarray(offset + 8 + length, offset + 8 + padded).every((byte) => byte === 0),
      'padding',
    )
    records.push(kind)
    if (kind === NAMES.pageData) readPages(body, pages)
    else if (kind === NAMES.tsc) {
      assert.equal(length, 24)
      assert.equal(body.readUInt32LE(20), 0, 'reserved')
      tsc = { mode: body.readUInt32LE(0), khz: body.readUInt32LE(4), nsec: body.readBigUInt64LE(8) }
    } else if (kind === NAMES.context) context = readContext(body)
    else assert.ok([NAMES.end, NAMES.staticDataEnd].includes(kind) && length === 0, `record ${kind}`)
    offset += 8 + padded
  }
  assert.equal(offset, file.length, 'nothing behind END')
  assert.ok(tsc !== undefined && context !== undefined)
  return { version, type, xen, records, pages, tsc, context }
}

function readPages(body: Buffer, pages: Map<number, Buffer>): void {
  const count = body.readUInt32LE(0)
  assert.ok(count > 0)
  assert.equal(body.readUInt32LE(4), 0, 'reserved')
  assert.equal(body.length, 8 + count * (8 + 4096))
  for (let i = 0; i < count; i++) {
    const pfn = body.readBigUInt64LE(8 + 8 * i)
    assert.ok(pfn < 1n << 52n, 'a normal page, no reserved bit')
    assert.ok(!pages.has(Number(pfn)), 'each page once')
    const at = 8 + count * 8 + i * 4096
    pages.set(Number(pfn), body.subarray(at, at + 4096))
  }
}

function readContext(body: Buffer): { code: number; instance: number; bytes: Buffer }[] {
  const found: { code: number; instance: number; bytes: Buffer }[] = []
  let offset = 0
  while (offset < body.length) {
    const code = body.readUInt16LE(offset)
    const length = body.readUInt32LE(offset + 4)
    found.push({ code, instance: body.readUInt16LE(offset + 2), bytes: body.subarray(offset + 8, offset + 8 + length) })
    offset += 8 + length
    assert.ok(offset <= body.length)
  }
  return found
}
