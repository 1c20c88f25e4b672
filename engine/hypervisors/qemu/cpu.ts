/** The vCPU between the common format and QEMU's vmstate. */
import type { ValueOf } from '../../util/record.ts'
import type { Cpu, Events, Fpu, Segment, TableRegister } from '../../vmstate/cpu.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'
import { cpuCommon, cpuException, cpuFpop, cpuState } from './cpu-record.ts'
import { TSC_KHZ } from './timer.ts'

type NativeCpu = ValueOf<typeof cpuState>
type NativeSegment = NativeCpu['ldt']

export const cpuNotRepresentable: readonly NotRepresentable[] = [
  { section: 'cpu', path: 'pdpte', reason: 'QEMU reads the page-directory pointers from memory at each walk.' },
  { section: 'cpu', path: 'apicBase', reason: 'The processor has no local APIC.' },
  { section: 'cpu', path: 'tr.access', reason: 'QEMU keeps a loaded task register as it was before: not busy.' },
  { section: 'fpu', path: 'fcs', reason: 'QEMU 7.2 keeps the offset of the last FPU instruction, not its segment.' },
  { section: 'fpu', path: 'fds', reason: 'QEMU 7.2 keeps the offset of the last FPU operand, not its segment.' },
  { section: 'events', path: 'interruptShadow', reason: 'QEMU has one flag for both shadows.' },
]

/** `HF_*` and `HF2_*` (target/i386/cpu.h): what QEMU has derived from registers, and does not derive anew but for the CPL. */
const HF = { inhibitIrq: 3, cs32: 4, ss32: 5, addSegment: 6, protectedMode: 7, mp: 9, osfxsr: 22 } as const
const HF2 = { gif: 1, nmiMasked: 1 << 2, vgif: 1 << 8 } as const
/** `CPU_INTERRUPT_*` (include/exec/cpu-all.h, target/i386/cpu.h). */
const INTERRUPT = { hard: 0x0002, nmi: 0x0200 } as const
const CR0_PE = 1
/** MP, EM and TS. */
const CR0_FPU = 0x0e
const CR4_OSFXSR_BIT = 9
const EFLAGS_VM_BIT = 17
const ACCESS = { present: 0x80, big: 0x400, granular: 0x800 } as const
/** Bit 1 of a TSS's type: busy. */
const TSS_BUSY = 2
const TOP_SHIFT = 11
const PAT_DEFAULT = 0x0007040600070406n
const SMBASE_DEFAULT = 0x30000
const A20_OPEN = -1
const NONE = -1
/** Exceptions of the guest are below it. */
const EXCP_INTERRUPT = 0x10000

function packSegment(s: Segment): NativeSegment {
  const limitHigh = ((s.access & ACCESS.granular) !== 0 ? s.limit >>> 12 : s.limit) & 0xf0000
  const flags = (((s.access & 0xff) << 8) | limitHigh | ((s.access & 0xf00) << 12)) >>> 0
  return { selector: s.selector, base: s.base, limit: s.limit, flags }
}

function unpackSegment(s: NativeSegment): Segment {
  const access = ((s.flags >>> 8) & 0xff) | ((s.flags >>> 12) & 0xf00)
  const unusable = (access & ACCESS.present) === 0
  return { selector: s.selector & 0xffff, access, unusable, limit: s.limit, base: s.base }
}

/** A loaded TSS: QEMU aborts where it finds a busy one (`get_ss_esp_from_tss`, target/i386/tcg/seg_helper.c). */
function packTaskRegister(s: Segment): NativeSegment {
  const loaded = (s.access & ACCESS.present) !== 0
  return packSegment(loaded ? { ...s, access: s.access & ~TSS_BUSY } : s)
}
function unpackTaskRegister(native: NativeSegment): Segment {
  const s = unpackSegment(native)
  return s.unusable ? s : { ...s, access: s.access | TSS_BUSY }
}

const packTable = (t: TableRegister): NativeSegment => ({ selector: 0, base: t.base, limit: t.limit, flags: 0 })
const unpackTable = (t: NativeSegment): TableRegister => ({ base: t.base, limit: t.limit & 0xffff })

