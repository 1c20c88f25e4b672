/** The messages of post-copy that name pages: PAGE_REQ, a few by their numbers; MISSING, any number as a bitmap. */
import { FerryError } from '../../util/errors.ts'
import { pad, record, u32, u8 } from '../../util/record.ts'
import { BLOCK, type BlockId } from '../../vmstate/blocks.ts'

/** Most pages of one PAGE_REQ. */
export const MAX_REQUESTED = 64
/** Most pages of a block: 1 GiB. */
const MAX_PAGES = 1 << 18

/** What both begin with. */
export const pageSetHead = record('page set', 'le', { block: u8, reserved: pad(3), count: u32 })
export const PAGE_SET_HEAD_BYTES = pageSetHead.bytes
export const MAX_REQUEST_PAYLOAD = PAGE_SET_HEAD_BYTES + 4 * MAX_REQUESTED
export const MAX_MISSING_PAYLOAD = PAGE_SET_HEAD_BYTES + MAX_PAGES / 8

export interface PageRequestBody {
  readonly block: BlockId
  /** Ascending, 1 to {@link MAX_REQUESTED} of them. */
  readonly pages: Uint32Array<ArrayBuffer>
}
export interface MissingBody {
  readonly block: BlockId
  /** Pages of the block. */
  readonly count: number
  /** One bit a page, the first page in bit 0 of the first byte; 1 = the target has not its last version. */
  readonly bitmap: Uint8Array<ArrayBuffer>
}

const invalid = (type: string, what: string) =>
  new FerryError('protocol.invalid-message', `${type}: ${what}.`, { type })

/** @throws FerryError `protocol.invalid-message` for what is no page set of RAM */
function decodeHead(type: string, payload: Uint8Array): { readonly block: BlockId; readonly count: number } {
  if (payload.length < PAGE_SET_HEAD_BYTES) throw invalid(type, 'too short')
  const { block, count } = pageSetHead.decode(payload)
  if (block !== BLOCK.ram) throw invalid(type, `block ${block} is not RAM`)
  return { block, count }
}

export function encodePageRequest({ block, pages }: PageRequestBody): Uint8Array<ArrayBuffer>[] {
  const numbers = new Uint8Array(pages.buffer, pages.byteOffset, pages.byteLength)
  return [pageSetHead.encode({ block, count: pages.length }), numbers]
}

/** @throws FerryError `protocol.invalid-message` */
export function decodePageRequest(payload: Uint8Array<ArrayBuffer>): PageRequestBody {
  const { block, count } = decodeHead('PAGE_REQ', payload)
  if (count < 1 || count > MAX_REQUESTED) throw invalid('PAGE_REQ', `${count} pages are asked for`)
  if (payload.length !== PAGE_SET_HEAD_BYTES + 4 * count) throw invalid('PAGE_REQ', 'length and count disagree')
  const pages = new Uint32Array(payload.slice(PAGE_SET_HEAD_BYTES).buffer)
  for (let i = 1; i < count; i++) {
    if (pages[i] <= pages[i - 1]) throw invalid('PAGE_REQ', 'page numbers are not ascending')
  }
  return { block, pages }
}

export function encodeMissing({ block, count, bitmap }: MissingBody): Uint8Array<ArrayBuffer>[] {
  return [pageSetHead.encode({ block, count }), bitmap]
}

/** @throws FerryError `protocol.invalid-message` */
export function decodeMissing(payload: Uint8Array<ArrayBuffer>): MissingBody {
  const { block, count } = decodeHead('MISSING', payload)
  const bitmap = payload.slice(PAGE_SET_HEAD_BYTES)
  if (count > MAX_PAGES || bitmap.length !== Math.ceil(count / 8)) throw invalid('MISSING', 'length and count disagree')
  if (count % 8 !== 0 && bitmap[bitmap.length - 1] >>> (count % 8) !== 0) {
    throw invalid('MISSING', 'pages beyond the block are missing')
  }
  return { block, count, bitmap }
}
