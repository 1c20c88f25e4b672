/**
 * The container of the common format on the wire: a header, then sections behind section headers, the last one END.
 * Little-endian. See SPEC.md.
 */
import { crc32 } from 'node:zlib'
import { FerryError } from '../util/errors.ts'
import { record, u16, u32, u64 } from '../util/record.ts'

/** "FerryVMS" as a little-endian number. */
export const MAGIC = 0x534d567972726546n
/** Readers refuse another major version and read any minor one. */
export const FORMAT_VERSION = { major: 1, minor: 0 } as const
/** Bytes that a container may have. */
export const MAX_BYTES = 1 << 20
/** Set in `flags` of a section: a reader that does not know the section may skip it. */
export const OPTIONAL = 0x80000000
/** Section ids beside those of `SECTIONS`. */
export const EXTENSION_ID = 0x0100
export const END_ID = 0xffff

export const containerHeader = record('container_header', 'le', {
  magic: u64,
  major: u16,
  minor: u16,
  /** Bytes of the container, END included. */
  length: u32,
  /** Host's wall clock at the capture: nanoseconds since 1970-01-01 UTC. */
  capturedAtNs: u64,
  /** Must be zero. */
  flags: u32,
  /** CRC-32 of the header before this field. */
  crc: u32,
})

export const sectionHeader = record('section_header', 'le', {
  id: u16,
  version: u16,
  flags: u32,
  /** Bytes of the body. */
  length: u32,
  /** CRC-32 of the header before this field and of the body. */
  crc: u32,
})

const HEADER_CRC = containerHeader.bytes - 4
const SECTION_CRC = sectionHeader.bytes - 4

/** One section as it stands in the container. */
export interface RawSection {
  readonly id: number
  readonly version: number
  readonly optional: boolean
  readonly body: Uint8Array
}

/** Builds a container in a buffer that is used again and again, so that only the result is allocated. */
export class ContainerWriter {
  private buffer = new Uint8Array(1 << 16)
  private dataView = new DataView(this.buffer.buffer)
  private offset = 0

  /** Starts anew, behind the header. */
  begin(): void {
    this.offset = containerHeader.bytes
  }

  /** View of the whole buffer; valid until the next call. */
  get view(): DataView {
    return this.dataView
  }

  /**
   * Makes room for a section of at most `size` bytes, all zero.
   * @returns offset of its body
   */
  open(size: number): number {
    const body = this.offset + sectionHeader.bytes
    if (body + size > MAX_BYTES) throw new FerryError('vmstate.too-large', `The state exceeds ${MAX_BYTES} bytes.`)
    if (body + size > this.buffer.length) this.grow(body + size)
    this.buffer.fill(0, body, body + size)
    return body
  }

  /** Ends the section that was opened last. Zero bytes at its end from `fixed` on are left out. */
  close(id: number, version: number, flags: number, size: number, fixed: number): void {
    const start = this.offset
    const body = start + sectionHeader.bytes
    const length = trimmed(this.dataView, body, size, fixed)
    sectionHeader.write(this.dataView, start, { id, version, flags, length, crc: 0 }, true)
    const crc = crc32(
      this.buffer.subarray(body, body + length),
      crc32(this.buffer.subarray(start, start + SECTION_CRC)),
    )
    this.dataView.setUint32(start + SECTION_CRC, crc, true)
    this.offset = body + length
  }

  /** Writes END and the header, and returns a copy. */
  finish(capturedAtNs: bigint): Uint8Array<ArrayBuffer> {
    this.open(0)
    this.close(END_ID, 1, 0, 0, 0)
    const { major, minor } = FORMAT_VERSION
    const header = { magic: MAGIC, major, minor, length: this.offset, capturedAtNs, flags: 0, crc: 0 }
    containerHeader.write(this.dataView, 0, header, true)
    this.dataView.setUint32(HEADER_CRC, crc32(this.buffer.subarray(0, HEADER_CRC)), true)
    return this.buffer.slice(0, this.offset)
  }

