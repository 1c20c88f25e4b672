/**
 * The 24 bytes that every message begins with, as far as the record of a message determines them. The layout is that of
 * engine/migration/PROTOCOL.md; a test holds this file to the engine's own. Payloads and checksums are not kept.
 */
import type { MessageView } from '../../../../engine/contract/lab.ts'

export const HEADER_BYTES = 24
const MAGIC = [0x46, 0x52, 0x52, 0x59]
const VERSION = 1

/** Message numbers by name. */
export const TYPE_NUMBERS: Readonly<Record<string, number>> = {
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
}
/** What a receiver that does not know them skips: bit 0 of the flags. */
export const OPTIONAL_TYPES: ReadonlySet<string> = new Set(['REHEARSAL', 'KEEPALIVE', 'LINK'])

export interface HeaderField {
  readonly name: string
  /** Pairs of hexadecimal digits; `··` for a byte that is not known. */
  readonly hex: string
  readonly meaning: string
}

const pairs = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
const unknown = (bytes: number): string => Array<string>(bytes).fill('··').join(' ')
const littleEndian = (value: number): string =>
  pairs([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff])

/**
 * @param sequence the message's number among those of its direction; null where the record is not complete
 * @returns null for a type that this version does not know
 */
export function headerFields(message: MessageView, sequence: number | null): HeaderField[] | null {
  const type = TYPE_NUMBERS[message.type]
  if (type === undefined) return null
  const optional = OPTIONAL_TYPES.has(message.type)
  const length = message.bytes_B - HEADER_BYTES
  return [
    { name: 'magic', hex: pairs(MAGIC), meaning: '“FRRY”' },
    { name: 'version', hex: pairs([VERSION]), meaning: `protocol version ${VERSION}` },
    { name: 'type', hex: pairs([type]), meaning: `${message.type} = ${type}` },
    { name: 'flags', hex: pairs([optional ? 1 : 0]), meaning: optional ? 'optional: may be skipped' : 'mandatory' },
    { name: 'stage', hex: pairs([message.stage]), meaning: `stage ${message.stage}` },
    {
      name: 'sequence',
      hex: sequence === null ? unknown(4) : littleEndian(sequence),
      meaning: sequence === null ? 'not known: the record began later' : `message ${sequence} of its direction`,
    },
    { name: 'length', hex: littleEndian(length), meaning: `${length} bytes of payload` },
    { name: 'payload CRC', hex: unknown(4), meaning: 'not kept' },
    { name: 'header CRC', hex: unknown(4), meaning: 'not kept' },
  ]
}
