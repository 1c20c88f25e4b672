/** `struct kvm_msrs`: the model-specific registers that a machine has, as KVM_GET_MSRS lists them. */
import { array, pad, record, u32, u64, type ValueOf } from '../../util/record.ts'
import type { Cpu } from '../../vmstate/cpu.ts'
import { low32, refuse, type NativeReader, type NativeWriter } from '../records.ts'

export const kvmMsrEntry = record('kvm_msr_entry', 'le', { index: u32, reserved: u32, data: u64 })

/** Register numbers (SDM 4, table 2-2). */
const MSR = {
  tsc: 0x10,
  apicBase: 0x1b,
  sysenterCs: 0x174,
  sysenterEsp: 0x175,
  sysenterEip: 0x176,
  pat: 0x277,
  efer: 0xc0000080,
} as const
const INDEXES: readonly number[] = Object.values(MSR)
const PAT_DEFAULT = 0x0007040600070406n

export const kvmMsrs = record('kvm_msrs', 'le', {
  nmsrs: u32,
  pad: pad(4),
  entries: array(kvmMsrEntry, INDEXES.length),
})

/** Writes the list, always of the same registers. */
export function packMsrs(out: NativeWriter, cpu: Cpu): void {
  const entry = (index: number, data: bigint): ValueOf<typeof kvmMsrEntry> => ({ index, reserved: 0, data })
  out.put(kvmMsrs, {
    nmsrs: INDEXES.length,
    entries: [
      entry(MSR.tsc, cpu.tsc),
      entry(MSR.apicBase, cpu.apicBase),
      entry(MSR.sysenterCs, BigInt(cpu.sysenterCs)),
      entry(MSR.sysenterEsp, BigInt(cpu.sysenterEsp)),
      entry(MSR.sysenterEip, BigInt(cpu.sysenterEip)),
      entry(MSR.pat, PAT_DEFAULT),
      entry(MSR.efer, cpu.efer),
    ],
  })
}

/**
 * Reads the list, in any order.
 * @param expected values that stand in kvm_sregs2 too
 * Errors: `native.msr` where a register is unknown, missing or contradicts kvm_sregs2.
 */
export function unpackMsrs(
  input: NativeReader,
  expected: { readonly efer: bigint; readonly apicBase: bigint },
): Pick<Cpu, 'sysenterCs' | 'sysenterEsp' | 'sysenterEip' | 'tsc'> {
  const { nmsrs, entries } = input.one(kvmMsrs)
  if (nmsrs !== INDEXES.length) refuse('msr', `${nmsrs} registers are listed instead of ${INDEXES.length}.`, { nmsrs })
  const values = new Map<number, bigint>()
  for (const { index, data } of entries) {
    if (!INDEXES.includes(index)) refuse('msr', `Register ${index.toString(16)}h cannot be migrated.`, { index })
    values.set(index, data)
  }
  const value = (index: number): bigint => {
    return values.get(index) ?? refuse('msr', `Register ${index.toString(16)}h is missing.`, { index })
  }
  if (value(MSR.efer) !== expected.efer || value(MSR.apicBase) !== expected.apicBase) {
    refuse('msr', 'EFER or IA32_APIC_BASE differs between kvm_msrs and kvm_sregs2.')
  }
  value(MSR.pat)
  return {
    sysenterCs: low32(value(MSR.sysenterCs), 'MSR 174h'),
    sysenterEsp: low32(value(MSR.sysenterEsp), 'MSR 175h'),
    sysenterEip: low32(value(MSR.sysenterEip), 'MSR 176h'),
    tsc: value(MSR.tsc),
  }
}
