/** What Xen refuses when a saved vCPU is loaded (`hvm_load_cpu_ctxt`), for a guest CPU without long mode. */
import { refuse } from '../records.ts'
import type { HvmHwCpu } from './cpu.ts'

const CR0 = { pe: 1n << 0n, et: 1n << 4n, pg: 1n << 31n } as const
/** CR4 bits that the guest's CPUID allows: VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT. */
const CR4_ALLOWED = 0x7ffn
/** EFER bits that exist without long mode: SCE and NXE. */
const EFER_ALLOWED = 0x801n
const EFER_LONG_MODE = 0x500n

const hex = (value: bigint): string => `0x${value.toString(16)}`

/** Throws `native.pad`, `native.cr0`, `native.cr4`, `native.efer` or `native.debug-register`. */
export function checkCpu(r: HvmHwCpu): void {
  if (r.pad0 !== 0) refuse('pad', 'hvm_hw_cpu.pad0 must be zero.', { field: 'pad0' })
  if (r.cr0 >> 32n !== 0n || (r.cr0 & CR0.et) === 0n) {
    refuse('cr0', `CR0 = ${hex(r.cr0)}: ET must be set and the upper half clear.`, { field: 'cr0' })
  }
  if ((r.cr0 & (CR0.pe | CR0.pg)) === CR0.pg) {
    refuse('cr0', `CR0 = ${hex(r.cr0)}: paging without protected mode.`, { field: 'cr0' })
  }
  if ((r.cr4 & ~CR4_ALLOWED) !== 0n) {
    refuse('cr4', `CR4 = ${hex(r.cr4)}: bits are set that the guest's CPU does not have.`, { field: 'cr4' })
  }
  if ((r.msr_efer & EFER_LONG_MODE) !== 0n) {
    refuse('efer', `EFER = ${hex(r.msr_efer)}: the guest's CPU has no long mode.`, { field: 'msr_efer' })
  }
  if ((r.msr_efer & ~EFER_ALLOWED) !== 0n) {
    refuse('efer', `EFER = ${hex(r.msr_efer)}: reserved bits are set.`, { field: 'msr_efer' })
  }
  if (r.dr6 >> 32n !== 0n || r.dr7 >> 32n !== 0n) {
    refuse('debug-register', 'DR6 and DR7 must fit in 32 bits.', { field: 'dr6' })
  }
}
