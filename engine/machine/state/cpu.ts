/** vCPU and FPU between v86's wasm memory and the common format. */
import type { Cpu, Events, Fpu, Segment } from '../../vmstate/cpu.ts'
import type { Emulator } from '../emulator.ts'
import { CPU_OFFSET as at, SEGMENT_INDEX } from '../v86/layout.ts'

type SegmentName = keyof typeof SEGMENT_INDEX
const SEGMENT_NAMES = Object.keys(SEGMENT_INDEX) as SegmentName[]

/** v86 counts time stamps at 1 GHz (`TSC_RATE` in cpu.rs). */
export const TSC_KHZ = 1_000_000
/** Everything from the registers to the end of the FPU stack. */
const CPU_BYTES = at.fpuRegisters + 8 * 16

const ACCESS_PRESENT = 1 << 7
const ACCESS_BIG = 1 << 10
const ACCESS_GRANULAR = 1 << 11
const SEGMENT_TYPE_TSS32 = 0x08
const FSW_TOP_SHIFT = 11
/** IA32_APIC_BASE: the architectural address, boot processor, enabled. */
const APIC_BASE = 0xfee00000n
const APIC_BASE_BSP = 1n << 8n
const APIC_BASE_ENABLED = 1n << 11n

/** @param apic whether the machine has a local APIC */
export function captureCpu(emulator: Emulator, apic: boolean): Cpu {
  emulator.cpu.store_current_tsc()
  const v = emulator.view(0, CPU_BYTES)
  const u32 = (offset: number) => v.getUint32(offset, true)
  const reg = (i: number) => u32(at.reg32 + 4 * i)
  const segment = (name: SegmentName) => captureSegment(v, name)
  const cs = segment('cs')
  return {
    eax: reg(0),
    ecx: reg(1),
    edx: reg(2),
    ebx: reg(3),
    esp: reg(4),
    ebp: reg(5),
    esi: reg(6),
    edi: reg(7),
    eip: (u32(at.instructionPointer) - cs.base) >>> 0,
    eflags: emulator.eflags(),
    cr0: u32(at.cr0),
    cr2: u32(at.cr2),
    cr3: u32(at.cr3),
    cr4: u32(at.cr4),
    dr: [0, 1, 2, 3].map((i) => u32(at.dreg + 4 * i)),
    dr6: u32(at.dreg + 24),
    dr7: u32(at.dreg + 28),
    cs,
    es: segment('es'),
    ss: segment('ss'),
    ds: segment('ds'),
    fs: segment('fs'),
    gs: segment('gs'),
    tr: segment('tr'),
    ldtr: segment('ldtr'),
    gdtr: { base: u32(at.gdtrBase), limit: u32(at.gdtrSize) & 0xffff },
    idtr: { base: u32(at.idtrBase), limit: u32(at.idtrSize) & 0xffff },
    cpl: v.getUint8(at.cpl),
    pdpte: [0, 1, 2, 3].map((i) => v.getBigUint64(at.pdpte + 8 * i, true)),
    sysenterCs: u32(at.sysenterCs),
    sysenterEsp: u32(at.sysenterEsp),
    sysenterEip: u32(at.sysenterEip),
    tsc: v.getBigUint64(at.currentTsc, true),
    tscKHz: TSC_KHZ,
    apicBase: apic ? APIC_BASE | APIC_BASE_BSP | (v.getUint8(at.apicEnabled) !== 0 ? APIC_BASE_ENABLED : 0n) : 0n,
    efer: 0n,
  }
}