function hiddenFlags(cpu: Cpu, { interruptShadow }: Events): number {
  const protectedMode = (cpu.cr0 & CR0_PE) !== 0
  const cs32 = (cpu.cs.access & ACCESS.big) !== 0
  const virtual8086 = ((cpu.eflags >>> EFLAGS_VM_BIT) & 1) !== 0
  const addSegment = !protectedMode || virtual8086 || !cs32 || (cpu.ds.base | cpu.es.base | cpu.ss.base) !== 0
  const bit = (set: boolean, position: number): number => (set ? 1 << position : 0)
  return (
    cpu.cpl |
    bit(interruptShadow !== 0, HF.inhibitIrq) |
    bit(cs32, HF.cs32) |
    bit((cpu.ss.access & ACCESS.big) !== 0, HF.ss32) |
    bit(addSegment, HF.addSegment) |
    bit(protectedMode, HF.protectedMode) |
    ((cpu.cr0 & CR0_FPU) << (HF.mp - 1)) |
    bit(((cpu.cr4 >>> CR4_OSFXSR_BIT) & 1) !== 0, HF.osfxsr)
  )
}

const half = (register: Uint8Array, at: number): bigint => {
  return new DataView(register.buffer, register.byteOffset, register.length).getBigUint64(at, true)
}

/** ST-relative registers → physical ones, and the 80 bits as number and exponent. */
function packFpRegs({ st, fsw }: Fpu): NativeCpu['fpregs'] {
  const top = (fsw >> TOP_SHIFT) & 7
  return Array.from({ length: 8 }, (_, physical) => {
    const register = st[(physical - top) & 7] ?? new Uint8Array(10)
    return { mantissa: half(register, 0), exponent: (register[8] ?? 0) | ((register[9] ?? 0) << 8) }
  })
}

function unpackFpRegs(native: NativeCpu): Uint8Array[] {
  const top = (native.fpus >> TOP_SHIFT) & 7
  return Array.from({ length: 8 }, (_, i) => {
    const out = new Uint8Array(10)
    const register = native.fpregs[(top + i) & 7]
    const view = new DataView(out.buffer)
    view.setBigUint64(0, register?.mantissa ?? 0n, true)
    view.setUint16(8, register?.exponent ?? 0, true)
    return out
  })
}

function xmmBytes({ low, high }: NativeCpu['xmm_regs'][number]): Uint8Array {
  const out = new Uint8Array(16)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, low, true)
  view.setBigUint64(8, high, true)
  return out
}

const zeros = (count: number): bigint[] => Array.from({ length: count }, () => 0n)

export interface PackedVcpu {
  readonly cpu: Cpu
  readonly fpu: Fpu
  readonly events: Events
  /** The PIC asks for an interrupt: QEMU does not ask it again after a load. */
  readonly interrupt: boolean
  /** What the counter is ahead of the guest's clock. */
  readonly tscOffset: bigint
}

/** Writes processor and FPU. */
export function packVcpu(out: NativeWriter, { cpu, fpu, events, interrupt, tscOffset }: PackedVcpu): void {
  out.put(cpuCommon, {
    halted: events.halted ? 1 : 0,
    interrupt_request: (interrupt ? INTERRUPT.hard : 0) | (events.nmiPending ? INTERRUPT.nmi : 0),
  })
  out.put(cpuState, {
    ...cpuState.zero(),
    regs: [cpu.eax, cpu.ecx, cpu.edx, cpu.ebx, cpu.esp, cpu.ebp, cpu.esi, cpu.edi],
    eip: cpu.eip,
    eflags: cpu.eflags,
    hflags: hiddenFlags(cpu, events),
    fpuc: fpu.fcw,
    fpus: fpu.fsw,
    fptag: fpu.ftw,
    fpregs: packFpRegs(fpu),
    segs: [cpu.es, cpu.cs, cpu.ss, cpu.ds, cpu.fs, cpu.gs].map(packSegment),
    ldt: packSegment(cpu.ldtr),
    tr: packTaskRegister(cpu.tr),
    gdt: packTable(cpu.gdtr),
    idt: packTable(cpu.idtr),
    sysenter_cs: cpu.sysenterCs,
    sysenter_esp: cpu.sysenterEsp,
    sysenter_eip: cpu.sysenterEip,
    cr0: cpu.cr0,
    cr2: cpu.cr2,
    cr3: cpu.cr3,
    cr4: cpu.cr4,
    dr: [...cpu.dr, 0, 0, cpu.dr6, cpu.dr7],
    a20_mask: A20_OPEN,
    mxcsr: fpu.mxcsr,
    xmm_regs: fpu.xmm.map((register) => ({ low: half(register, 0), high: half(register, 8) })),
    smbase: SMBASE_DEFAULT,
    pat: PAT_DEFAULT,
    hflags2: HF2.gif | HF2.vgif | (events.nmiMasked ? HF2.nmiMasked : 0),
    tsc_offset: tscOffset,
    interrupt_injected: NONE,
    tsc: cpu.tsc,
    exception_nr: NONE,
    mce_banks: zeros(40),
    xcr0: 1n,
  })
  out.put(cpuFpop, { fpop: fpu.fop, fpip: BigInt(fpu.fip), fpdp: BigInt(fpu.fdp) })
}

