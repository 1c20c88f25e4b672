/** QEMU's migration stream as a source writes it. Pure: every function gives bytes. */
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { refuse } from '../../records.ts'
import {
  BLOCK_NAMES,
  blockBytes,
  CONFIGURATION,
  FIRST_DEVICE_ID,
  MAGIC,
  RAM_FLAG,
  RAM_SECTION,
  type StreamBlock,
  type StreamMachine,
  TYPE,
  VERSION,
} from './format.ts'
import { globalState, SECTIONS } from './sections.ts'
import { writeStruct } from './structs.ts'

/** Pages of one block: `data` holds those of `pages`, in order; those of `zeroPages` are all zero. */
export interface StreamBatch {
  readonly block: StreamBlock
  readonly pages: Uint32Array
  readonly zeroPages: Uint32Array
  readonly data: Uint8Array
}

/** Numbers, big-endian, one behind the other. */
export const numbers = (
  ...values: readonly (readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint])[]
): Uint8Array => {
  const out = Buffer.alloc(values.reduce((sum, [bytes]) => sum + bytes, 0))
  let at = 0
  for (const [bytes, value] of values) {
    if (bytes === 8) out.writeBigUInt64BE(BigInt(value), at)
    else out.writeUIntBE(Number(value), at, bytes)
    at += bytes
  }
  return out
}
/** A name as the stream has it: its length in front. */
export const nameOf = (name: string): Uint8Array => Uint8Array.from([name.length, ...Buffer.from(name, 'latin1')])

const footer = (id: number): Uint8Array => numbers([1, TYPE.footer], [4, id])
const END_OF_RAM = numbers([8, RAM_FLAG.end])

/** Magic, version and machine type. */
export function fileHead(): Uint8Array<ArrayBuffer> {
  const configuration = Buffer.from(CONFIGURATION, 'latin1')
  return Buffer.concat([
    numbers([4, MAGIC], [4, VERSION], [1, TYPE.configuration], [4, configuration.length]),
    configuration,
  ])
}

/** The section that tells the blocks and their sizes. Blocks that are not named (ROMs) keep what QEMU has in them. */
export function ramStart(machine: StreamMachine): Uint8Array<ArrayBuffer> {
  const bytes = blockBytes(machine)
  const { id, name, instance, version } = RAM_SECTION
  return Buffer.concat([
    ...[numbers([1, TYPE.start], [4, id]), nameOf(name), numbers([4, instance], [4, version])],
    numbers([8, (bytes.ram + bytes.video) | RAM_FLAG.sizes]),
    ...(['ram', 'video'] as const).flatMap((block) => [nameOf(BLOCK_NAMES[block]), numbers([8, bytes[block]])]),
    ...[END_OF_RAM, footer(id)],
  ])
}

/** Everything before the first page. */
export const streamHead = (machine: StreamMachine): Uint8Array<ArrayBuffer> =>
  Buffer.concat([fileHead(), ramStart(machine)])

/** Pages, to be sent while the guest runs or after it has stopped. */
export const ramPart = (batches: readonly StreamBatch[]): Uint8Array<ArrayBuffer> =>
  ramSection(TYPE.part, batches.map(named))

/** Pages of zeros of a block that no guest's state has, such as a ROM. */
export const zeroPart = (name: string, first: number, count: number): Uint8Array<ArrayBuffer> => {
  const zeroPages = Uint32Array.from({ length: count }, (_, i) => first + i)
  return ramSection(TYPE.part, [{ name, pages: new Uint32Array(0), zeroPages, data: new Uint8Array(0) }])
}

/** The last pages, or none. */
export const ramEnd = (batches: readonly StreamBatch[] = []): Uint8Array<ArrayBuffer> =>
  ramSection(TYPE.end, batches.map(named))

type NamedBatch = Omit<StreamBatch, 'block'> & { readonly name: string }
const named = ({ block, ...batch }: StreamBatch): NamedBatch => ({ name: BLOCK_NAMES[block], ...batch })

const PAGE_HEAD = 8
/** Section type and id in front; end mark, footer and id behind. */
const SECTION_HEAD = 5
const SECTION_TAIL = 13

/** One buffer of the right size, into which each page is copied once. */
function ramSection(type: number, batches: readonly NamedBatch[]): Uint8Array<ArrayBuffer> {
  let size = SECTION_HEAD + SECTION_TAIL
  for (const { name, pages, zeroPages, data } of batches) {
    if (data.length !== pages.length * PAGE_SIZE) {
      refuse('page-data', `${pages.length} pages came with ${data.length} bytes.`, { pages: pages.length })
    }
    const count = pages.length + zeroPages.length
    if (count > 0) size += 1 + name.length
    size += count * PAGE_HEAD + zeroPages.length + data.length
  }
  // Every byte of it is written below.
  const out = Buffer.allocUnsafeSlow(size)
  const view = new DataView(out.buffer)
  view.setUint8(0, type)
  view.setUint32(1, RAM_SECTION.id)
  let at = SECTION_HEAD
  for (const { name: text, pages, zeroPages, data } of batches) {
    const name = nameOf(text)
    let first = true
    const head = (page: number, flag: number): void => {
      // Each batch names its block once: "the same block again" would hold across sections, too.
      const flags = flag | (first ? 0 : RAM_FLAG.again)
      // Page numbers have less than 32 bits: 12 of the offset are flags, 20 more fit into the lower word.
      view.setUint32(at, page >>> 20)
      view.setUint32(at + 4, ((page << 12) | flags) >>> 0)
      at += PAGE_HEAD
      if (first) {
        out.set(name, at)
        at += name.length
        first = false
      }
    }
    for (let i = 0; i < pages.length; i++) {
      head(pages[i] ?? 0, RAM_FLAG.page)
      out.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), at)
      at += PAGE_SIZE
    }
    for (const page of zeroPages) {
      head(page, RAM_FLAG.zero)
      // The byte that the page is full of.
      out[at] = 0
      at += 1
    }
  }
  out.set(END_OF_RAM, at)
  out.set(footer(RAM_SECTION.id), at + END_OF_RAM.length)
  return out
}

const RUNNING = 'running'

/**
 * All device sections. The guest's packet memory is among the records (`withDeviceMemory`).
 * Throws `native.missing` for a record that is not there.
 */
export function deviceSections(records: readonly NativeRecord[]): Uint8Array<ArrayBuffer> {
  const known = new Map(records.map((r) => [`${r.name}/${r.instance}`, r.bytes]))
  const runstate = new Uint8Array(100)
  runstate.set(Buffer.from(RUNNING, 'latin1'))
  known.set(`${globalState.name}/0`, globalState.encode({ size: RUNNING.length + 1, runstate }))
  const find = (name: string, instance: number): Uint8Array | undefined => known.get(`${name}/${instance}`)
  const out: Uint8Array[] = []
  SECTIONS.filter(({ ignored }) => ignored !== true).forEach(({ name, instance, version, struct }, i) => {
    const id = FIRST_DEVICE_ID + i
    out.push(numbers([1, TYPE.full], [4, id]), nameOf(name), numbers([4, instance], [4, version]))
    writeStruct(struct, find, out)
    out.push(footer(id))
  })
  return Buffer.concat(out)
}

/** QEMU wants a description behind the end, and does not read it. */
const DESCRIPTION = '{"page_size": 4096, "devices": []}'

/** The end of a stream, behind the device sections. */
export function streamEnd(): Uint8Array<ArrayBuffer> {
  return Buffer.concat([
    numbers([1, TYPE.eof], [1, TYPE.description], [4, DESCRIPTION.length]),
    Buffer.from(DESCRIPTION),
  ])
}
