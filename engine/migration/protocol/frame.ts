/**
 * The frame: what every message travels in. 24 bytes of header, then the payload; little endian throughout.
 * PROTOCOL.md is the specification, this file its only definition in code (`verify-stream.ts` has a second one, on
 * purpose).
 */
import { crc32 } from 'node:zlib'
import { FerryError } from '../../util/errors.ts'
import { record, u32, u8 } from '../../util/record.ts'
import type { ValueOf } from '../../util/record.ts'

/** The bytes `FRRY`. */
export const MAGIC = 0x59525246
export const PROTOCOL_VERSION = 1
export const HEADER_BYTES = 24
/** Bytes of the header that its own CRC covers. */
export const HEADER_CRC_OFFSET = 20

/** Bits of `flags`. All others are reserved and 0. */
export const FLAG = {
  /** A receiver that does not know the type skips the frame. */
  optional: 1,
} as const

/** Message numbers. 0 is invalid, so that a frame of zeros is never a message. */
export const TYPE = {
  MIG_REQ: 1,
  REQ_OK: 2,
  REQ_FAIL: 3,
  MIG_CFG: 4,
  CFG_OK: 5,
  CFG_FAIL: 6,
  MEM_BEG: 7,
  PAGES: 8,
  ROUND_END: 9,
  ACK: 10,
  REHEARSAL: 11,
  CPU_BEG: 12,
  DEV_BEG: 13,
  READY: 14,
  VERIFY: 15,
  VERIFY_RESULT: 16,
  COMMIT: 17,
  RUNNING: 18,
  ABORT: 19,
  KEEPALIVE: 20,
  LINK: 21,
  CHANNEL: 22,
  CHANNEL_OK: 23,
  NATIVE: 24,
  NATIVE_END: 25,
  PAGE_REQ: 32,
  MISSING: 34,
  PULL_END: 35,
  PULL_DONE: 36,
} as const
export type MessageName = keyof typeof TYPE

/** Stages of the paper, carried by every frame. */
export type Stage = 0 | 1 | 2 | 3 | 4 | 5

/** Layout of the header. */
export const header = record('frame', 'le', {
  magic: u32,
  version: u8,
  type: u8,
  flags: u8,
  stage: u8,
  sequence: u32,
  length: u32,
  payloadCrc: u32,
  headerCrc: u32,
})
export type FrameHeader = ValueOf<typeof header>

const NAMES = new Map<number, MessageName>(
  (Object.entries(TYPE) as [MessageName, number][]).map(([name, number]) => [number, name]),
)

/** Name of a message number, or undefined where this version does not know it. */
export function nameOfType(type: number): MessageName | undefined {
  return NAMES.get(type)
}

/** CRC-32 (the one of gzip, RFC 1952) over several chunks. */
export function crcOf(chunks: readonly Uint8Array[]): number {
  let crc = 0
  for (const chunk of chunks) crc = crc32(chunk, crc)
  return crc
}

/** The header of a frame with this payload. */
export function encodeHeader(
  type: number,
  flags: number,
  stage: Stage,
  sequence: number,
  payload: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = payload.reduce((sum, chunk) => sum + chunk.length, 0)
  const bytes = header.encode({
    magic: MAGIC,
    version: PROTOCOL_VERSION,
    type,
    flags,
    stage,
    sequence,
    length,
    payloadCrc: crcOf(payload),
    headerCrc: 0,
  })
  new DataView(bytes.buffer).setUint32(HEADER_CRC_OFFSET, crc32(bytes.subarray(0, HEADER_CRC_OFFSET)), true)
  return bytes
}

/**
 * Checks and reads a header.
 * @throws FerryError `protocol.magic`, `protocol.header-crc`, `protocol.version`, `protocol.flags`, `protocol.stage`
 */
export function decodeHeader(bytes: Uint8Array): FrameHeader & { stage: Stage } {
  const h = header.decode(bytes)
  if (h.magic !== MAGIC) {
    throw new FerryError('protocol.magic', 'The peer does not speak the Ferry migration protocol.', { magic: h.magic })
  }
  if (h.headerCrc !== crc32(bytes.subarray(0, HEADER_CRC_OFFSET))) {
    throw new FerryError('protocol.header-crc', 'The header of a frame was damaged on its way.')
  }
  if (h.version !== PROTOCOL_VERSION) {
    throw new FerryError(
      'protocol.version',
      `The peer speaks protocol version ${h.version}; this host speaks ${PROTOCOL_VERSION}.`,
      { version: h.version },
    )
  }
  if ((h.flags & ~FLAG.optional) !== 0) {
    throw new FerryError('protocol.flags', 'A frame has reserved flags set.', { type: h.type, flags: h.flags })
  }
  if (h.stage > 5) throw new FerryError('protocol.stage', `A frame names stage ${h.stage}.`, { stage: h.stage })
  return { ...h, stage: h.stage as Stage }
}
