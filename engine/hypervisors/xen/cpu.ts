/** `struct hvm_hw_cpu` (Xen 4.17, xen/arch-x86/hvm/save.h): the vCPU's save record, typecode 2. */
import { bits, record, u32, u64, type ValueOf } from '../../util/record.ts'
import type { Cpu, Events, Fpu, Segment } from '../../vmstate/cpu.ts'
import { low32, mustBeZero, refuse } from '../records.ts'
import { fxsave, packFxsave, unpackFxsave } from './fxsave.ts'

export const hvmHwCpu = record('hvm_hw_cpu', 'le', {
  fpu_regs: fxsave,
  rax: u64,
  rbx: u64,
  rcx: u64,
  rdx: u64,
  rbp: u64,
  rsi: u64,
  rdi: u64,
  rsp: u64,
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
  cr0: u64,
  cr2: u64,
  cr3: u64,
  cr4: u64,
  dr0: u64,
  dr1: u64,
  dr2: u64,
  dr3: u64,
  dr6: u64,
  dr7: u64,
  cs_sel: u32,
  ds_sel: u32,
  es_sel: u32,
  fs_sel: u32,
  gs_sel: u32,
  ss_sel: u32,
  tr_sel: u32,
  ldtr_sel: u32,
  cs_limit: u32,
  ds_limit: u32,
  es_limit: u32,
  fs_limit: u32,
  gs_limit: u32,
  ss_limit: u32,
  tr_limit: u32,
  ldtr_limit: u32,
  idtr_limit: u32,
  gdtr_limit: u32,
  cs_base: u64,
  ds_base: u64,
  es_base: u64,
  fs_base: u64,
  gs_base: u64,
  ss_base: u64,
  tr_base: u64,
  ldtr_base: u64,
  idtr_base: u64,
  gdtr_base: u64,
  cs_arbytes: u32,
  ds_arbytes: u32,
  es_arbytes: u32,
  fs_arbytes: u32,
  gs_arbytes: u32,
  ss_arbytes: u32,
  tr_arbytes: u32,
  ldtr_arbytes: u32,
  sysenter_cs: u64,
  sysenter_esp: u64,
  sysenter_eip: u64,
  shadow_gs: u64,
  msr_flags: u64,
  msr_lstar: u64,
  msr_star: u64,
  msr_cstar: u64,
  msr_syscall_mask: u64,
  msr_efer: u64,
  msr_tsc_aux: u64,
  tsc: u64,
  pending_event: bits(4, {
    pending_vector: 8,
    pending_type: 3,
    pending_error_valid: 1,
    pending_reserved: 19,
    pending_valid: 1,
  }),
  error_code: u32,
  flags: u32,
  pad0: u32,
})
export type HvmHwCpu = ValueOf<typeof hvmHwCpu>

/** `XEN_X86_FPU_INITIALISED`. */
const FPU_INITIALISED = 1
/** Event of type NMI (SDM 3C, VM-entry interruption information), vector 2. */
const NMI = { vector: 2, type: 2 } as const

type SegmentName = 'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss' | 'tr' | 'ldtr'
const P = 0x80
const DPL = 0x60

/** Rights as Xen has them: bits 0–7 and 8–11 side by side; an unusable register is one that is not present. */
function packRights(s: Segment): number {
  return s.unusable ? s.access & 0xfff & ~P : s.access & 0xfff
}

/**
 * Rights of either form: Xen's, or the raw one of VMX with AVL to G in bits 12–15 and "unusable" in bit 16
 * (SDM 3C, 24.4.1), which is folded.
 */
export function foldRights(raw: number): { access: number; unusable: boolean } {
  const access = raw > 0xfff ? (raw & 0xff) | ((raw >> 4) & 0xf00) : raw
  return { access, unusable: (raw & 0x10000) !== 0 || (access & P) === 0 }
}