function captureSegment(v: DataView, name: SegmentName): Segment {
  const i = SEGMENT_INDEX[name]
  const limit = v.getUint32(at.segmentLimit + 4 * i, true)
  let access = v.getUint8(at.segmentAccess + i)
  if (name === 'cs' || name === 'ss') {
    // After real-mode loads v86 leaves the old rights: the privilege level is only right in its own field. A
    // conforming code segment keeps its own.
    const conforming = name === 'cs' && (access & 0x0c) === 0x0c
    if (!conforming) access = (access & ~0x60) | (v.getUint8(at.cpl) << 5)
    if (v.getInt32(name === 'cs' ? at.is32 : at.stackSize32, true) !== 0) access |= ACCESS_BIG
  }
  // v86 has no descriptor for TR but whether it is a 32-bit one, and none for LDTR; a loaded TR is always busy.
  if (name === 'tr') access = 0x80 | (v.getInt32(at.tss32, true) !== 0 ? 0x0b : 0x03)
  if (name === 'ldtr') access = 0x82
  if (limit > 0xfffff) access |= ACCESS_GRANULAR
  const unusable = v.getUint8(at.segmentIsNull + i) !== 0
  if (unusable) access &= ~ACCESS_PRESENT
  return {
    selector: v.getUint16(at.sreg + 2 * i, true),
    access,
    unusable,
    limit,
    base: v.getUint32(at.segmentBase + 4 * i, true),
  }
}

/**
 * @param tsc the value that the time stamp counter is to show now
 */
export function restoreCpu(emulator: Emulator, cpu: Cpu, tsc: bigint): void {
  const v = emulator.view(0, CPU_BYTES)
  const set = (offset: number, value: number) => v.setUint32(offset, value, true)
  ;[cpu.eax, cpu.ecx, cpu.edx, cpu.ebx, cpu.esp, cpu.ebp, cpu.esi, cpu.edi].forEach((x, i) => set(at.reg32 + 4 * i, x))
  // No flag is left to lazy evaluation.
  for (const offset of [at.flagsChanged, at.lastOp1, at.lastResult]) set(offset, 0)
  set(at.lastOpSize, 31)
  set(at.flags, cpu.eflags)
  ;[cpu.cr0, 0, cpu.cr2, cpu.cr3, cpu.cr4].forEach((x, i) => set(at.cr0 + 4 * i, x))
  cpu.dr.forEach((x, i) => set(at.dreg + 4 * i, x))
  set(at.dreg + 24, cpu.dr6)
  set(at.dreg + 28, cpu.dr7)
  for (const name of SEGMENT_NAMES) restoreSegment(v, name, cpu[name])
  set(at.gdtrBase, cpu.gdtr.base)
  set(at.gdtrSize, cpu.gdtr.limit)
  set(at.idtrBase, cpu.idtr.base)
  set(at.idtrSize, cpu.idtr.limit)
  v.setUint8(at.cpl, cpu.cpl)
  v.setInt32(at.protectedMode, cpu.cr0 & 1, true)
  v.setInt32(at.is32, cpu.cs.access & ACCESS_BIG ? 1 : 0, true)
  v.setInt32(at.stackSize32, cpu.ss.access & ACCESS_BIG ? 1 : 0, true)
  v.setInt32(at.tss32, cpu.tr.access & SEGMENT_TYPE_TSS32 ? 1 : 0, true)
  const eip = (cpu.cs.base + cpu.eip) >>> 0
  set(at.instructionPointer, eip)
  set(at.previousIp, eip)
  set(at.lastVirtualEip, 0xffffffff)
  v.setUint8(at.prefixes, 0)
  cpu.pdpte.forEach((x, i) => v.setBigUint64(at.pdpte + 8 * i, x, true))
  set(at.sysenterCs, cpu.sysenterCs)
  set(at.sysenterEsp, cpu.sysenterEsp)
  set(at.sysenterEip, cpu.sysenterEip)
  v.setUint8(at.apicEnabled, (cpu.apicBase & APIC_BASE_ENABLED) === 0n ? 0 : 1)
  setTsc(emulator, tsc)
  emulator.cpu.update_state_flags()
  emulator.cpu.full_clear_tlb()
}

function restoreSegment(v: DataView, name: SegmentName, segment: Segment): void {
  const i = SEGMENT_INDEX[name]
  v.setUint16(at.sreg + 2 * i, segment.selector, true)
  v.setUint8(at.segmentAccess + i, segment.access & 0xff)
  v.setUint8(at.segmentIsNull + i, segment.unusable ? 1 : 0)
  v.setUint32(at.segmentLimit + 4 * i, segment.limit, true)
  v.setUint32(at.segmentBase + 4 * i, segment.base, true)
}

