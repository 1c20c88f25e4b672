/** A guest looked into: its state in both native forms and between them, its memory, its screen. */
import type { FieldView, MemoryViewView, RecordView, ScreenView, StateView } from '../contract/lab.ts'
import type { HostKind } from '../contract/report.ts'
import type { Hypervisor, NativeRecord } from '../hypervisors/hypervisor.ts'
import { inspectRecord } from '../hypervisors/layouts.ts'
import type { MemoryView } from '../hypervisors/memory-view.ts'
import { fromCommon, toCommon } from '../hypervisors/translate.ts'
import type { ScreenImage } from '../machine/machine.ts'
import type { FieldType, RecordType } from '../util/record.ts'
import { type MachineState, SECTION_NAMES, SECTIONS } from '../vmstate/state.ts'

type Scalar = number | bigint | boolean | Uint8Array

function shown(value: Scalar, bytes: number): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (value instanceof Uint8Array)
    return Buffer.from(value)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1 ')
  return `0x${BigInt.asUintN(8 * bytes, BigInt(value))
    .toString(16)
    .padStart(2 * bytes, '0')}`
}

const isScalar = (value: unknown): value is Scalar =>
  ['number', 'bigint', 'boolean'].includes(typeof value) || value instanceof Uint8Array

/** Unfolds nested records and arrays of a section of the common format. */
function fieldsOf(type: FieldType<unknown>, value: unknown, path: string, offset: number): FieldView[] {
  if (isScalar(value)) return [{ path, offset, bytes: type.bytes, type: type.label, value: shown(value, type.bytes) }]
  if (Array.isArray(value) && type.element !== undefined) {
    const { element } = type
    return value.flatMap((item, i) => fieldsOf(element, item, `${path}[${i}]`, offset + i * element.bytes))
  }
  if (!('fields' in type) || typeof value !== 'object' || value === null) return []
  const held = value as Readonly<Record<string, unknown>>
  return (type as RecordType<unknown>).fields.flatMap((field) =>
    fieldsOf(field.type, held[field.name], path === '' ? field.name : `${path}.${field.name}`, offset + field.offset),
  )
}

const nativeViews = (hypervisor: Hypervisor, records: readonly NativeRecord[]): RecordView[] =>
  records.map((native) => ({
    name: native.name,
    instance: native.instance,
    bytes: native.bytes.length,
    fields: inspectRecord(hypervisor, native).map((field) => ({ ...field, value: shown(field.value, field.bytes) })),
  }))

/** The state on its way from one hypervisor to another: native records, common format, native records. */
export function stateOf(source: Hypervisor<HostKind>, target: Hypervisor<HostKind>, state: MachineState): StateView {
  const there = toCommon(source, state)
  const here = fromCommon(target, there.bytes)
  const common = SECTION_NAMES.flatMap((name): RecordView[] => {
    const value: unknown = here.state[name]
    const { type } = SECTIONS[name]
    return value === undefined ? [] : [{ name, instance: 0, bytes: type.bytes, fields: fieldsOf(type, value, '', 0) }]
  })
  const lost = ({ kind, notRepresentable }: Hypervisor<HostKind>) =>
    notRepresentable.map((field) => ({ kind, ...field }))
  return {
    source: { kind: source.kind, records: nativeViews(source, there.native) },
    common,
    target: { kind: target.kind, records: nativeViews(target, here.native) },
    not_representable: source === target ? lost(source) : [...lost(source), ...lost(target)],
  }
}

export function memoryOf(view: MemoryView, limit: number, withFrames: boolean): MemoryViewView {
  const { frames } = view
  return {
    kind: view.kind,
    mode: view.mode,
    pages: view.pages,
    rows_total: view.stretches,
    frames: withFrames && frames !== null ? base64(frames) : null,
    rows: view.describe(limit).map((row) => ({
      name: row.name,
      guest_address: row.guestAddress,
      bytes: row.bytes,
      target: row.target,
      logged: row.logged,
      dirty_pages: row.dirtyPages,
    })),
  }
}

export function screenView(image: ScreenImage): ScreenView {
  if (image.kind === 'text') return { ...image, lines: [...image.lines] }
  const { width, height, rgba } = image
  return { kind: 'graphics', width, height, rgba: base64(rgba) }
}

/** The bytes of an array as they lie in memory: little endian, as on all machines that Ferry runs on. */
export function base64({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}
