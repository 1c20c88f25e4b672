/**
 * What an inspector keeps of a frame: the header, structured bodies nearly whole, and of what is large only how it
 * begins. The pages of a guest's memory are not among it, but for a glimpse of the first one.
 */
import { PAGES_HEAD_BYTES, pagesHead } from './binary.ts'
import { HEADER_BYTES, nameOfType } from './frame.ts'
import type { MessageName } from './frame.ts'

/** Of a payload, bytes. A usual MIG_REQ has about 1 KiB; the longest one, 64 KiB, is cut off. */
const STRUCTURED = 8 << 10
/** Of a state container: its header, and the first sections. */
const STATE = 1 << 10
/** Of a VERIFY: 62 digests. */
const DIGESTS = 512
/** Of a PAGES: the numbers of a batch of 256, the usual size. */
const PAGE_NUMBERS = 256 * 4
/** And of its first page. */
const PAGE_GLIMPSE = 32
const TYPE_AT = 5

const LIMITS: Partial<Record<MessageName, number>> = {
  REHEARSAL: STATE,
  CPU_BEG: STATE,
  DEV_BEG: STATE,
  VERIFY: DIGESTS,
  NATIVE: PAGE_GLIMPSE,
}

/** A copy of the first bytes of a frame, which is given as chunks. */
export function keptHead(frame: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const header = take(frame, HEADER_BYTES)
  const name = nameOfType(header[TYPE_AT] ?? 0)
  const limit = name === 'PAGES' ? pagesLimit(frame) : ((name && LIMITS[name]) ?? STRUCTURED)
  return take(frame, HEADER_BYTES + limit)
}

function pagesLimit(frame: readonly Uint8Array[]): number {
  const head = take(frame, HEADER_BYTES + PAGES_HEAD_BYTES).subarray(HEADER_BYTES)
  if (head.length < PAGES_HEAD_BYTES) return PAGES_HEAD_BYTES
  const { zeroCount, pageCount } = pagesHead.decode(head)
  return PAGES_HEAD_BYTES + Math.min((zeroCount + pageCount) * 4, PAGE_NUMBERS) + PAGE_GLIMPSE
}

/** The first `count` bytes, fewer where there are no more. */
function take(chunks: readonly Uint8Array[], count: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(count)
  let filled = 0
  for (const chunk of chunks) {
    if (filled === count) break
    const part = chunk.subarray(0, count - filled)
    out.set(part, filled)
    filled += part.length
  }
  return filled === count ? out : out.slice(0, filled)
}
