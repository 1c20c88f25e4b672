/** `struct kvm_vcpu_events` (Linux 6.1, asm/kvm.h). */
import { pad, record, u32, u64, u8 } from '../../util/record.ts'
import type { Events } from '../../vmstate/cpu.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

const exception = record('exception', 'le', { injected: u8, nr: u8, has_error_code: u8, pending: u8, error_code: u32 })
const interrupt = record('interrupt', 'le', { injected: u8, nr: u8, soft: u8, shadow: u8 })
const nmi = record('nmi', 'le', { injected: u8, pending: u8, masked: u8, pad: pad(1) })
const smi = record('smi', 'le', { smm: u8, pending: u8, smm_inside_nmi: u8, latched_init: u8 })
const tripleFault = record('triple_fault', 'le', { pending: u8 })

export const kvmVcpuEvents = record('kvm_vcpu_events', 'le', {
  exception,
  interrupt,
  nmi,
  sipi_vector: u32,
  flags: u32,
  smi,
  triple_fault: tripleFault,
  reserved: pad(26),
  exception_has_payload: u8,
  exception_payload: u64,
})

/** `KVM_VCPUEVENT_VALID_*`: what is set here, and what KVM knows. */
const VALID = { nmiPending: 1, shadow: 4, known: 0x3f } as const

/** Writes the events. Interrupts wait in the PIC or LAPIC, never here. */
export function packEvents(out: NativeWriter, e: Events): void {
  out.put(kvmVcpuEvents, {
    exception: { injected: 0, nr: 0, has_error_code: 0, pending: 0, error_code: 0 },
    interrupt: { injected: 0, nr: 0, soft: 0, shadow: e.interruptShadow },
    nmi: { injected: 0, pending: e.nmiPending ? 1 : 0, masked: e.nmiMasked ? 1 : 0 },
    sipi_vector: 0,
    flags: VALID.nmiPending | VALID.shadow,
    smi: { smm: 0, pending: 0, smm_inside_nmi: 0, latched_init: 0 },
    triple_fault: { pending: 0 },
    exception_has_payload: 0,
    exception_payload: 0n,
  })
}

/**
 * Reads the events.
 * Errors: `native.flags` for flags that KVM does not know, `native.pending-event` for events that are half delivered.
 */
export function unpackEvents(input: NativeReader, halted: boolean): Events {
  const e = input.one(kvmVcpuEvents)
  if ((e.flags & ~VALID.known) !== 0) refuse('flags', 'kvm_vcpu_events.flags has unknown bits.', { flags: e.flags })
  const { exception: x, interrupt: i, nmi: n, smi: s } = e
  if ((x.injected | x.pending | i.injected | n.injected | s.smm | s.pending | e.triple_fault.pending) !== 0) {
    refuse('pending-event', 'An event is half delivered to the vCPU, which cannot be migrated.')
  }
  return {
    halted,
    interruptShadow: (e.flags & VALID.shadow) !== 0 ? i.shadow : 0,
    nmiPending: (e.flags & VALID.nmiPending) !== 0 && n.pending !== 0,
    nmiMasked: n.masked !== 0,
  }
}
