/** Tables of all native layouts, for `ferry layouts`, for inspectors, and for comparison with the C headers. */
import type { BitLayout, FieldType, RecordType } from '../util/record.ts'
import { FerryError } from '../util/errors.ts'
import { deviceModelLayouts } from './devicemodel/device-model.ts'
import type { Hypervisor, HypervisorKind, NativeRecord } from './hypervisor.ts'
import { kvmIoapicState, kvmIrqchip, kvmPicState, kvmPitChannelState } from './kvm/chips.ts'
import { kvmDtable, kvmSegment } from './kvm/cpu.ts'
import { kvmDirtyLog, kvmSregs, kvmUserspaceMemoryRegion } from './kvm/ioctls.ts'
import { kvm } from './kvm/kvm.ts'
import { kvmMsrEntry } from './kvm/msrs.ts'
import { qemuPitChannel } from './qemu/pit.ts'
import { qemu } from './qemu/qemu.ts'
import { xenNestedLayouts } from './xen/chips.ts'
import { hvmOneMsr, hvmSaveDescriptor } from './xen/hvm.ts'
import { cpuUserRegs, trapInfo, vcpuGuestContext } from './xen/vcpu-guest-context.ts'
import { xen } from './xen/xen.ts'

export interface LayoutTable {
  /** Whose record it is; `devicemodel` records are QEMU's and stand in both. */
  readonly owner: HypervisorKind | 'devicemodel'
  /** Name of the C struct, or of the vmstate of QEMU. */
  readonly record: string
  readonly bytes: number
  readonly byteOrder: 'little' | 'big'
  readonly fields: readonly {
    readonly name: string
    readonly offset: number
    readonly bytes: number
    readonly type: string
    readonly padding: boolean
    readonly bits?: readonly BitLayout[]
  }[]
}

/** Structs that are no records by themselves: nested ones, the PV view, the descriptor. */
const FURTHER: Readonly<Record<HypervisorKind, readonly RecordType<unknown>[]>> = {
  xen: [hvmSaveDescriptor, ...xenNestedLayouts, hvmOneMsr, vcpuGuestContext, cpuUserRegs, trapInfo],
  kvm: [kvmSegment, kvmDtable, kvmMsrEntry, kvmPitChannelState, kvmSregs, kvmUserspaceMemoryRegion, kvmDirtyLog],
  qemu: [qemuPitChannel],
}

function table(owner: LayoutTable['owner'], type: RecordType<unknown>): LayoutTable {
  return {
    owner,
    record: type.name,
    bytes: type.bytes,
    byteOrder: type.littleEndian ? 'little' : 'big',
    fields: type.layout,
  }
}

/** Every native layout that Ferry knows: Xen's, KVM's, the rest of QEMU's, the device model's. */
export function layoutTables(): LayoutTable[] {
  const own = ({ kind, layouts }: Hypervisor): LayoutTable[] =>
    [...layouts.filter((l) => !deviceModelLayouts.includes(l)), ...FURTHER[kind]].map((l) => table(kind, l))
  // A KVM-like host has QEMU's clock among its own records.
  const ofKvm = new Set(kvm.layouts.map((l) => l.name))
  const ofQemu = own(qemu).filter(({ record }) => !ofKvm.has(record))
  return [...own(xen), ...own(kvm), ...ofQemu, ...deviceModelLayouts.map((l) => table('devicemodel', l))]
}

/** One scalar of a native record as an inspector shows it. */
export interface InspectedField {
  /** `channels[0].count`, `cs.base` … */
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly type: string
  readonly value: number | bigint | boolean | Uint8Array
}

/**
 * A native record field by field, nested structs and arrays unfolded. The union of a kvm_irqchip is read as the chip that
 * it holds. Throws `native.unknown` for a record that the hypervisor does not have, `native.truncated` for a short one.
 */
export function inspectRecord(hypervisor: Hypervisor, native: NativeRecord): InspectedField[] {
  const type = hypervisor.layouts.find((l) => l.name === native.name)
  if (type === undefined) {
    throw new FerryError('native.unknown', `${hypervisor.title} has no record ${native.name}.`, { record: native.name })
  }
  if (native.bytes.length < type.bytes) {
    throw new FerryError('native.truncated', `The record ${native.name} is cut off.`, { record: native.name })
  }
  const out: InspectedField[] = []
  unfold(type, type.decode(native.bytes), '', 0, out)
  if (type.name !== kvmIrqchip.name) return out
  const { chip_id, chip } = kvmIrqchip.decode(native.bytes)
  const held: RecordType<unknown> = chip_id === 2 ? kvmIoapicState : kvmPicState
  const fields = out.filter((f) => f.path !== 'chip')
  unfold(held, held.decode(chip), chip_id === 2 ? 'chip.ioapic' : 'chip.pic', kvmIrqchip.bytes - chip.length, fields)
  return fields
}

function unfold(type: FieldType<unknown>, value: unknown, path: string, offset: number, out: InspectedField[]): void {
  if (Array.isArray(value) && type.element !== undefined) {
    const { element } = type
    value.forEach((item: unknown, i) => unfold(element, item, `${path}[${i}]`, offset + i * element.bytes, out))
  } else if (type.bitLayout !== undefined && isObject(value)) {
    for (const bit of type.bitLayout) {
      const name = `${path.slice(0, path.lastIndexOf('.') + 1)}${bit.name}`
      put(out, name, offset, type.bytes, `bits ${bit.shift}–${bit.shift + bit.width - 1}`, value[bit.name])
    }
  } else if ('fields' in type && isObject(value)) {
    for (const f of (type as RecordType<unknown>).fields) {
      unfold(f.type, value[f.name], path === '' ? f.name : `${path}.${f.name}`, offset + f.offset, out)
    }
  } else {
    put(out, path, offset, type.bytes, type.label, value)
  }
}

function put(out: InspectedField[], path: string, offset: number, bytes: number, type: string, value: unknown): void {
  if (
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean' ||
    value instanceof Uint8Array
  ) {
    out.push({ path, offset, bytes, type, value })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
