/** Fields of a frame, as an inspector shows them. */
import type { RecordType } from '../../util/record.ts'

/** Offsets count from the frame's first byte. A field may reach beyond what is kept of the frame. */
export interface FrameField {
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly type: string
  readonly value: string
  readonly meaning: string
}

/** What a field of a record means, and how its value is written. */
export type Explain = (name: string, value: number | bigint) => { meaning: string; value?: string }

/** A number of so many bytes, in hexadecimal. */
export const hex = (value: number | bigint, bytes: number): string => `0x${value.toString(16).padStart(2 * bytes, '0')}`

/** The fields of a record of scalars, as far as the bytes reach. */
export function recordFields(
  type: RecordType<unknown>,
  frame: Uint8Array,
  base: number,
  prefix: string,
  explain: Explain,
): FrameField[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  return type.fields.flatMap((field) => {
    const offset = base + field.offset
    if (offset + field.type.bytes > frame.length) return []
    const raw = field.type.read(view, offset, type.littleEndian) as number | bigint
    const { meaning, value = String(raw) } = explain(field.name, raw)
    return [{ path: `${prefix}${field.name}`, offset, bytes: field.type.bytes, type: field.type.label, value, meaning }]
  })
}

/** A stretch that is not taken apart. */
export function rest(frame: Uint8Array, from: number, to: number, path: string, meaning: string): FrameField[] {
  if (to <= from) return []
  const kept = Math.max(0, Math.min(to, frame.length) - from)
  const value = kept === to - from ? '' : `${kept} of ${to - from} bytes kept`
  return [{ path, offset: from, bytes: to - from, type: `u8[${to - from}]`, value, meaning }]
}
