/**
 * How structs of QEMU's vmstate stand in a section: one record after the other, nested structs, and behind each struct its
 * subsections, which are there or not. A section is read into records of fixed layout and written from them.
 */
import { FerryError } from '../../../util/errors.ts'
import type { RecordType } from '../../../util/record.ts'
import type { NativeRecord } from '../../hypervisor.ts'

/** `QEMU_VM_SUBSECTION` (migration/savevm.h). */
const SUBSECTION = 0x05
const NAME_MAX = 255

export interface Struct {
  /** Name of the struct; those of its subsections begin with it. */
  readonly name: string
  readonly items: readonly Item[]
  readonly subsections: readonly Subsection[]
}
export type Item = { readonly type: RecordType<unknown>; readonly instance: number; readonly part?: Part } | Struct

/** Bytes of a record that are in the stream only where a field is not zero (`VMSTATE_*_TEST`). */
export interface Part {
  readonly offset: number
  readonly bytes: number
  readonly present: (before: Uint8Array) => boolean
}

export interface Subsection {
  readonly name: string
  readonly version: number
  readonly struct: Struct
  /** Records that stand for it where it is absent; without this, nothing does. */
  readonly absent?: (records: readonly NativeRecord[]) => NativeRecord[]
  /** It is read, and means nothing here. */
  readonly ignored?: true
}

/** More bytes are needed before a section can be read. */
export class MoreNeeded extends Error {
  readonly total: number
  /** @param total bytes needed, from the start of the input */
  constructor(total: number) {
    super(`${total} bytes are needed`)
    this.total = total
  }
}

/** A place in bytes that have come so far. Throws `MoreNeeded` behind their end. */
export class Cursor {
  at: number
  readonly bytes: Uint8Array
  readonly #view: DataView
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  need(count: number): void {
    if (this.at + count > this.bytes.length) throw new MoreNeeded(this.at + count)
  }
  u8(): number {
    this.need(1)
    return this.#view.getUint8(this.at++)
  }
  u16(): number {
    this.need(2)
    this.at += 2
    return this.#view.getUint16(this.at - 2)
  }
  u32(): number {
    this.need(4)
    this.at += 4
    return this.#view.getUint32(this.at - 4)
  }
  u64(): bigint {
    this.need(8)
    this.at += 8
    return this.#view.getBigUint64(this.at - 8)
  }
  take(count: number): Uint8Array {
    this.need(count)
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }
  /** A name: one byte of length, then as many of ASCII. */
  name(): string {
    return Buffer.from(this.take(this.u8())).toString('latin1')
  }
}

/** Reads a struct's records. Throws `MoreNeeded`, or `qemu.subsection` for one that our machine has not. */
export function readStruct(struct: Struct, input: Cursor): NativeRecord[] {
  const records: NativeRecord[] = []
  for (const item of struct.items) {
    if ('items' in item) records.push(...readStruct(item, input))
    else if (isPadding(item)) input.take(item.type.bytes)
    else records.push({ name: item.type.name, instance: item.instance, bytes: readItem(item, input) })
  }
  const missing = new Map(struct.subsections.map((s) => [s.name, s]))
  while (atSubsection(struct.name, input)) {
    input.at += 1
    const name = input.name()
    const version = input.u32()
    const subsection = missing.get(name)
    if (subsection?.version !== version) throw unknownSubsection(name, version)
    missing.delete(name)
    const read = readStruct(subsection.struct, input)
    if (subsection.ignored !== true) records.push(...read)
  }
  for (const { absent } of missing.values()) records.push(...(absent?.(records) ?? []))
  return records
}

/**
 * Whether a subsection of this struct comes next. What follows a nested struct may begin with the same byte, so the name
 * decides, as in QEMU (migration/vmstate.c, `vmstate_subsection_load`). Behind a section comes its footer: there is always
 * something to look at.
 */
function atSubsection(struct: string, input: Cursor): boolean {
  const { bytes, at } = input
  input.need(1)
  if (bytes[at] !== SUBSECTION) return false
  input.need(2)
  if ((bytes[at + 1] ?? 0) <= struct.length) return false
  input.need(2 + struct.length)
  return Buffer.from(bytes.subarray(at + 2, at + 2 + struct.length)).toString('latin1') === struct
}

function unknownSubsection(name: string, version: number): FerryError {
  return new FerryError(
    'qemu.subsection',
    `QEMU's stream has the subsection ${name} (version ${version}): its machine is in a state that ours does not know. The guest stays where it is.`,
    { name, version },
  )
}

/** Nothing of it means anything here. */
const isPadding = ({ type }: Exclude<Item, Struct>): boolean => type.fields.length === 0

function readItem({ type, part }: Exclude<Item, Struct>, input: Cursor): Uint8Array<ArrayBuffer> {
  if (part === undefined) return Uint8Array.from(input.take(type.bytes))
  const out = new Uint8Array(type.bytes)
  out.set(input.take(part.offset))
  if (part.present(out)) out.set(input.take(part.bytes), part.offset)
  const behind = part.offset + part.bytes
  out.set(input.take(type.bytes - behind), behind)
  return out
}

/** Appends a struct's bytes, subsections included, to `out`. `find` gives a record's bytes, undefined where there is none. */
export function writeStruct(
  struct: Struct,
  find: (name: string, instance: number) => Uint8Array | undefined,
  out: Uint8Array[],
): void {
  for (const item of struct.items) {
    if ('items' in item) writeStruct(item, find, out)
    else if (isPadding(item)) out.push(new Uint8Array(item.type.bytes))
    else writeItem(item, find(item.type.name, item.instance), out)
  }
  for (const { name, version, struct: inner, ignored } of struct.subsections) {
    const first = inner.items[0]
    if (ignored === true || first === undefined || 'items' in first) continue
    if (find(first.type.name, first.instance) === undefined) continue
    const head = new Uint8Array(6 + name.length)
    if (name.length > NAME_MAX) throw new RangeError(name)
    head.set([SUBSECTION, name.length])
    head.set(Buffer.from(name, 'latin1'), 2)
    new DataView(head.buffer).setUint32(2 + name.length, version)
    out.push(head)
    writeStruct(inner, find, out)
  }
}

function writeItem(
  { type, instance, part }: Exclude<Item, Struct>,
  bytes: Uint8Array | undefined,
  out: Uint8Array[],
): void {
  if (bytes?.length !== type.bytes) {
    throw new FerryError('native.missing', `The record ${type.name}/${instance} is missing or not whole.`, {
      record: type.name,
      instance,
    })
  }
  if (part === undefined) {
    out.push(bytes)
    return
  }
  out.push(bytes.subarray(0, part.offset))
  const behind = part.offset + part.bytes
  if (part.present(bytes)) out.push(bytes.subarray(part.offset, behind))
  out.push(bytes.subarray(behind))
}
