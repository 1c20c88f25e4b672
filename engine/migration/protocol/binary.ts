/**
 * The binary messages: PAGES, the state container (REHEARSAL, CPU_BEG, DEV_BEG) and VERIFY. Each has a fixed head and
 * arrays after it; every count is checked against the payload's length before anything is read.
 */
import { FerryError } from '../../util/errors.ts'
import { record, u32, u8, pad } from '../../util/record.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { BlockId } from '../../vmstate/blocks.ts'
import type { PageBatch } from '../../machine/machine.ts'
import type { Compression } from '../saving/savings.ts'

/** Most pages of one PAGES frame, zero pages included. */
export const MAX_PAGES_PER_FRAME = 1024
/** Most digests of one VERIFY frame. */
export const MAX_DIGESTS_PER_FRAME = 65536
/** Longest piece of a hypervisor's own stream. */
export const MAX_NATIVE_BYTES = 1 << 20
/** Largest state container, CPU and devices. */
export const MAX_STATE_BYTES = 8 << 20

export const pagesHead = record('PAGES', 'le', {
  block: u8,
  /** `PAGES_FLAG`; all others are 0. */
  flags: u8,
  reserved: pad(2),
  zeroCount: u32,
  pageCount: u32,
  /** CRC-32 of the pages as they are, where something else travels in their place; else 0. */
  crc: u32,
})
export const PAGES_FLAG = {
  /** Hold the pages, to be loaded together with the state. */
  hold: 1,
  /** Some of the pages are deltas. */
  deltas: 2,
  /** Of two bits: what the pages, or the section with deltas, are compressed with. */
  deflate: 4,
  zstd: 8,
} as const
const COMPRESSED = PAGES_FLAG.deflate | PAGES_FLAG.zstd
const ENCODED = PAGES_FLAG.deltas | COMPRESSED
export const cpuHead = record('CPU_BEG', 'le', { stateBytes: u32, pagesSent: u32 })
export const rehearsalHead = record('REHEARSAL', 'le', { number: u32, reserved: pad(4) })
export const verifyHead = record('VERIFY', 'le', {
  block: u8,
  last: u8,
  reserved: pad(2),
  first: u32,
  count: u32,
  reserved2: pad(4),
})

export const PAGES_HEAD_BYTES = pagesHead.bytes
export const MAX_PAGES_PAYLOAD = PAGES_HEAD_BYTES + MAX_PAGES_PER_FRAME * (PAGE_SIZE + 4)

/** What travels in place of the pages' bytes. It is shorter than they are. */
export interface PagesEncoding {
  readonly deltas: boolean
  readonly compression: Compression | null
  /** CRC-32 of the pages as they are. */
  readonly crc: number
  readonly bytes: Uint8Array<ArrayBuffer>
}
export interface PagesBody {
  /** Received with an encoding it has no `data`. */
  readonly batch: PageBatch
  /** The target keeps the pages back and loads them in one step with the state. */
  readonly hold: boolean
  readonly encoding?: PagesEncoding
}
export interface CpuBody {
  /** Size of the whole container, of this message and DEV_BEG together. */
  readonly stateBytes: number
  /** All pages sent in this migration, modulo 2^32; the target compares. */
  readonly pagesSent: number
  readonly bytes: Uint8Array
}
export interface DeviceBody {
  readonly bytes: Uint8Array
}
/** A piece of a hypervisor's own stream. */
export interface NativeBody {
  readonly bytes: Uint8Array
}
export interface RehearsalBody {
  readonly number: number
  readonly bytes: Uint8Array
}
export interface VerifyBody {
  readonly block: BlockId
  /** True in the last VERIFY of the migration. */
  readonly last: boolean
  /** Page number of the first digest. */
  readonly first: number
  readonly digests: BigUint64Array<ArrayBuffer>
}

function invalid(type: string, what: string): FerryError {
  return new FerryError('protocol.invalid-message', `${type}: ${what}.`, { type })
}

const BLOCK_IDS = new Set<number>(Object.values(BLOCK))
function blockId(type: string, value: number): BlockId {
  if (!BLOCK_IDS.has(value)) throw invalid(type, `there is no block ${value}`)
  return value as BlockId
}

function bytesOf(array: Uint32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** The payload as chunks, so that the page data is not copied. Multi-byte arrays are little endian, as on the host. */
export function encodePages(body: PagesBody): Uint8Array<ArrayBuffer>[] {
  const { batch, hold, encoding } = body
  const head = pagesHead.encode({
    block: batch.block,
    flags: (hold ? PAGES_FLAG.hold : 0) | flagsOf(encoding),
    zeroCount: batch.zeroPages.length,
    pageCount: batch.pages.length,
    crc: encoding?.crc ?? 0,
  })
  const chunks = [head]
  if (batch.zeroPages.length > 0) chunks.push(bytesOf(batch.zeroPages))
  if (batch.pages.length > 0) chunks.push(bytesOf(batch.pages), encoding?.bytes ?? batch.data)
  return chunks
}

function flagsOf(encoding: PagesEncoding | undefined): number {
  if (encoding === undefined) return 0
  const { deltas, compression } = encoding
  return (deltas ? PAGES_FLAG.deltas : 0) | (compression === null ? 0 : PAGES_FLAG[compression])
}

/** What the flags of a frame say about its pages; the rest of it has been checked. */
function encodingOf(flags: number, crc: number, bytes: Uint8Array<ArrayBuffer>): PagesEncoding {
  const bits = flags & COMPRESSED
  const compression = bits === 0 ? null : bits === PAGES_FLAG.deflate ? 'deflate' : 'zstd'
  return { deltas: (flags & PAGES_FLAG.deltas) !== 0, compression, crc, bytes }
}

function checkAscending(numbers: Uint32Array): void {
  for (let i = 1; i < numbers.length; i++) {
    if ((numbers[i] ?? 0) <= (numbers[i - 1] ?? 0)) throw invalid('PAGES', 'page numbers are not ascending')
  }
}

function checkDisjoint(a: Uint32Array, b: Uint32Array): void {
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const x = a[i] ?? 0
    const y = b[j] ?? 0
    if (x === y) throw invalid('PAGES', `page ${x} comes both as zeros and with data`)
    if (x < y) i++
    else j++
  }
}