  private grow(size: number): void {
    const larger = new Uint8Array(Math.max(size, this.buffer.length * 2))
    larger.set(this.buffer.subarray(0, this.offset))
    this.buffer = larger
    this.dataView = new DataView(larger.buffer)
  }
}

/** Length of the body without the zero bytes at its end, but at least `fixed`. */
function trimmed(view: DataView, body: number, size: number, fixed: number): number {
  let end = size
  while (end - 8 >= fixed && view.getFloat64(body + end - 8, true) === 0 && view.getUint8(body + end - 1) === 0)
    end -= 8
  while (end > fixed && view.getUint8(body + end - 1) === 0) end -= 1
  return end
}

/**
 * Takes a container apart and checks everything but the sections' contents.
 * Errors: `vmstate.too-large`, `vmstate.truncated`, `vmstate.magic`, `vmstate.version`, `vmstate.flags`,
 * `vmstate.length`, `vmstate.crc`.
 */
export function readContainer(bytes: Uint8Array): { capturedAtNs: bigint; sections: RawSection[] } {
  if (bytes.length > MAX_BYTES) {
    throw new FerryError('vmstate.too-large', `A state of ${bytes.length} bytes is too large.`, { bytes: bytes.length })
  }
  if (bytes.length < containerHeader.bytes) throw truncated(bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const header = containerHeader.read(view, 0, true)
  if (header.magic !== MAGIC) throw new FerryError('vmstate.magic', 'These bytes are no state in the common format.')
  if (header.major !== FORMAT_VERSION.major) {
    const message = `The state has format version ${header.major}; this side reads version ${FORMAT_VERSION.major}.`
    throw new FerryError('vmstate.version', message, { major: header.major, minor: header.minor })
  }
  if (crc32(bytes.subarray(0, HEADER_CRC)) !== header.crc) throw crcError('the header')
  if (header.flags !== 0) throw new FerryError('vmstate.flags', 'The container has flags that are unknown here.')
  if (header.length > bytes.length) throw truncated(bytes.length)
  if (header.length < bytes.length) {
    throw new FerryError('vmstate.length', 'More bytes follow than the state has.', { bytes: bytes.length })
  }

  const sections: RawSection[] = []
  let offset = containerHeader.bytes
  for (;;) {
    if (offset + sectionHeader.bytes > bytes.length) throw truncated(bytes.length)
    const { id, version, flags, length, crc } = sectionHeader.read(view, offset, true)
    const start = offset + sectionHeader.bytes
    if (length > bytes.length - start) throw truncated(bytes.length)
    const body = bytes.subarray(start, start + length)
    if (crc32(body, crc32(bytes.subarray(offset, offset + SECTION_CRC))) !== crc) throw crcError(`section ${id}`)
    if ((flags & ~OPTIONAL) !== 0) {
      throw new FerryError('vmstate.flags', `Section ${id} has flags that are unknown here.`, { id })
    }
    offset = start + length
    if (id === END_ID) break
    sections.push({ id, version, optional: flags !== 0, body })
  }
  if (offset !== bytes.length) throw new FerryError('vmstate.length', 'Bytes follow the end of the state.', { offset })
  return { capturedAtNs: header.capturedAtNs, sections }
}

function truncated(bytes: number): FerryError {
  return new FerryError('vmstate.truncated', `The state is cut off after ${bytes} bytes.`, { bytes })
}

function crcError(what: string): FerryError {
  return new FerryError('vmstate.crc', `The checksum of ${what} is wrong: bytes changed on the way.`)
}

/**
 * Where the first section begins whose id is not one of `ids`, for a container that this side wrote: what is before it
 * can be sent apart from the rest.
 */
export function offsetBehind(bytes: Uint8Array, ids: ReadonlySet<number>): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let offset = containerHeader.bytes
  while (offset + sectionHeader.bytes <= bytes.length && ids.has(view.getUint16(offset, true))) {
    offset += sectionHeader.bytes + view.getUint32(offset + 8, true)
  }
  return offset
}
