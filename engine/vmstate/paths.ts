/**
 * Paths to fields of the sections: `channels.*.startCount` in `pit` names three fields, `cmos[14..127]` in `rtc` a part
 * of a byte string, the empty path a whole section. A path is compiled once into the places that it names.
 */
import { FerryError } from '../util/errors.ts'
import type { FieldType, RecordType } from '../util/record.ts'
import { SECTIONS, type MachineState, type SectionName } from './state.ts'

/** One field named by a path: the way to its container, its key there, and what of it is meant. */
interface Place {
  readonly way: readonly (string | number)[]
  readonly key: string | number
  readonly type: FieldType<unknown>
  /** Byte strings: the first and the last byte meant. */
  readonly range: { readonly first: number; readonly last: number } | null
  /** Offset within the path's bytes, and size there. */
  readonly offset: number
  readonly bytes: number
}

/** All fields that a path names, in the order of the section's table, and the bytes that they take together. */
export interface CompiledPath {
  readonly section: SectionName
  readonly path: string
  readonly places: readonly Place[]
  readonly bytes: number
}

const cache = new Map<string, CompiledPath>()
const CACHE_LIMIT = 256
/** Dots between steps, but not those of a range. */
const STEP = /\.(?![^[]*\])/

/**
 * Compiles a path. Results are kept, as the same few paths are used over and over.
 * Throws `vmstate.extension` where the section's table has no such field.
 */
export function compilePath(section: SectionName, path: string): CompiledPath {
  const id = `${section}:${path}`
  const known = cache.get(id)
  if (known !== undefined) return known
  const type: RecordType<unknown> = SECTIONS[section].type
  const places: Place[] = []
  // The section itself stands in the state under its name.
  collect({ section, path }, type, [section], path === '' ? [] : path.split(STEP), places)
  const last = places.at(-1)
  const compiled = { section, path, places, bytes: last === undefined ? 0 : last.offset + last.bytes }
  if (cache.size < CACHE_LIMIT) cache.set(id, compiled)
  return compiled
}

function unknown(where: { section: SectionName; path: string }): FerryError {
  const message = `The section ${where.section} has no field '${where.path}'.`
  return new FerryError('vmstate.extension', message, { section: where.section, path: where.path })
}

function collect(
  where: { section: SectionName; path: string },
  type: FieldType<unknown>,
  way: readonly (string | number)[],
  steps: readonly string[],
  places: Place[],
): void {
  const [step, ...rest] = steps
  if (step === undefined) {
    place(type, way, null, places)
    return
  }
  if (type.element !== undefined && type.count !== undefined) {
    for (const index of indexes(where, step, type.count)) collect(where, type.element, [...way, index], rest, places)
    return
  }
  const match = /^(\w+)(?:\[(\d{1,5})\.\.(\d{1,5})\])?$/.exec(step)
  const field = fieldsOf(type).find((f) => f.name === match?.[1])
  if (match === null || field === undefined) throw unknown(where)
  const target = [...way, field.name]
  if (match[2] === undefined) {
    collect(where, field.type, target, rest, places)
    return
  }
  const range = { first: Number(match[2]), last: Number(match[3]) }
  const isBytes = field.type.label.startsWith('u8[') && field.type.element === undefined
  if (!isBytes || rest.length > 0 || range.first > range.last || range.last >= field.type.bytes) throw unknown(where)
  place(field.type, target, range, places)
}

function place(
  type: FieldType<unknown>,
  target: readonly (string | number)[],
  range: Place['range'],
  places: Place[],
): void {
  const last = places.at(-1)
  const key = target.at(-1)
  if (key === undefined) return
  places.push({
    way: target.slice(0, -1),
    key,
    type,
    range,
    offset: last === undefined ? 0 : last.offset + last.bytes,
    bytes: range === null ? type.bytes : range.last - range.first + 1,
  })
}

function indexes(where: { section: SectionName; path: string }, step: string, count: number): number[] {
  if (step === '*') return Array.from({ length: count }, (_, i) => i)
  if (!/^\d{1,5}$/.test(step) || Number(step) >= count) throw unknown(where)
  return [Number(step)]
}

function fieldsOf(type: FieldType<unknown>): RecordType<unknown>['fields'] {
  return 'fields' in type && Array.isArray(type.fields) ? (type as RecordType<unknown>).fields : []
}

function container(state: MachineState, p: Place): Record<string | number, unknown> {
  let value: unknown = state
  // The way was compiled from the section's own table, so that every step is there.
  for (const step of p.way) value = (value as Record<string | number, unknown>)[step]
  return value as Record<string | number, unknown>
}

/** Copies the named fields into `view` at `at`, little-endian. The state must have the section. */
export function readPath(compiled: CompiledPath, state: MachineState, view: DataView, at: number): void {
  for (const p of compiled.places) {
    const value = container(state, p)[p.key]
    if (p.range === null) {
      p.type.write(view, at + p.offset, value, true)
    } else if (value instanceof Uint8Array) {
      const part = value.subarray(p.range.first, p.range.last + 1)
      new Uint8Array(view.buffer, view.byteOffset + at + p.offset, p.bytes).set(part)
    }
  }
}

/** Puts the bytes at `at` back into the named fields of `state`, which is changed in place. */
export function writePath(compiled: CompiledPath, state: MachineState, view: DataView, at: number): void {
  for (const p of compiled.places) {
    const owner = container(state, p)
    const value = owner[p.key]
    if (p.range === null) {
      owner[p.key] = p.type.read(view, at + p.offset, true)
    } else if (value instanceof Uint8Array) {
      value.set(new Uint8Array(view.buffer, view.byteOffset + at + p.offset, p.bytes), p.range.first)
    }
  }
}
