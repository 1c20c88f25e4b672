/** What KVM refuses when a vCPU's registers are set (KVM_SET_SREGS2, KVM_SET_DEBUGREGS), for a CPU without long mode. */
import type { ValueOf } from '../../util/record.ts'
import { refuse } from '../records.ts'
import { PDPTRS_VALID, type KvmSregs2, type kvmDebugregs } from './cpu.ts'

const CR0 = { pe: 1n, pg: 1n << 31n } as const
/** CR4 bits that the guest's CPUID allows: VME to OSXMMEXCPT. */
const CR4_ALLOWED = 0x7ffn
/** SCE and NXE. */
const EFER_ALLOWED = 0x801n

/** Throws `native.cr0`, `native.cr4`, `native.efer`, `native.flags`. */
export function checkSregs(s: KvmSregs2): void {
  if (s.cr0 >> 32n !== 0n) refuse('cr0', 'CR0 must fit in 32 bits.', { field: 'cr0' })
  if ((s.cr0 & (CR0.pe | CR0.pg)) === CR0.pg) refuse('cr0', 'CR0: paging without protected mode.', { field: 'cr0' })
  if ((s.cr4 & ~CR4_ALLOWED) !== 0n) {
    refuse('cr4', `CR4 = 0x${s.cr4.toString(16)}: bits are set that the guest's CPU does not have.`, { field: 'cr4' })
  }
  if ((s.efer & ~EFER_ALLOWED) !== 0n) {
    refuse('efer', `EFER = 0x${s.efer.toString(16)}: bits are set that the guest's CPU does not have.`, {
      field: 'efer',
    })
  }
  if ((s.flags & ~PDPTRS_VALID) !== 0n) refuse('flags', 'kvm_sregs2.flags has unknown bits.', { field: 'flags' })
}

/** Throws `native.debug-register`, `native.flags`. */
export function checkDebugregs(d: ValueOf<typeof kvmDebugregs>): void {
  if (d.dr6 >> 32n !== 0n || d.dr7 >> 32n !== 0n) {
    refuse('debug-register', 'DR6 and DR7 must fit in 32 bits.', { field: 'dr6' })
  }
  if (d.flags !== 0n) refuse('flags', 'kvm_debugregs.flags must be zero.', { field: 'flags' })
}
