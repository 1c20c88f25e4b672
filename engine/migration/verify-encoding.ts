/**
 * The part of `verify-stream.ts` for pages that do not travel as they are: decompresses them and applies deltas, as
 * PROTOCOL.md has it. Shares no code with `saving/`.
 */
import { crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib'

const PAGE = 4096
const DELTAS = 2
const DEFLATE = 4
const ZSTD = 8
/** Bits of PAGES that say that the pages are encoded. */
const ENCODED = DELTAS | DEFLATE | ZSTD

export const isEncoded = (flags: number): boolean => (flags & ENCODED) !== 0
export const areFlags = (flags: number): boolean =>
  (flags & ~(1 | ENCODED)) === 0 && (flags & (DEFLATE | ZSTD)) !== (DEFLATE | ZSTD)

/** Names of the savings that a frame makes use of. */
export function savingsOf(flags: number): string[] {
  const names = [
    [DELTAS, 'delta'],
    [DEFLATE, 'deflate'],
    [ZSTD, 'zstd'],
  ] as const
  return names.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
}

export interface Decoded {
  /** The pages as they are. */
  readonly data: Buffer
  /** Of these, pages that travelled as deltas. */
  readonly deltas: number
}

/**
 * @param body what travels in place of the pages
 * @param old the last version of the i-th page; null where it never travelled
 * @throws Error that says what is wrong
 */
export function decodePages(
  flags: number,
  crc: number,
  body: Buffer,
  count: number,
  old: (i: number) => Uint8Array | null,
): Decoded {
  if (body.length < 1 || body.length >= count * PAGE) throw new Error('encoded pages are not shorter than pages.')
  const maxOutputLength = count * (PAGE + 2)
  let section = body
  if ((flags & DEFLATE) !== 0) section = inflateRawSync(body, { maxOutputLength })
  if ((flags & ZSTD) !== 0) section = zstdDecompressSync(body, { maxOutputLength })
  const decoded = (flags & DELTAS) === 0 ? { data: section, deltas: 0 } : patched(section, count, old)
  if (decoded.data.length !== count * PAGE) throw new Error('other than whole pages came out of a frame.')
  if (crc32(decoded.data) !== crc) throw new Error('the CRC of the pages that came out of a frame is wrong.')
  return decoded
}

function patched(section: Buffer, count: number, old: (i: number) => Uint8Array | null): Decoded {
  const data = Buffer.alloc(count * PAGE)
  let at = 2 * count
  let deltas = 0
  for (let i = 0; i < count; i++) {
    const length = section.readUInt16LE(2 * i)
    const body = section.subarray(at, at + length)
    if (length > PAGE || body.length < length) throw new Error('a page has an impossible length.')
    at += length
    if (length === PAGE) {
      data.set(body, i * PAGE)
      continue
    }
    const before = old(i)
    if (before === null) throw new Error('a delta to a page that never travelled.')
    deltas++
    data.set(before, i * PAGE)
    apply(body, data.subarray(i * PAGE, (i + 1) * PAGE))
  }
  if (at !== section.length) throw new Error('something follows the pages.')
  return { data, deltas }
}

function apply(delta: Buffer, page: Buffer): void {
  let at = 0
  let to = 0
  const number = (): number => {
    const low = delta.readUInt8(at++)
    if (low < 128) return low
    const high = delta.readUInt8(at++)
    if (high === 0 || high > 127) throw new Error('a number in a delta is not as short as it can be.')
    return low - 128 + 128 * high
  }
  for (let run = 0; at < delta.length; run++) {
    const skip = 4 * number()
    const bytes = 4 * number()
    if (bytes === 0 || (skip === 0 && run > 0)) throw new Error('an empty run in a delta.')
    to += skip
    if (to + bytes > PAGE || at + bytes > delta.length) throw new Error('a delta goes beyond its page or its end.')
    delta.copy(page, to, at, at + bytes)
    at += bytes
    to += bytes
  }
}