/**
 * Reads PAGES. `data` is a view of the payload's buffer and may be transferred with it; the numbers are copies.
 * Whether the numbers lie within the block is checked by the session, which knows the guest.
 * @throws FerryError `protocol.invalid-message`
 */
export function decodePages(payload: Uint8Array<ArrayBuffer>): PagesBody {
  if (payload.length < PAGES_HEAD_BYTES) throw invalid('PAGES', 'too short')
  const head = pagesHead.decode(payload)
  const block = blockId('PAGES', head.block)
  const encoded = (head.flags & ENCODED) !== 0
  if ((head.flags & ~(PAGES_FLAG.hold | ENCODED)) !== 0 || (head.flags & COMPRESSED) === COMPRESSED) {
    throw invalid('PAGES', 'reserved flags are set')
  }
  const total = head.zeroCount + head.pageCount
  if (total < 1 || total > MAX_PAGES_PER_FRAME) throw invalid('PAGES', `${total} pages in one frame`)
  const numbersAt = PAGES_HEAD_BYTES
  const dataAt = numbersAt + total * 4
  const dataBytes = payload.length - dataAt
  const plainBytes = head.pageCount * PAGE_SIZE
  if (encoded ? dataBytes < 1 || dataBytes >= plainBytes : dataBytes !== plainBytes) {
    throw invalid('PAGES', 'length and counts disagree')
  }
  if (!encoded && head.crc !== 0) throw invalid('PAGES', 'a CRC of pages that travel as they are')
  const numbers = new Uint32Array(payload.slice(numbersAt, dataAt).buffer)
  const zeroPages = numbers.slice(0, head.zeroCount)
  const pages = numbers.slice(head.zeroCount)
  checkAscending(zeroPages)
  checkAscending(pages)
  checkDisjoint(zeroPages, pages)
  const data = payload.subarray(dataAt)
  const hold = (head.flags & PAGES_FLAG.hold) !== 0
  if (!encoded) return { batch: { block, pages, zeroPages, data }, hold }
  const batch = { block, pages, zeroPages, data: new Uint8Array(0) }
  return { batch, hold, encoding: encodingOf(head.flags, head.crc, data) }
}

export function encodeCpu(body: CpuBody): Uint8Array[] {
  return [cpuHead.encode({ stateBytes: body.stateBytes, pagesSent: body.pagesSent }), body.bytes]
}
export function decodeCpu(payload: Uint8Array): CpuBody {
  if (payload.length < cpuHead.bytes) throw invalid('CPU_BEG', 'too short')
  const head = cpuHead.decode(payload)
  const bytes = payload.subarray(cpuHead.bytes)
  if (head.stateBytes > MAX_STATE_BYTES || head.stateBytes < bytes.length) throw invalid('CPU_BEG', 'wrong state size')
  return { ...head, bytes }
}

export function encodeRehearsal(body: RehearsalBody): Uint8Array[] {
  return [rehearsalHead.encode({ number: body.number }), body.bytes]
}
export function decodeRehearsal(payload: Uint8Array): RehearsalBody {
  if (payload.length < rehearsalHead.bytes) throw invalid('REHEARSAL', 'too short')
  return { number: rehearsalHead.decode(payload).number, bytes: payload.subarray(rehearsalHead.bytes) }
}

export function encodeVerify(body: VerifyBody): Uint8Array[] {
  const head = { block: body.block, last: body.last ? 1 : 0, first: body.first, count: body.digests.length }
  return [verifyHead.encode(head), bytesOf(body.digests)]
}
export function decodeVerify(payload: Uint8Array<ArrayBuffer>): VerifyBody {
  if (payload.length < verifyHead.bytes) throw invalid('VERIFY', 'too short')
  const head = verifyHead.decode(payload)
  const block = blockId('VERIFY', head.block)
  if (head.last > 1) throw invalid('VERIFY', 'reserved flags are set')
  if (head.count < 1 || head.count > MAX_DIGESTS_PER_FRAME)
    throw invalid('VERIFY', `${head.count} digests in one frame`)
  if (payload.length !== verifyHead.bytes + head.count * 8) throw invalid('VERIFY', 'length and count disagree')
  const digests = new BigUint64Array(payload.slice(verifyHead.bytes).buffer)
  return { block, last: head.last === 1, first: head.first, digests }
}
