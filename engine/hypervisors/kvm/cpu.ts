/**
 * The vCPU as KVM's ioctls return it (Linux 6.1, asm/kvm.h): kvm_regs, kvm_sregs2, kvm_debugregs, kvm_msrs,
 * kvm_vcpu_events, kvm_mp_state. kvm_sregs2 is used rather than kvm_sregs because it alone has the four page-directory
 * pointers; in exchange it lacks `interrupt_bitmap`, which is always empty here (an interrupt waits in the PIC or LAPIC).
 */
import { array, pad, record, u16, u32, u64, u8, type ValueOf } from '../../util/record.ts'
import type { Cpu, Events, Segment, TableRegister } from '../../vmstate/cpu.ts'
import { low32, mustBeZero, refuse } from '../records.ts'

export const kvmRegs = record('kvm_regs', 'le', {
  rax: u64,
  rbx: u64,
  rcx: u64,
  rdx: u64,
  rsi: u64,
  rdi: u64,
  rsp: u64,
  rbp: u64,
  r8: u64,
  r9: u64,
  r10: u64,
  r11: u64,
  r12: u64,
  r13: u64,
  r14: u64,
  r15: u64,
  rip: u64,
  rflags: u64,
})
export const kvmSegment = record('kvm_segment', 'le', {
  base: u64,
  limit: u32,
  selector: u16,
  type: u8,
  present: u8,
  dpl: u8,
  db: u8,
  s: u8,
  l: u8,
  g: u8,
  avl: u8,
  unusable: u8,
  padding: pad(1),
})
export const kvmDtable = record('kvm_dtable', 'le', { base: u64, limit: u16, padding: pad(6) })
/** What `kvm_sregs` and `kvm_sregs2` begin with. */
export const SYSTEM_REGISTERS = {
  cs: kvmSegment,
  ds: kvmSegment,
  es: kvmSegment,
  fs: kvmSegment,
  gs: kvmSegment,
  ss: kvmSegment,
  tr: kvmSegment,
  ldt: kvmSegment,
  gdt: kvmDtable,
  idt: kvmDtable,
  cr0: u64,
  cr2: u64,
  cr3: u64,
  cr4: u64,
  cr8: u64,
  efer: u64,
  apic_base: u64,
}
export const kvmSregs2 = record('kvm_sregs2', 'le', { ...SYSTEM_REGISTERS, flags: u64, pdptrs: array(u64, 4) })
export const kvmDebugregs = record('kvm_debugregs', 'le', {
  db: array(u64, 4),
  dr6: u64,
  dr7: u64,
  flags: u64,
  reserved: pad(72),
})
export const kvmMpState = record('kvm_mp_state', 'le', { mp_state: u32 })
export type KvmSregs2 = ValueOf<typeof kvmSregs2>

/** `KVM_SREGS2_FLAGS_PDPTRS_VALID`, `KVM_MP_STATE_*`. */
export const PDPTRS_VALID = 1n
const MP_STATE = { runnable: 0, halted: 3 } as const
const CR0_PG = 0x80000000
const CR4_PAE = 0x20

function packSegment(s: Segment): ValueOf<typeof kvmSegment> {
  const a = s.access
  return {
    base: BigInt(s.base),
    limit: s.limit,
    selector: s.selector,
    type: a & 15,
    present: (a >> 7) & 1,
    dpl: (a >> 5) & 3,
    db: (a >> 10) & 1,
    s: (a >> 4) & 1,
    l: (a >> 9) & 1,
    g: (a >> 11) & 1,
    avl: (a >> 8) & 1,
    unusable: s.unusable ? 1 : 0,
  }
}

function unpackSegment(s: ValueOf<typeof kvmSegment>, name: string): Segment {
  const bit = (value: number, shift: number): number => (value !== 0 ? 1 << shift : 0)
  return {
    selector: s.selector,
    access:
      (s.type & 15) |
      bit(s.s, 4) |
      ((s.dpl & 3) << 5) |
      bit(s.present, 7) |
      bit(s.avl, 8) |
      bit(s.l, 9) |
      bit(s.db, 10) |
      bit(s.g, 11),
    unusable: s.unusable !== 0,
    limit: s.limit,
    base: low32(s.base, `kvm_sregs2.${name}.base`),
  }
}

const packTable = (t: TableRegister): ValueOf<typeof kvmDtable> => ({ base: BigInt(t.base), limit: t.limit })
const unpackTable = (t: ValueOf<typeof kvmDtable>, name: string): TableRegister => {
  return { base: low32(t.base, `kvm_sregs2.${name}.base`), limit: t.limit }
}

/** Neutral → general registers. */
export function packRegs(cpu: Cpu): ValueOf<typeof kvmRegs> {
  return {
    rax: BigInt(cpu.eax),
    rbx: BigInt(cpu.ebx),
    rcx: BigInt(cpu.ecx),
    rdx: BigInt(cpu.edx),
    rsi: BigInt(cpu.esi),
    rdi: BigInt(cpu.edi),
    rsp: BigInt(cpu.esp),
    rbp: BigInt(cpu.ebp),
    r8: 0n,
    r9: 0n,
    r10: 0n,
    r11: 0n,
    r12: 0n,
    r13: 0n,
    r14: 0n,
    r15: 0n,
    rip: BigInt(cpu.eip),
    rflags: BigInt(cpu.eflags),
  }
}

