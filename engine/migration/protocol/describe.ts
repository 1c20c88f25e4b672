/**
 * A frame, or its first bytes, as a list of fields: where each stands, its value, what it means. For inspectors; the
 * session itself reads frames with `reader.ts`, which trusts nothing.
 */
import { STAGE_NAMES } from '../../contract/report.ts'
import { Bitmap } from '../../util/bitmap.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import { PAGES_FLAG, cpuHead, pagesHead, rehearsalHead, verifyHead } from './binary.ts'
import { FLAG, HEADER_BYTES, HEADER_CRC_OFFSET, crcOf, header, nameOfType } from './frame.ts'
import type { FrameHeader, MessageName } from './frame.ts'
import { pageSetHead } from './page-sets.ts'
import { hex, recordFields, rest } from './fields.ts'
import type { Explain, FrameField } from './fields.ts'
import { jsonLeaves } from './json-fields.ts'
import { MEANINGS } from './meanings.ts'
import { describeContainer } from './describe-container.ts'

/**
 * @param frame a frame's first bytes: its header at least, else nothing is found
 * @returns header and payload, in the order in which they stand
 */
export function describeFrame(frame: Uint8Array): FrameField[] {
  if (frame.length < HEADER_BYTES) return []
  const head = header.decode(frame)
  const name = nameOfType(head.type)
  return [...headerFields(frame, head, name), ...payloadFields(frame, head, name)]
}

function headerFields(frame: Uint8Array, head: FrameHeader, name: MessageName | undefined): FrameField[] {
  const whole = frame.length === HEADER_BYTES + head.length
  const explain: Record<string, () => { meaning: string; value?: string }> = {
    magic: () => ({ meaning: '“FRRY”: a frame begins', value: hex(head.magic, 4) }),
    version: () => ({ meaning: `protocol version ${head.version}` }),
    type: () => ({ meaning: name ?? 'a message that this version does not know' }),
    flags: () => ({ meaning: (head.flags & FLAG.optional) === 0 ? 'mandatory' : 'optional: may be skipped' }),
    stage: () => ({ meaning: STAGE_NAMES[head.stage] ?? 'no such stage' }),
    sequence: () => ({ meaning: `message ${head.sequence} of its direction` }),
    length: () => ({ meaning: `${head.length} bytes of payload` }),
    payloadCrc: () => ({
      meaning: whole ? crcMeaning(frame.subarray(HEADER_BYTES), head.payloadCrc) : 'CRC-32 of the payload',
      value: hex(head.payloadCrc, 4),
    }),
    headerCrc: () => ({
      meaning: crcMeaning(frame.subarray(0, HEADER_CRC_OFFSET), head.headerCrc),
      value: hex(head.headerCrc, 4),
    }),
  }
  return recordFields(header, frame, 0, 'header.', (field) => explain[field]?.() ?? { meaning: '' })
}

const crcMeaning = (bytes: Uint8Array, crc: number): string =>
  `CRC-32 of ${bytes.length} bytes: ${crcOf([bytes]) === crc ? 'right' : 'WRONG'}`

function payloadFields(frame: Uint8Array, { length }: FrameHeader, name: MessageName | undefined): FrameField[] {
  const end = HEADER_BYTES + length
  switch (name) {
    case undefined:
      return rest(frame, HEADER_BYTES, end, 'payload', 'not known to this version')
    case 'PAGES':
      return pagesFields(frame, end)
    case 'VERIFY':
      return verifyFields(frame, end)
    case 'PAGE_REQ':
    case 'MISSING':
      return pageSetFields(frame, end, name)
    case 'REHEARSAL':
      return [
        ...recordFields(rehearsalHead, frame, HEADER_BYTES, '', (_, number) => ({
          meaning: `rehearsal ${number} of the switch-over, while the guest runs`,
        })),
        ...describeContainer(frame, HEADER_BYTES + rehearsalHead.bytes, end),
      ]
    case 'CPU_BEG':
      return [
        ...recordFields(cpuHead, frame, HEADER_BYTES, '', (field) => ({
          meaning:
            field === 'stateBytes' ? 'size of the whole container, DEV_BEG included' : 'pages of all PAGES frames',
        })),
        ...describeContainer(frame, HEADER_BYTES + cpuHead.bytes, end),
      ]
    case 'NATIVE':
      return rest(
        frame,
        HEADER_BYTES,
        end,
        'bytes',
        "a piece of the hypervisor's own stream, which Ferry does not read",
      )
    case 'DEV_BEG':
      return describeContainer(frame, HEADER_BYTES, end)
    default:
      return frame[HEADER_BYTES] === 0x7b
        ? bodyFields(frame, name)
        : rest(frame, HEADER_BYTES, end, 'payload', 'the payload')
  }
}

/** The leaves of a JSON body. */
function bodyFields(frame: Uint8Array, name: MessageName): FrameField[] {
  const meanings = MEANINGS[name] ?? {}
  return jsonLeaves(frame.subarray(HEADER_BYTES)).map(({ path, offset, ...leaf }) => ({
    ...leaf,
    path: path === '' ? 'body' : path,
    offset: HEADER_BYTES + offset,
    meaning:
      path === '' && leaf.value === '{}' ? 'says all by its type' : (meanings[path.replace(/\[\d+\]/g, '')] ?? ''),
  }))
}

const blockTitle = (id: number | bigint): string =>
  Object.entries(BLOCK).find(([, number]) => number === Number(id))?.[0] ?? 'no such block'

/** What each field means, by name. */
const explainedBy =
  (meanings: (value: number | bigint) => Readonly<Record<string, string>>): Explain =>
  (field, value) => ({ meaning: meanings(value)[field] ?? '' })