/** Neutral → record. */
export function packCpu(cpu: Cpu, fpu: Fpu, events: Events): HvmHwCpu {
  const nmi = events.nmiPending
  const { cs, ds, es, fs, gs, ss, tr, ldtr } = cpu
  return {
    fpu_regs: packFxsave(fpu),
    rax: BigInt(cpu.eax),
    rbx: BigInt(cpu.ebx),
    rcx: BigInt(cpu.ecx),
    rdx: BigInt(cpu.edx),
    rbp: BigInt(cpu.ebp),
    rsi: BigInt(cpu.esi),
    rdi: BigInt(cpu.edi),
    rsp: BigInt(cpu.esp),
    ...LONG_MODE_REGISTERS,
    rip: BigInt(cpu.eip),
    rflags: BigInt(cpu.eflags),
    cr0: BigInt(cpu.cr0),
    cr2: BigInt(cpu.cr2),
    cr3: BigInt(cpu.cr3),
    cr4: BigInt(cpu.cr4),
    dr0: BigInt(cpu.dr[0] ?? 0),
    dr1: BigInt(cpu.dr[1] ?? 0),
    dr2: BigInt(cpu.dr[2] ?? 0),
    dr3: BigInt(cpu.dr[3] ?? 0),
    dr6: BigInt(cpu.dr6),
    dr7: BigInt(cpu.dr7),
    cs_sel: cs.selector,
    ds_sel: ds.selector,
    es_sel: es.selector,
    fs_sel: fs.selector,
    gs_sel: gs.selector,
    ss_sel: ss.selector,
    tr_sel: tr.selector,
    ldtr_sel: ldtr.selector,
    cs_limit: cs.limit,
    ds_limit: ds.limit,
    es_limit: es.limit,
    fs_limit: fs.limit,
    gs_limit: gs.limit,
    ss_limit: ss.limit,
    tr_limit: tr.limit,
    ldtr_limit: ldtr.limit,
    idtr_limit: cpu.idtr.limit,
    gdtr_limit: cpu.gdtr.limit,
    cs_base: BigInt(cs.base),
    ds_base: BigInt(ds.base),
    es_base: BigInt(es.base),
    fs_base: BigInt(fs.base),
    gs_base: BigInt(gs.base),
    ss_base: BigInt(ss.base),
    tr_base: BigInt(tr.base),
    ldtr_base: BigInt(ldtr.base),
    idtr_base: BigInt(cpu.idtr.base),
    gdtr_base: BigInt(cpu.gdtr.base),
    cs_arbytes: packRights(cs),
    ds_arbytes: packRights(ds),
    es_arbytes: packRights(es),
    fs_arbytes: packRights(fs),
    gs_arbytes: packRights(gs),
    // The privilege level has no other place than SS.DPL.
    ss_arbytes: (packRights(ss) & ~DPL) | (cpu.cpl << 5),
    tr_arbytes: packRights(tr),
    ldtr_arbytes: packRights(ldtr),
    sysenter_cs: BigInt(cpu.sysenterCs),
    sysenter_esp: BigInt(cpu.sysenterEsp),
    sysenter_eip: BigInt(cpu.sysenterEip),
    msr_flags: 0n,
    ...LONG_MODE_MSRS,
    msr_efer: cpu.efer,
    tsc: cpu.tsc,
    pending_event: {
      pending_vector: nmi ? NMI.vector : 0,
      pending_type: nmi ? NMI.type : 0,
      pending_error_valid: 0,
      pending_reserved: 0,
      pending_valid: nmi ? 1 : 0,
    },
    error_code: 0,
    flags: FPU_INITIALISED,
    pad0: 0,
  }
}

const LONG_MODE_REGISTERS = { r8: 0n, r9: 0n, r10: 0n, r11: 0n, r12: 0n, r13: 0n, r14: 0n, r15: 0n } as const
const LONG_MODE_MSRS = {
  shadow_gs: 0n,
  msr_lstar: 0n,
  msr_star: 0n,
  msr_cstar: 0n,
  msr_syscall_mask: 0n,
  msr_tsc_aux: 0n,
} as const

function unpackSegment(r: HvmHwCpu, name: SegmentName): Segment {
  const { access, unusable } = foldRights(r[`${name}_arbytes`])
  return {
    selector: r[`${name}_sel`],
    access,
    unusable,
    limit: r[`${name}_limit`],
    base: low32(r[`${name}_base`], `hvm_hw_cpu.${name}_base`),
  }
}

/**
 * Record → neutral; `pdpte`, `tscKHz`, `apicBase` are not here and zero.
 * Errors: `native.not-32-bit`, `native.pending-event`. What Xen itself refuses is the business of `checks.ts`.
 */
export function unpackCpu(r: HvmHwCpu): { cpu: Cpu; fpu: Fpu; events: Events } {
  const { r8, r9, r10, r11, r12, r13, r14, r15 } = r
  const { shadow_gs, msr_lstar, msr_cstar, msr_syscall_mask } = r
  mustBeZero({ r8, r9, r10, r11, r12, r13, r14, r15, shadow_gs, msr_lstar, msr_cstar, msr_syscall_mask }, 'hvm_hw_cpu')
  const word = (field: WideField): number => low32(r[field], `hvm_hw_cpu.${field}`)
  const ss = unpackSegment(r, 'ss')
  const event = r.pending_event
  const nmi = event.pending_valid === 1
  if (nmi && event.pending_type !== NMI.type) {
    const { pending_vector: vector, pending_type: type } = event
    refuse('pending-event', `Event ${vector} of type ${type} is half delivered, which cannot be migrated.`, {
      vector,
      type,
    })
  }
  const cpu: Cpu = {
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
    cr0: word('cr0'),
    cr2: word('cr2'),
    cr3: word('cr3'),
    cr4: word('cr4'),
    dr: [word('dr0'), word('dr1'), word('dr2'), word('dr3')],
    dr6: word('dr6'),
    dr7: word('dr7'),
    es: unpackSegment(r, 'es'),
    cs: unpackSegment(r, 'cs'),
    ss,
    ds: unpackSegment(r, 'ds'),
    fs: unpackSegment(r, 'fs'),
    gs: unpackSegment(r, 'gs'),
    ldtr: unpackSegment(r, 'ldtr'),
    tr: unpackSegment(r, 'tr'),
    gdtr: { base: word('gdtr_base'), limit: r.gdtr_limit & 0xffff },
    idtr: { base: word('idtr_base'), limit: r.idtr_limit & 0xffff },
    cpl: (ss.access & DPL) >> 5,
    pdpte: [0n, 0n, 0n, 0n],
    sysenterCs: word('sysenter_cs'),
    sysenterEsp: word('sysenter_esp'),
    sysenterEip: word('sysenter_eip'),
    tsc: r.tsc,
    tscKHz: 0,
    apicBase: 0n,
    efer: r.msr_efer,
  }
  const events: Events = { halted: false, interruptShadow: 0, nmiPending: nmi, nmiMasked: false }
  return { cpu, fpu: unpackFxsave(r.fpu_regs), events }
}

type WideField = { [K in keyof HvmHwCpu]: HvmHwCpu[K] extends bigint ? K : never }[keyof HvmHwCpu]
