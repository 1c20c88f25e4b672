/**
 * Structs of ioctls that a migration on KVM also uses, without being part of a saved state: the older form of the
 * system registers, and those of memory slots and their dirty logs. For inspectors and comparison (`ferry layouts`).
 * Source: `linux/kvm.h`, `asm/kvm.h`.
 */
import { array, pad, record, u32, u64 } from '../../util/record.ts'
import { SYSTEM_REGISTERS } from './cpu.ts'

/** KVM_GET_SREGS: what KVM_GET_SREGS2 (Linux 5.14) replaced; without PDPTEs, with the vector being injected. */
export const kvmSregs = record('kvm_sregs', 'le', { ...SYSTEM_REGISTERS, interrupt_bitmap: array(u64, 4) })

/** KVM_SET_USER_MEMORY_REGION: one memory slot. */
export const kvmUserspaceMemoryRegion = record('kvm_userspace_memory_region', 'le', {
  slot: u32,
  flags: u32,
  guest_phys_addr: u64,
  memory_size: u64,
  userspace_addr: u64,
})

/** KVM_GET_DIRTY_LOG: asks for the bitmap of one slot. */
export const kvmDirtyLog = record('kvm_dirty_log', 'le', { slot: u32, padding1: pad(4), dirty_bitmap: u64 })
