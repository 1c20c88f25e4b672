/** The state container, or a part of it, as fields: its header and those of its sections. The bodies stay closed. */
import { END_ID, EXTENSION_ID, MAGIC, OPTIONAL, containerHeader, sectionHeader } from '../../vmstate/container.ts'
import { SECTIONS } from '../../vmstate/state.ts'
import { hex, recordFields, rest } from './fields.ts'
import type { FrameField } from './fields.ts'

const NAMES = new Map<number, string>([
  ...Object.entries(SECTIONS).map(([name, { id }]) => [id, name] as const),
  [EXTENSION_ID, 'extensions'],
  [END_ID, 'end'],
])
/** The last moment that ECMAScript has a date for. */
const MS_OF_DATES = 8.64e15

/**
 * @param frame what is kept of the frame
 * @param from where the container, or a further part of it, begins
 * @param end where the frame ends
 */
export function describeContainer(frame: Uint8Array, from: number, end: number): FrameField[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const begins = from + 8 <= frame.length && view.getBigUint64(from, true) === MAGIC
  const fields = begins ? headerFields(frame, from) : []
  let at = begins ? from + containerHeader.bytes : from
  while (at + sectionHeader.bytes <= Math.min(frame.length, end)) {
    const { id, length } = sectionHeader.read(view, at, true)
    const name = NAMES.get(id)
    const body = at + sectionHeader.bytes
    if (name === undefined || body + length > end) break
    fields.push(...sectionFields(frame, at, name), ...rest(frame, body, body + length, `${name}.body`, ''))
    at = body + length
  }
  // What is kept ends within a section: the rest of the frame is more of its kind.
  return at < end ? [...fields, ...rest(frame, at, end, 'state', 'further sections of the state')] : fields
}

function wallClock(ns: bigint): string {
  const ms = Number(ns / 1_000_000n)
  return ms > MS_OF_DATES ? 'no date' : new Date(ms).toISOString()
}

function headerFields(frame: Uint8Array, at: number): FrameField[] {
  return recordFields(containerHeader, frame, at, 'container.', (field, value) => {
    switch (field) {
      case 'magic':
        return { meaning: '“FerryVMS”: state in the common format', value: hex(value, 8) }
      case 'major':
      case 'minor':
        return { meaning: `${field} version of the format` }
      case 'length':
        return { meaning: 'bytes of the container' }
      case 'capturedAtNs':
        return { meaning: `captured at ${wallClock(BigInt(value))}` }
      case 'crc':
        return { meaning: 'CRC-32 of the header before it', value: hex(value, 4) }
      default:
        return { meaning: 'none is defined' }
    }
  })
}

function sectionFields(frame: Uint8Array, at: number, name: string): FrameField[] {
  return recordFields(sectionHeader, frame, at, `${name}.`, (field, value) => {
    switch (field) {
      case 'id':
        return { meaning: `section “${name}”` }
      case 'version':
        return { meaning: `version ${value} of the section` }
      case 'flags':
        return { meaning: (Number(value) & OPTIONAL) === 0 ? 'mandatory' : 'optional', value: hex(value, 4) }
      case 'length':
        return { meaning: 'bytes of its body' }
      default:
        return { meaning: 'CRC-32 of section header and body', value: hex(value, 4) }
    }
  })
}
