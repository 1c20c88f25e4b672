/**
 * What a hypervisor is to the rest of Ferry: a native form for the state of a machine, a view of its memory, a log of
 * dirty pages. It never sees the emulator, and may as well stand for a process outside of Ferry.
 */
import type { MachineState, SectionName } from '../vmstate/state.ts'
import type { RecordType } from '../util/record.ts'

export type HypervisorKind = 'xen' | 'kvm' | 'qemu'
/** Kinds whose machines Ferry runs itself; a QEMU is a process of its own. */
export type EmulatedKind = Exclude<HypervisorKind, 'qemu'>

/** One native record, as the hypervisor would save it. `instance` tells equal records apart (two PICs). */
export interface NativeRecord {
  /** Name of the record in `layouts`. */
  readonly name: string
  readonly instance: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A field of the common format that a native form has no place for. */
export interface NotRepresentable {
  readonly section: SectionName
  /**
   * Path within the section; `*` stands for every index: `channels.*.startCount`. A part of a byte string is named by
   * its first and last index: `cmos[14..127]`. Empty: the whole section.
   */
  readonly path: string
  /** Why, in a sentence, for the user. */
  readonly reason: string
}

/** A reason for which a machine in some state cannot be one of this hypervisor's. */
export interface Refusal {
  /** Stable, kebab-case; `pack` throws `native.<what>`. */
  readonly what: string
  /** A sentence for the user. */
  readonly why: string
}

export interface Hypervisor<Kind extends HypervisorKind = HypervisorKind> {
  readonly kind: Kind
  readonly title: string
  /** Layouts of all native records, for dumps and comparison with the C headers. */
  readonly layouts: readonly RecordType<unknown>[]
  readonly notRepresentable: readonly NotRepresentable[]
  /** All that keeps a machine in this state from being one of its own; absent: nothing that could be told before. Pure. */
  refusals?(state: MachineState): readonly Refusal[]
  /** State → native records. Pure. */
  pack(state: MachineState): readonly NativeRecord[]
  /**
   * Native records → state. Pure. What the native form cannot hold is zero, or the part of it that the form does tell.
   * `capturedAtNs` is no state of the guest: 0n where the native form has no place for it (Xen).
   * Throws FerryError `native.*` for records that the hypervisor itself would refuse.
   */
  unpack(records: readonly NativeRecord[]): MachineState
}