/**
 * Reads processor and FPU. Throws `native.pending-event`.
 * @param clockNs the guest's clock
 */
export function unpackVcpu(input: NativeReader, clockNs: bigint): Pick<PackedVcpu, 'cpu' | 'fpu' | 'events'> {
  const common = input.one(cpuCommon)
  const c = input.one(cpuState)
  const fpop = input.one(cpuFpop)
  const exception = input.maybe(cpuException)?.exception_index ?? NONE
  if (exception >= 0 && exception < EXCP_INTERRUPT) {
    refuse('pending-event', `QEMU was about to deliver exception ${exception}, which cannot be migrated.`)
  }
  const [eax = 0, ecx = 0, edx = 0, ebx = 0, esp = 0, ebp = 0, esi = 0, edi = 0] = c.regs
  const [es, cs, ss, ds, fs, gs] = c.segs.map(unpackSegment) as Segments
  const [dr0 = 0, dr1 = 0, dr2 = 0, dr3 = 0, , , dr6 = 0, dr7 = 0] = c.dr
  const cpu: Cpu = {
    ...{ eax, ecx, edx, ebx, esp, ebp, esi, edi },
    eip: c.eip,
    eflags: c.eflags,
    ...{ cr0: c.cr0, cr2: c.cr2, cr3: c.cr3, cr4: c.cr4 },
    dr: [dr0, dr1, dr2, dr3],
    ...{ dr6, dr7, es, cs, ss, ds, fs, gs },
    ldtr: unpackSegment(c.ldt),
    tr: unpackTaskRegister(c.tr),
    gdtr: unpackTable(c.gdt),
    idtr: unpackTable(c.idt),
    cpl: (ss.access >> 5) & 3,
    pdpte: [0n, 0n, 0n, 0n],
    sysenterCs: c.sysenter_cs,
    sysenterEsp: c.sysenter_esp,
    sysenterEip: c.sysenter_eip,
    tsc: BigInt.asUintN(64, clockNs + c.tsc_offset),
    tscKHz: TSC_KHZ,
    apicBase: 0n,
    efer: 0n,
  }
  const fpu: Fpu = {
    fcw: c.fpuc,
    fsw: c.fpus,
    ftw: c.fptag & 0xff,
    fop: fpop.fpop,
    fip: Number(fpop.fpip & 0xffffffffn),
    fcs: 0,
    fdp: Number(fpop.fpdp & 0xffffffffn),
    fds: 0,
    st: unpackFpRegs(c),
    xmm: c.xmm_regs.map(xmmBytes),
    mxcsr: c.mxcsr,
  }
  const events: Events = {
    halted: common.halted !== 0,
    interruptShadow: ((c.hflags >>> HF.inhibitIrq) & 1) !== 0 ? SHADOW_STI : 0,
    nmiPending: (common.interrupt_request & INTERRUPT.nmi) !== 0,
    nmiMasked: (c.hflags2 & HF2.nmiMasked) !== 0,
  }
  return { cpu, fpu, events }
}

type Segments = [Segment, Segment, Segment, Segment, Segment, Segment]
const SHADOW_STI = 2