/**
 * Neutral → special registers.
 * @param taskPriority TPR of the local APIC; CR8 is its upper half
 */
export function packSregs(cpu: Cpu, taskPriority: number): KvmSregs2 {
  const pae = (cpu.cr0 & CR0_PG) !== 0 && (cpu.cr4 & CR4_PAE) !== 0
  const ss = packSegment(cpu.ss)
  return {
    cs: packSegment(cpu.cs),
    ds: packSegment(cpu.ds),
    es: packSegment(cpu.es),
    fs: packSegment(cpu.fs),
    gs: packSegment(cpu.gs),
    // The privilege level has no other place than SS.DPL.
    ss: { ...ss, dpl: cpu.cpl },
    tr: packSegment(cpu.tr),
    ldt: packSegment(cpu.ldtr),
    gdt: packTable(cpu.gdtr),
    idt: packTable(cpu.idtr),
    cr0: BigInt(cpu.cr0),
    cr2: BigInt(cpu.cr2),
    cr3: BigInt(cpu.cr3),
    cr4: BigInt(cpu.cr4),
    cr8: BigInt((taskPriority >> 4) & 15),
    efer: cpu.efer,
    apic_base: cpu.apicBase,
    flags: pae ? PDPTRS_VALID : 0n,
    pdptrs: pae ? cpu.pdpte : [0n, 0n, 0n, 0n],
  }
}

/** Neutral → debug registers. */
export function packDebugregs(cpu: Cpu): ValueOf<typeof kvmDebugregs> {
  return { db: cpu.dr.map(BigInt), dr6: BigInt(cpu.dr6), dr7: BigInt(cpu.dr7), flags: 0n }
}

/** The records of a vCPU that make up the neutral CPU. `sysenter` and `tsc` come from the MSRs. */
export interface VcpuRecords {
  readonly regs: ValueOf<typeof kvmRegs>
  readonly sregs: KvmSregs2
  readonly debugregs: ValueOf<typeof kvmDebugregs>
  readonly msrs: Pick<Cpu, 'sysenterCs' | 'sysenterEsp' | 'sysenterEip' | 'tsc'>
  readonly tscKHz: number
}

/** Records → neutral. Throws `native.not-32-bit`. */
export function unpackCpu({ regs: r, sregs: s, debugregs: d, msrs, tscKHz }: VcpuRecords): Cpu {
  const { r8, r9, r10, r11, r12, r13, r14, r15 } = r
  mustBeZero({ r8, r9, r10, r11, r12, r13, r14, r15 }, 'kvm_regs')
  const word = (field: keyof typeof r): number => low32(r[field], `kvm_regs.${field}`)
  const ss = unpackSegment(s.ss, 'ss')
  return {
    eax: word('rax'),
    ecx: word('rcx'),
    edx: word('rdx'),
    ebx: word('rbx'),
    esp: word('rsp'),
    ebp: word('rbp'),
    esi: word('rsi'),
    edi: word('rdi'),
    eip: word('rip'),
    eflags: word('rflags'),
    cr0: low32(s.cr0, 'kvm_sregs2.cr0'),
    cr2: low32(s.cr2, 'kvm_sregs2.cr2'),
    cr3: low32(s.cr3, 'kvm_sregs2.cr3'),
    cr4: low32(s.cr4, 'kvm_sregs2.cr4'),
    dr: d.db.map((value, i) => low32(value, `kvm_debugregs.db[${i}]`)),
    dr6: low32(d.dr6, 'kvm_debugregs.dr6'),
    dr7: low32(d.dr7, 'kvm_debugregs.dr7'),
    es: unpackSegment(s.es, 'es'),
    cs: unpackSegment(s.cs, 'cs'),
    ss,
    ds: unpackSegment(s.ds, 'ds'),
    fs: unpackSegment(s.fs, 'fs'),
    gs: unpackSegment(s.gs, 'gs'),
    ldtr: unpackSegment(s.ldt, 'ldt'),
    tr: unpackSegment(s.tr, 'tr'),
    gdtr: unpackTable(s.gdt, 'gdt'),
    idtr: unpackTable(s.idt, 'idt'),
    cpl: (ss.access >> 5) & 3,
    pdpte: (s.flags & PDPTRS_VALID) !== 0n ? s.pdptrs : [0n, 0n, 0n, 0n],
    ...msrs,
    tscKHz,
    apicBase: s.apic_base,
    efer: s.efer,
  }
}

/** Halted vCPU ↔ `KVM_MP_STATE_HALTED`. */
export function packMpState(events: Events): ValueOf<typeof kvmMpState> {
  return { mp_state: events.halted ? MP_STATE.halted : MP_STATE.runnable }
}

/** Throws `native.mp-state` for a vCPU that waits to be started. */
export function unpackMpState({ mp_state }: ValueOf<typeof kvmMpState>): boolean {
  if (mp_state !== MP_STATE.runnable && mp_state !== MP_STATE.halted) {
    refuse('mp-state', `The vCPU is in state ${mp_state}: neither runnable nor halted.`, { mp_state })
  }
  return mp_state === MP_STATE.halted
}
