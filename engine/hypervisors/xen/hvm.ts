/**
 * The records of an HVM save image that are not a chip's: header, MTRR, TSC_ADJUST, MSR, end, and the form in which Xen
 * puts all of them in a row, each behind a descriptor (xen/hvm/save.h).
 */
import { array, pad, record, u16, u32, u64 } from '../../util/record.ts'
import { FerryError } from '../../util/errors.ts'
import type { NativeRecord } from '../hypervisor.ts'
import { refuse, type NativeReader } from '../records.ts'

export const hvmSaveDescriptor = record('hvm_save_descriptor', 'le', { typecode: u16, instance: u16, length: u32 })
export const hvmSaveHeader = record('hvm_save_header', 'le', {
  magic: u32,
  version: u32,
  changeset: u64,
  cpuid: u32,
  gtsc_khz: u32,
})
export const hvmHwMtrr = record('hvm_hw_mtrr', 'le', {
  msr_pat_cr: u64,
  msr_mtrr_var: array(u64, 16),
  msr_mtrr_fixed: array(u64, 11),
  msr_mtrr_cap: u64,
  msr_mtrr_def_type: u64,
})
export const hvmTscAdjust = record('hvm_tsc_adjust', 'le', { tsc_adjust: u64 })
/** Followed by `count` × `hvm_one_msr`. */
export const hvmMsr = record('hvm_msr', 'le', { count: u32, reserved: pad(4) })
export const hvmOneMsr = record('hvm_one_msr', 'le', { index: u32, _rsvd: u32, val: u64 })
export const hvmSaveEnd = record('hvm_save_end', 'le', {})

/** `HVM_FILE_MAGIC`, `HVM_FILE_VERSION`. */
export const FILE_MAGIC = 0x54381286
export const FILE_VERSION = 1

/** Type codes (`DECLARE_HVM_SAVE_TYPE`) of the records, by the name of their struct. */
export const TYPE_CODES: ReadonlyMap<string, number> = new Map([
  ['hvm_save_end', 0],
  ['hvm_save_header', 1],
  ['hvm_hw_cpu', 2],
  ['hvm_hw_vpic', 3],
  ['hvm_hw_vioapic', 4],
  ['hvm_hw_lapic', 5],
  ['hvm_hw_lapic_regs', 6],
  ['hvm_hw_pci_irqs', 7],
  ['hvm_hw_isa_irqs', 8],
  ['hvm_hw_pci_link', 9],
  ['hvm_hw_pit', 10],
  ['hvm_hw_rtc', 11],
  ['hvm_hw_mtrr', 14],
  ['hvm_tsc_adjust', 19],
  ['hvm_msr', 20],
])
const NAMES = new Map([...TYPE_CODES].map(([name, code]) => [code, name]))

/** PAT after reset (SDM 3A, 11.12.4), and the variable ranges that MTRRCAP announces: eight, with fixed ranges and WC. */
const PAT_DEFAULT = 0x0007040600070406n
const MTRR_CAP = 0x508n

/** The guest's CPU has no MTRR: all ranges disabled. */
export const MTRR_DEFAULT = {
  msr_pat_cr: PAT_DEFAULT,
  msr_mtrr_var: new Array<bigint>(16).fill(0n),
  msr_mtrr_fixed: new Array<bigint>(11).fill(0n),
  msr_mtrr_cap: MTRR_CAP,
  msr_mtrr_def_type: 0n,
}

/** Reads what holds no state of this guest, and refuses what would be lost: `native.header`, `native.msr`. */
export function unpackFixed(input: NativeReader): { tscKHz: number } {
  const header = input.one(hvmSaveHeader)
  if (header.magic !== FILE_MAGIC || header.version !== FILE_VERSION) {
    refuse('header', `Not an HVM save image of version ${FILE_VERSION}.`, {
      magic: header.magic,
      version: header.version,
    })
  }
  input.one(hvmHwMtrr)
  if (input.one(hvmTscAdjust).tsc_adjust !== 0n) refuse('msr', 'IA32_TSC_ADJUST is in use and cannot be migrated.')
  // Absent where it would be empty, as Xen does.
  const msrs = input.raw(hvmMsr.name)
  if (msrs !== undefined) {
    if (msrs.bytes.length < hvmMsr.bytes) refuse('truncated', 'The record hvm_msr is cut off.')
    const { count } = hvmMsr.decode(msrs.bytes)
    if (msrs.bytes.length !== hvmMsr.bytes + count * hvmOneMsr.bytes) {
      refuse('msr', `hvm_msr announces ${count} registers and has ${msrs.bytes.length} bytes.`)
    }
    if (count > 0) refuse('msr', 'The guest uses model-specific registers that cannot be migrated.', { count })
  }
  input.one(hvmSaveEnd)
  return { tscKHz: header.gtsc_khz }
}

/**
 * The HVM records of a list as Xen's save image: each behind its descriptor, in the order of the list. Records of the
 * device model (the EMULATOR_CONTEXT) are left out.
 */
export function toHvmContext(records: readonly NativeRecord[]): Uint8Array<ArrayBuffer> {
  const own = records.flatMap((r) => {
    const typecode = TYPE_CODES.get(r.name)
    return typecode === undefined ? [] : [{ typecode, instance: r.instance, bytes: r.bytes }]
  })
  const out = new Uint8Array(own.reduce((sum, r) => sum + hvmSaveDescriptor.bytes + r.bytes.length, 0))
  let offset = 0
  for (const { typecode, instance, bytes } of own) {
    out.set(hvmSaveDescriptor.encode({ typecode, instance, length: bytes.length }), offset)
    offset += hvmSaveDescriptor.bytes
    out.set(bytes, offset)
    offset += bytes.length
  }
  return out
}

/**
 * Xen's save image as records. Throws `native.truncated` where it ends within a record or before the end record,
 * `native.unknown` for a type code that no record here has, `native.oversized` for bytes behind the end record.
 */
export function fromHvmContext(image: Uint8Array): NativeRecord[] {
  const records: NativeRecord[] = []
  let offset = 0
  for (;;) {
    if (offset + hvmSaveDescriptor.bytes > image.length) {
      throw new FerryError('native.truncated', 'The HVM context ends before its end record.', { offset })
    }
    const { typecode, instance, length } = hvmSaveDescriptor.decode(image.subarray(offset))
    offset += hvmSaveDescriptor.bytes
    if (length > image.length - offset) {
      throw new FerryError('native.truncated', 'The HVM context ends within a record.', { offset, typecode, length })
    }
    const name = NAMES.get(typecode)
    if (name === undefined) {
      throw new FerryError('native.unknown', `Type code ${typecode} is unknown here.`, { typecode, instance })
    }
    records.push({ name, instance, bytes: image.slice(offset, offset + length) })
    offset += length
    if (name === hvmSaveEnd.name) break
  }
  if (offset !== image.length) {
    throw new FerryError('native.oversized', 'Bytes follow the end record of the HVM context.', { offset })
  }
  return records
}