function pagesFields(frame: Uint8Array, end: number): FrameField[] {
  const fields = recordFields(
    pagesHead,
    frame,
    HEADER_BYTES,
    '',
    explainedBy((value) => ({
      block: blockTitle(value),
      flags: flagsMeaning(Number(value)),
      zeroCount: 'pages of zeros, of which only the number travels',
      pageCount: 'pages with their bytes',
      crc: value === 0 ? 'none: the pages travel as they are' : 'CRC-32 of the pages as they are',
    })),
  )
  const at = HEADER_BYTES + pagesHead.bytes
  if (frame.length < at) return fields
  const { zeroCount, pageCount, flags } = pagesHead.decode(frame.subarray(HEADER_BYTES))
  const data = at + 4 * (zeroCount + pageCount)
  return [
    ...fields,
    ...numberFields(frame, at, zeroCount, 'zeroPages', 'of zeros'),
    ...numberFields(frame, at + 4 * zeroCount, pageCount, 'pages', 'with bytes'),
    ...rest(frame, data, end, 'data', dataMeaning(flags, pageCount)),
  ]
}

const compressionOf = (flags: number): string | undefined =>
  (['deflate', 'zstd'] as const).find((name) => (flags & PAGES_FLAG[name]) !== 0)

function flagsMeaning(flags: number): string {
  const compression = compressionOf(flags)
  return [
    (flags & PAGES_FLAG.hold) === 0 ? 'written as they come' : 'hold: loaded in one step with the state',
    ...((flags & PAGES_FLAG.deltas) === 0 ? [] : ['deltas: some of them as what changed in them']),
    ...(compression === undefined ? [] : [`compressed with ${compression}`]),
  ].join('; ')
}

function dataMeaning(flags: number, pageCount: number): string {
  const pages = `${pageCount} × ${PAGE_SIZE} bytes, in the order of their numbers`
  const what = (flags & PAGES_FLAG.deltas) === 0 ? pages : `lengths of ${pageCount} pages, then pages and deltas`
  const compression = compressionOf(flags)
  return compression === undefined ? what : `compressed with ${compression}: ${what}`
}

function pageSetFields(frame: Uint8Array, end: number, name: 'PAGE_REQ' | 'MISSING'): FrameField[] {
  const asks = name === 'PAGE_REQ'
  const explain = explainedBy((value) => ({
    block: blockTitle(value),
    count: asks ? 'pages asked for' : 'pages of the block, a bit each',
  }))
  const fields = recordFields(pageSetHead, frame, HEADER_BYTES, '', explain)
  const at = HEADER_BYTES + pageSetHead.bytes
  if (frame.length < at) return fields
  const { count } = pageSetHead.decode(frame.subarray(HEADER_BYTES))
  if (asks) return [...fields, ...numberFields(frame, at, count, 'pages', 'that the guest waits for')]
  const bitmap = frame.subarray(at, end)
  const missing = Bitmap.of(bitmap, 8 * bitmap.length).numbers()
  const cut = at + bitmap.length < end ? `, of the ${8 * bitmap.length} whose bits are kept` : ''
  const meaning = `${missing.length} pages follow after the switch-over${cut}`
  const bytes = Math.max(0, end - at)
  return [...fields, { path: 'bitmap', offset: at, bytes, type: `u8[${bytes}]`, value: stretches(missing), meaning }]
}

/** A list of page numbers, summed up as stretches. */
function numberFields(frame: Uint8Array, offset: number, count: number, path: string, which: string): FrameField[] {
  if (count === 0) return []
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const kept = Math.max(0, Math.min(count, Math.floor((frame.length - offset) / 4)))
  const numbers = Array.from({ length: kept }, (_, i) => view.getUint32(offset + 4 * i, true))
  const cut = kept < count ? `; the first ${kept} of them are kept` : ''
  const meaning = `numbers of the ${count === 1 ? 'page' : `${count} pages`} ${which}${cut}`
  return [{ path, offset, bytes: 4 * count, type: `u32[${count}]`, value: stretches(numbers), meaning }]
}

const MOST_STRETCHES = 40

/** `0–12, 15, 20–31` of ascending numbers. */
export function stretches(numbers: Iterable<number>): string {
  const found: { from: number; to: number }[] = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last !== undefined && last.to + 1 === number) last.to = number
    else found.push({ from: number, to: number })
  }
  const shown = found.slice(0, MOST_STRETCHES).map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`))
  const more = found.length - shown.length
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

const DIGESTS_SHOWN = 8

function verifyFields(frame: Uint8Array, end: number): FrameField[] {
  const fields = recordFields(
    verifyHead,
    frame,
    HEADER_BYTES,
    '',
    explainedBy((value) => ({
      block: blockTitle(value),
      last: value === 0 ? 'more follow' : 'the last one of the migration',
      first: 'page of the first digest',
      count: 'digests, one a page',
    })),
  )
  const at = HEADER_BYTES + verifyHead.bytes
  if (frame.length < at) return fields
  const { first, count } = verifyHead.decode(frame.subarray(HEADER_BYTES))
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const whole = Math.max(0, Math.min(count, DIGESTS_SHOWN, Math.floor((frame.length - at) / 8)))
  const digests = Array.from({ length: whole }, (_, i): FrameField => {
    const value = hex(view.getBigUint64(at + 8 * i, true), 8)
    return { path: `digests[${i}]`, offset: at + 8 * i, bytes: 8, type: 'u64', value, meaning: `of page ${first + i}` }
  })
  const more = rest(frame, at + 8 * whole, end, `digests[${whole}…]`, `of pages ${first + whole}–${first + count - 1}`)
  return [...fields, ...digests, ...more]
}