/**
 * v86's `set_tsc(v)` sets offset = read_tsc() − v, which is right only while the offset is 0; it is not idempotent. The
 * offset in force is the clock less what read_tsc() shows, so asking for v − offset gives v.
 */
function setTsc(emulator: Emulator, tsc: bigint): void {
  emulator.cpu.store_current_tsc()
  const shown = emulator.view(at.currentTsc, 8).getBigUint64(0, true)
  const clock = BigInt(Math.floor(emulator.now() * TSC_KHZ))
  const ask = BigInt.asUintN(64, tsc - (clock - shown))
  emulator.cpu.set_tsc(Number(ask & 0xffffffffn), Number(ask >> 32n))
}

export function captureFpu(emulator: Emulator): Fpu {
  const v = emulator.view(0, CPU_BYTES)
  const top = v.getUint8(at.fpuStackPointer) & 7
  return {
    fcw: v.getUint16(at.fpuControlWord, true),
    fsw: (v.getUint16(at.fpuStatusWord, true) & ~(7 << FSW_TOP_SHIFT)) | (top << FSW_TOP_SHIFT),
    ftw: ~v.getUint8(at.fpuStackEmpty) & 0xff,
    fop: v.getUint32(at.fpuOpcode, true) & 0x7ff,
    fip: v.getUint32(at.fpuIp, true),
    fcs: v.getUint32(at.fpuIpSelector, true) & 0xffff,
    fdp: v.getUint32(at.fpuDp, true),
    fds: v.getUint32(at.fpuDpSelector, true) & 0xffff,
    st: Array.from({ length: 8 }, (_, i) => emulator.wasm.slice(register(top + i), register(top + i) + 10)),
    xmm: Array.from({ length: 8 }, (_, i) => emulator.wasm.slice(at.xmm + 16 * i, at.xmm + 16 * i + 16)),
    mxcsr: v.getUint32(at.mxcsr, true),
  }
}

/** Where physical register `i` (modulo 8) lies. */
const register = (i: number) => at.fpuRegisters + 16 * (i & 7)

export function restoreFpu(emulator: Emulator, fpu: Fpu): void {
  const v = emulator.view(0, CPU_BYTES)
  const top = (fpu.fsw >> FSW_TOP_SHIFT) & 7
  v.setUint8(at.fpuStackPointer, top)
  v.setUint16(at.fpuControlWord, fpu.fcw, true)
  v.setUint16(at.fpuStatusWord, fpu.fsw & ~(7 << FSW_TOP_SHIFT), true)
  v.setUint8(at.fpuStackEmpty, ~fpu.ftw & 0xff)
  v.setUint32(at.fpuOpcode, fpu.fop, true)
  v.setUint32(at.fpuIp, fpu.fip, true)
  v.setUint32(at.fpuIpSelector, fpu.fcs, true)
  v.setUint32(at.fpuDp, fpu.fdp, true)
  v.setUint32(at.fpuDpSelector, fpu.fds, true)
  fpu.st.forEach((bytes, i) => emulator.wasm.set(bytes, register(top + i)))
  fpu.xmm.forEach((bytes, i) => emulator.wasm.set(bytes, at.xmm + 16 * i))
  v.setUint32(at.mxcsr, fpu.mxcsr, true)
}

/**
 * v86 runs the instruction after STI and MOV SS inside the handler of the former and is only ever looked at between
 * slices, so there is never an interrupt shadow; it has no NMI.
 */
export function captureEvents(emulator: Emulator): Events {
  const halted = emulator.view(at.inHlt, 1).getUint8(0) !== 0
  return { halted, interruptShadow: 0, nmiPending: false, nmiMasked: false }
}

export function restoreEvents(emulator: Emulator, events: Events): void {
  emulator.view(at.inHlt, 1).setUint8(0, events.halted ? 1 : 0)
}
