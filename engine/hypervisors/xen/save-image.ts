/**
 * A domain as Xen's toolstack saves it: libxc's image format, version 3 (docs/specs/libxc-migration-stream.pandoc of Xen
 * 4.14 and later). It holds memory, TSC and HVM context. Devices are not in it: libxl puts them, as the device model's
 * own blob, into the stream around it.
 *
 *     image header · domain header · STATIC_DATA_END · PAGE_DATA … · X86_TSC_INFO · HVM_CONTEXT · END
 *
 * HVM_PARAMS is left out, as libxc does where no parameter is set: there is neither a xenstore nor a paravirtual console.
 */
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import { record, u16, u32, u64 } from '../../util/record.ts'
import { FerryError } from '../../util/errors.ts'
import type { NativeRecord } from '../hypervisor.ts'
import { hvmHwCpu } from './cpu.ts'
import { hvmSaveHeader, toHvmContext } from './hvm.ts'

/** In network order, whatever the options say. */
const imageHeader = record('libxc_image_header', 'be', {
  marker: u64,
  id: u32,
  version: u32,
  options: u16,
  reserved_16: u16,
  reserved_32: u32,
})
const domainHeader = record('libxc_domain_header', 'le', {
  type: u32,
  page_shift: u16,
  reserved: u16,
  xen_major: u32,
  xen_minor: u32,
})
const recordHeader = record('libxc_record_header', 'le', { type: u32, body_length: u32 })
const pageDataHeader = record('libxc_page_data', 'le', { count: u32, reserved: u32 })
const tscInfo = record('libxc_x86_tsc_info', 'le', { mode: u32, khz: u32, nsec: u64, incarnation: u32, reserved: u32 })

const MARKER = 0xffff_ffff_ffff_ffffn
/** `XENF`. */
const ID = 0x58454e46
const VERSION = 3
const LITTLE_ENDIAN = 0
const TYPE_X86_HVM = 2
const PAGE_SHIFT = 12
/** The release whose HVM records are written (README of this folder). */
const XEN = { xen_major: 4, xen_minor: 17 }
/** `TSC_MODE_DEFAULT`. */
const TSC_MODE = 0

const RECORD = {
  end: 0x00,
  pageData: 0x01,
  tscInfo: 0x08,
  hvmContext: 0x09,
  staticDataEnd: 0x10,
} as const

/** `MAX_BATCH_SIZE` of libxc: a longer record is refused. */
export const MOST_PAGES = 1024

/** Memory of the VGA window, which is no RAM of an HVM domain: pages from, and up to. */
export const VGA_HOLE = { from: 0xa0, to: 0xc0 } as const

/** A record with its header, filled up to a multiple of 8 bytes. */
function framed(type: number, ...body: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = body.reduce((sum, part) => sum + part.length, 0)
  const bytes = new Uint8Array(recordHeader.bytes + Math.ceil(length / 8) * 8)
  bytes.set(recordHeader.encode({ type, body_length: length }))
  let offset: number = recordHeader.bytes
  for (const part of body) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** All that comes before the memory. */
export function imageHead(): Uint8Array<ArrayBuffer> {
  const fixed = { reserved_16: 0, reserved_32: 0 }
  return Buffer.concat([
    imageHeader.encode({ marker: MARKER, id: ID, version: VERSION, options: LITTLE_ENDIAN, ...fixed }),
    domainHeader.encode({ type: TYPE_X86_HVM, page_shift: PAGE_SHIFT, reserved: 0, ...XEN }),
    framed(RECORD.staticDataEnd),
  ])
}

/**
 * Pages of the domain's memory.
 * @param pfns 1 to `MOST_PAGES` page numbers
 * @param data their contents, in the same order
 * @throws FerryError `native.page-data` where the two do not fit
 */
export function pageData(pfns: readonly number[], data: Uint8Array): Uint8Array<ArrayBuffer> {
  if (pfns.length === 0 || pfns.length > MOST_PAGES || data.length !== pfns.length * PAGE_SIZE) {
    const message = `A PAGE_DATA record has 1 to ${MOST_PAGES} pages, each with its contents.`
    throw new FerryError('native.page-data', message, { pages: pfns.length, bytes: data.length })
  }
  // The type in the upper four bits is 0: a normal page. Of an HVM domain there is no other.
  const numbers = new Uint8Array(BigUint64Array.from(pfns, BigInt).buffer)
  return framed(RECORD.pageData, pageDataHeader.encode({ count: pfns.length, reserved: 0 }), numbers, data)
}

/** @param records what `xen.pack` gave */
export function imageTail(records: readonly NativeRecord[]): Uint8Array<ArrayBuffer> {
  const { gtsc_khz: khz } = hvmSaveHeader.decode(bytesOf(records, hvmSaveHeader.name))
  const { tsc } = hvmHwCpu.decode(bytesOf(records, hvmHwCpu.name))
  const nsec = khz === 0 ? 0n : (tsc * 1_000_000n) / BigInt(khz)
  return Buffer.concat([
    framed(RECORD.tscInfo, tscInfo.encode({ mode: TSC_MODE, khz, nsec, incarnation: 0, reserved: 0 })),
    framed(RECORD.hvmContext, toHvmContext(records)),
    framed(RECORD.end),
  ])
}

function bytesOf(records: readonly NativeRecord[], name: string): Uint8Array {
  const found = records.find((native) => native.name === name)
  if (found === undefined) throw new FerryError('native.missing', `The record ${name} is missing.`, { record: name })
  return found.bytes
}
