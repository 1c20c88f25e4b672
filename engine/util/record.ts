/**
 * Declarative binary records: one field table gives the layout (offsets, size), the encoder, the decoder and the
 * TypeScript type. Everything in Ferry that has a byte layout (native hypervisor records, the sections of the common
 * format, protocol headers) is such a table, so that a layout is written down exactly once.
 *
 * A record has a fixed size. Fields follow each other without implicit padding: a C struct's padding is a field
 * (`pad`), because it is part of the bytes that travel.
 */

/** A scalar, byte string, or nested shape at a fixed size; `T` is the JavaScript value it stands for. */
export interface FieldType<T> {
  /** Size in bytes. */
  readonly bytes: number
  /** Short name for dumps and `ferry layouts`, e.g. `u32`, `u8[16]`. */
  readonly label: string
  /** True for padding: not part of the value, written as zero, ignored when read. */
  readonly padding: boolean
  write(view: DataView, offset: number, value: T, littleEndian: boolean): void
  read(view: DataView, offset: number, littleEndian: boolean): T
  /** A value of all-zero bytes. */
  zero(): T
  /** Arrays: the type of an element, and how many there are. */
  readonly element?: FieldType<unknown>
  readonly count?: number
  /** Bit-fields: name, lowest bit and width of each member. */
  readonly bitLayout?: readonly BitLayout[]
}

export interface BitLayout {
  readonly name: string
  readonly shift: number
  readonly width: number
}

function scalar(
  bytes: number,
  label: string,
  write: (view: DataView, offset: number, value: number, le: boolean) => void,
  read: (view: DataView, offset: number, le: boolean) => number,
): FieldType<number> {
  return { bytes, label, padding: false, write, read, zero: () => 0 }
}

/** Unsigned 8 bits. Values are masked to the width when written. */
export const u8 = scalar(
  1,
  'u8',
  (v, o, x) => v.setUint8(o, x),
  (v, o) => v.getUint8(o),
)
/** Unsigned 16 bits. */
export const u16 = scalar(
  2,
  'u16',
  (v, o, x, le) => v.setUint16(o, x, le),
  (v, o, le) => v.getUint16(o, le),
)
/** Unsigned 32 bits. */
export const u32 = scalar(
  4,
  'u32',
  (v, o, x, le) => v.setUint32(o, x, le),
  (v, o, le) => v.getUint32(o, le),
)
/** Signed 32 bits. */
export const s32 = scalar(
  4,
  's32',
  (v, o, x, le) => v.setInt32(o, x, le),
  (v, o, le) => v.getInt32(o, le),
)

/** Unsigned 64 bits, as a bigint. */
export const u64: FieldType<bigint> = {
  bytes: 8,
  label: 'u64',
  padding: false,
  write: (v, o, x, le) => v.setBigUint64(o, x, le),
  read: (v, o, le) => v.getBigUint64(o, le),
  zero: () => 0n,
}
/** Signed 64 bits, as a bigint. */
export const s64: FieldType<bigint> = {
  bytes: 8,
  label: 's64',
  padding: false,
  write: (v, o, x, le) => v.setBigInt64(o, x, le),
  read: (v, o, le) => v.getBigInt64(o, le),
  zero: () => 0n,
}

/** One byte holding a truth value; any non-zero byte reads as true. */
export const flag: FieldType<boolean> = {
  bytes: 1,
  label: 'bool',
  padding: false,
  write: (v, o, x) => v.setUint8(o, x ? 1 : 0),
  read: (v, o) => v.getUint8(o) !== 0,
  zero: () => false,
}

/** A byte string of exactly `length` bytes. Writing another length throws a RangeError. */
export function bytes(length: number): FieldType<Uint8Array> {
  return {
    bytes: length,
    label: `u8[${length}]`,
    padding: false,
    write(view, offset, value) {
      if (value.length !== length) throw new RangeError(`expected ${length} bytes, got ${value.length}`)
      new Uint8Array(view.buffer, view.byteOffset + offset, length).set(value)
    },
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length).slice(),
    zero: () => new Uint8Array(length),
  }
}

/** `length` bytes that mean nothing: written as zero, ignored when read. */
export function pad(length: number): FieldType<undefined> {
  return {
    bytes: length,
    label: `pad[${length}]`,
    padding: true,
    write() {
      // The buffer is zero already.
    },
    read: () => undefined,
    zero: () => undefined,
  }
}

/** `count` values of one type, one after the other. Writing another count throws a RangeError. */
export function array<T>(type: FieldType<T>, count: number): FieldType<T[]> {
  return {
    bytes: type.bytes * count,
    label: `${type.label}[${count}]`,
    padding: false,
    element: type,
    count,
    write(view, offset, value, le) {
      if (value.length !== count) throw new RangeError(`expected ${count} elements, got ${value.length}`)
      value.forEach((element, i) => type.write(view, offset + i * type.bytes, element, le))
    },
    read: (view, offset, le) => Array.from({ length: count }, (_, i) => type.read(view, offset + i * type.bytes, le)),
    zero: () => Array.from({ length: count }, () => type.zero()),
  }
}

/** One value in a place of `size` bytes; the rest of the place is padding. */
export function within<T>(type: FieldType<T>, size: number): FieldType<T> {
  if (type.bytes > size) throw new RangeError(`${type.label} does not fit in ${size} bytes`)
  return { ...type, bytes: size, label: `${type.label} in ${size}` }
}

/**
 * C bit-fields that share one unit of 1, 2 or 4 bytes, the first at bit 0 (as GCC lays them out on x86).
 * @param size bytes of the unit
 * @param widths width of each member in bits; their sum may be less than the unit, the rest is padding
 */
export function bits<const W extends Readonly<Record<string, number>>>(
  size: 1 | 2 | 4,
  widths: W,
): FieldType<{ -readonly [K in keyof W]: number }> {
  const unit = size === 1 ? u8 : size === 2 ? u16 : u32
  const members: BitLayout[] = []
  let shift = 0
  for (const [name, width] of Object.entries(widths)) {
    members.push({ name, shift, width })
    shift += width
  }
  if (shift > size * 8) throw new RangeError(`${shift} bits do not fit in ${size} bytes`)
  // The mapped type has exactly the keys of `widths`, which are the members' names.
  type Value = { -readonly [K in keyof W]: number }
  const make = (raw: number): Value =>
    Object.fromEntries(members.map((m) => [m.name, (raw >>> m.shift) & mask(m.width)])) as Value
  return {
    bytes: size,
    label: `${unit.label} bits`,
    padding: false,
    bitLayout: members,
    write(view, offset, value, le) {
      const source = value as Record<string, number>
      let raw = 0
      for (const m of members) raw |= ((source[m.name] ?? 0) & mask(m.width)) << m.shift
      unit.write(view, offset, raw >>> 0, le)
    },
    read: (view, offset, le) => make(unit.read(view, offset, le)),
    zero: () => make(0),
  }
}

function mask(width: number): number {
  return width >= 32 ? 0xffffffff : (1 << width) - 1
}

export type Fields = Readonly<Record<string, FieldType<never> | FieldType<unknown>>>
type ValueOfField<F> = F extends FieldType<infer T> ? T : never
/** The JavaScript value of a record: its fields without padding. */
export type RecordValue<F> = {
  -readonly [K in keyof F as F[K] extends FieldType<undefined> ? never : K]: ValueOfField<F[K]>
}

export interface FieldLayout {
  readonly name: string
  readonly offset: number
  readonly bytes: number
  readonly type: string
  readonly padding: boolean
  /** Members of a bit-field unit; `name` is then only the unit's. */
  readonly bits?: readonly BitLayout[]
}

/** A named record. It is itself a field type, so records nest. */
export interface RecordType<T> extends FieldType<T> {
  readonly name: string
  readonly littleEndian: boolean
  readonly layout: readonly FieldLayout[]
  /** Types of the fields that are no padding, in order: for code that walks a record by path. */
  readonly fields: readonly { readonly name: string; readonly type: FieldType<unknown>; readonly offset: number }[]
  /** The value as a new buffer of exactly `bytes` bytes. */
  encode(value: T): Uint8Array<ArrayBuffer>
  /** Reads a value at the start of `data`; throws a RangeError when `data` is shorter than the record. */
  decode(data: Uint8Array): T
}

/** The value type of a record: `type Pic = ValueOf<typeof pic>`. */
export type ValueOf<R> = R extends FieldType<infer T> ? T : never

type AnyField = FieldType<unknown>

/**
 * Declares a record. Fields are laid out in the order of the table, without implicit padding.
 * @param name the name used in dumps and errors, for native records the C name
 * @param order byte order of its multi-byte scalars, nested records included
 */
export function record<const F extends Record<string, unknown>>(
  name: string,
  order: 'le' | 'be',
  table: F,
): RecordType<RecordValue<F>> {
  const littleEndian = order === 'le'
  const layout: FieldLayout[] = []
  const entries: { name: string; key: string; type: AnyField; offset: number }[] = []
  let size = 0
  for (const [key, value] of Object.entries(table)) {
    // The type parameter keeps each field's own type; here they are all handled through the common interface.
    const type = value as AnyField
    const place = { name: key, offset: size, bytes: type.bytes, type: type.label, padding: type.padding }
    layout.push(type.bitLayout === undefined ? place : { ...place, bits: type.bitLayout })
    if (!type.padding) entries.push({ name: key, key, type, offset: size })
    size += type.bytes
  }

  function write(view: DataView, offset: number, value: RecordValue<F>, le: boolean): void {
    const source = value as Record<string, unknown>
    for (const entry of entries) {
      try {
        entry.type.write(view, offset + entry.offset, source[entry.key], le)
      } catch (cause) {
        throw new RangeError(`${name}.${entry.key}: ${(cause as Error).message}`, { cause })
      }
    }
  }
  function read(view: DataView, offset: number, le: boolean): RecordValue<F> {
    const value: Record<string, unknown> = {}
    for (const entry of entries) value[entry.key] = entry.type.read(view, offset + entry.offset, le)
    return value as RecordValue<F>
  }

  return {
    name,
    littleEndian,
    bytes: size,
    label: name,
    padding: false,
    layout,
    fields: entries,
    write,
    read,
    zero: () => Object.fromEntries(entries.map((e) => [e.key, e.type.zero()])) as RecordValue<F>,
    encode(value) {
      const out = new Uint8Array(size)
      write(new DataView(out.buffer), 0, value, littleEndian)
      return out
    },
    decode(data) {
      if (data.length < size) throw new RangeError(`${name}: needs ${size} bytes, got ${data.length}`)
      return read(new DataView(data.buffer, data.byteOffset, data.length), 0, littleEndian)
    },
  }
}
