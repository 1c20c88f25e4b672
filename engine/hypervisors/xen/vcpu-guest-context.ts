/**
 * The same vCPU as Xen keeps it for a paravirtualized 32-bit guest: `struct vcpu_guest_context` (Xen 4.17,
 * xen/arch-x86/xen.h, `unsigned long` = 32 bits). Here are the virtual IDT (`trap_ctxt`) and the virtual TSS
 * (`kernel_ss`, `kernel_sp`) that Xen moves for such a guest. This is a view for comparison; migration uses hvm_hw_cpu.
 *
 * CR3 and the frames of the GDT are machine frames in it; the toolstack makes them guest frames on save.
 */
import { array, pad, record, u16, u32, u8, type ValueOf } from '../../util/record.ts'
import type { Cpu, Fpu } from '../../vmstate/cpu.ts'
import { refuse } from '../records.ts'
import { fxsave, packFxsave, unpackFxsave } from './fxsave.ts'
import { readLinear, translateLinear, type PhysicalReader } from './guest-memory.ts'

export const cpuUserRegs = record('cpu_user_regs', 'le', {
  ebx: u32,
  ecx: u32,
  edx: u32,
  esi: u32,
  edi: u32,
  ebp: u32,
  eax: u32,
  error_code: u16,
  entry_vector: u16,
  eip: u32,
  cs: u16,
  saved_upcall_mask: u8,
  _pad0: pad(1),
  eflags: u32,
  esp: u32,
  ss: u16,
  _pad1: pad(2),
  es: u16,
  _pad2: pad(2),
  ds: u16,
  _pad3: pad(2),
  fs: u16,
  _pad4: pad(2),
  gs: u16,
  _pad5: pad(2),
})
/** `flags`: bits 0–1 privilege level, bit 2 events are masked on entry. */
export const trapInfo = record('trap_info', 'le', { vector: u8, flags: u8, cs: u16, address: u32 })
const TRAPS = 256
const GDT_FRAMES = 16
export const vcpuGuestContext = record('vcpu_guest_context', 'le', {
  fpu_ctxt: fxsave,
  flags: u32,
  user_regs: cpuUserRegs,
  trap_ctxt: array(trapInfo, TRAPS),
  ldt_base: u32,
  ldt_ents: u32,
  gdt_frames: array(u32, GDT_FRAMES),
  gdt_ents: u32,
  kernel_ss: u32,
  kernel_sp: u32,
  ctrlreg: array(u32, 8),
  debugreg: array(u32, 8),
  event_callback_cs: u32,
  event_callback_eip: u32,
  failsafe_callback_cs: u32,
  failsafe_callback_eip: u32,
  vm_assist: u32,
})
type Context = ValueOf<typeof vcpuGuestContext>
type Trap = ValueOf<typeof trapInfo>

/** `VGCF_*`. */
const VGCF = { i387Valid: 1, inKernel: 4, online: 0x20 } as const
const EFLAGS_IF = 0x200
const INTERRUPT_GATE = 0xe
const TRAP_GATE = 0xf

/** The tables that turn guest frames into machine frames and back; `P2m` has them. */
export interface FrameTables {
  gfnToMfn(gfn: number): number
  mfnToGfn(mfn: number): number
}

/** What the view takes from memory rather than from registers. */
export interface PvSources {
  /** Without it, the virtual IDT and TSS and the frames of the GDT are empty. */
  readonly memory?: PhysicalReader
  readonly frames: FrameTables
}

/** `xen_pfn_to_cr3` of a 32-bit guest: frame bits 20–31 stand in the lowest bits. */
const frameToCr3 = (frame: number): number => ((frame << 12) | (frame >>> 20)) >>> 0
const cr3ToFrame = (cr3: number): number => ((cr3 >>> 12) | (cr3 << 20)) >>> 0

/** CPU and FPU as a PV vCPU's context, 2800 bytes. */
export function packVcpuGuestContext(cpu: Cpu, fpu: Fpu, sources: PvSources): Uint8Array<ArrayBuffer> {
  const interrupts = (cpu.eflags & EFLAGS_IF) !== 0
  const ring0 = virtualTss(cpu, sources.memory)
  const gdtEntries = (cpu.gdtr.limit + 1) >>> 3
  const context: Context = {
    fpu_ctxt: packFxsave(fpu),
    flags: VGCF.i387Valid | VGCF.online | (cpu.cpl === 0 ? VGCF.inKernel : 0),
    user_regs: {
      ebx: cpu.ebx,
      ecx: cpu.ecx,
      edx: cpu.edx,
      esi: cpu.esi,
      edi: cpu.edi,
      ebp: cpu.ebp,
      eax: cpu.eax,
      error_code: 0,
      entry_vector: 0,
      eip: cpu.eip,
      cs: cpu.cs.selector,
      // A PV guest masks events instead of interrupts: EFLAGS.IF is the inverse of the mask.
      saved_upcall_mask: interrupts ? 0 : 1,
      eflags: cpu.eflags,
      esp: cpu.esp,
      ss: cpu.ss.selector,
      es: cpu.es.selector,
      ds: cpu.ds.selector,
      fs: cpu.fs.selector,
      gs: cpu.gs.selector,
    },
    trap_ctxt: virtualIdt(cpu, sources.memory),
    ldt_base: cpu.ldtr.unusable ? 0 : cpu.ldtr.base,
    ldt_ents: cpu.ldtr.unusable ? 0 : (cpu.ldtr.limit + 1) >>> 3,
    gdt_frames: gdtFrames(cpu, sources, gdtEntries),
    gdt_ents: gdtEntries,
    kernel_ss: ring0.ss,
    kernel_sp: ring0.esp,
    ctrlreg: [cpu.cr0, 0, cpu.cr2, frameToCr3(sources.frames.gfnToMfn(cpu.cr3 >>> 12)), cpu.cr4, 0, 0, 0],
    debugreg: [...cpu.dr, 0, 0, cpu.dr6, cpu.dr7],
    event_callback_cs: 0,
    event_callback_eip: 0,
    failsafe_callback_cs: 0,
    failsafe_callback_eip: 0,
    vm_assist: 0,
  }
  return vcpuGuestContext.encode(context)
}

/** What a PV context says of the CPU; hidden parts of segments are not in it. */
export interface PvView {
  readonly registers: Pick<
    Cpu,
    | 'eax'
    | 'ecx'
    | 'edx'
    | 'ebx'
    | 'esp'
    | 'ebp'
    | 'esi'
    | 'edi'
    | 'eip'
    | 'eflags'
    | 'cr0'
    | 'cr2'
    | 'cr4'
    | 'dr'
    | 'dr6'
    | 'dr7'
  >
  readonly selectors: Readonly<Record<'cs' | 'ss' | 'ds' | 'es' | 'fs' | 'gs', number>>
  /** Guest frame of the page directory. */
  readonly pageDirectoryFrame: number
  readonly fpu: Fpu
  /** Entries of the virtual IDT that are in use. */
  readonly traps: readonly Trap[]
  readonly virtualTss: { readonly ss: number; readonly esp: number }
}

/** Reads a PV context. Throws `native.truncated`, `native.oversized`. */
export function unpackVcpuGuestContext(bytes: Uint8Array, frames: FrameTables): PvView {
  if (bytes.length !== vcpuGuestContext.bytes) {
    const code = bytes.length < vcpuGuestContext.bytes ? 'truncated' : 'oversized'
    refuse(code, `A vcpu_guest_context has ${vcpuGuestContext.bytes} bytes, not ${bytes.length}.`)
  }
  const c = vcpuGuestContext.decode(bytes)
  const r = c.user_regs
  const [cr0 = 0, , cr2 = 0, cr3 = 0, cr4 = 0] = c.ctrlreg
  const { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, cs, ss, ds, es, fs, gs } = r
  const eflags = (r.saved_upcall_mask === 0 ? r.eflags | EFLAGS_IF : r.eflags & ~EFLAGS_IF) >>> 0
  const dr = c.debugreg.slice(0, 4)
  const [dr6 = 0, dr7 = 0] = c.debugreg.slice(6)
  return {
    registers: { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, cr0, cr2, cr4, dr, dr6, dr7 },
    selectors: { cs, ss, ds, es, fs, gs },
    pageDirectoryFrame: frames.mfnToGfn(cr3ToFrame(cr3)),
    fpu: unpackFxsave(c.fpu_ctxt),
    traps: c.trap_ctxt.filter((trap) => trap.address !== 0),
    virtualTss: { ss: c.kernel_ss, esp: c.kernel_sp },
  }
}

/** Gates of the IDT (SDM 3A, 6.11) as entries of a trap table. */
function virtualIdt(cpu: Cpu, memory: PhysicalReader | undefined): Trap[] {
  const empty: Trap = { vector: 0, flags: 0, cs: 0, address: 0 }
  const gates = Math.min(TRAPS, (cpu.idtr.limit + 1) >>> 3)
  return Array.from({ length: TRAPS }, (_, vector) => {
    const bytes =
      memory === undefined || vector >= gates ? null : readLinear(cpu, memory, cpu.idtr.base + vector * 8, 8)
    if (bytes === null) return empty
    const gate = new DataView(bytes.buffer, bytes.byteOffset, 8)
    const type = gate.getUint8(5)
    const kind = type & 0x1f
    if ((type & 0x80) === 0 || (kind !== INTERRUPT_GATE && kind !== TRAP_GATE)) return empty
    return {
      vector,
      flags: ((type >> 5) & 3) | (kind === INTERRUPT_GATE ? 4 : 0),
      cs: gate.getUint16(2, true),
      address: (gate.getUint16(0, true) | (gate.getUint16(6, true) << 16)) >>> 0,
    }
  })
}

/** Kernel stack of the task (SDM 3A, 7.2.1): ESP0 at 4, SS0 at 8. */
function virtualTss(cpu: Cpu, memory: PhysicalReader | undefined): { ss: number; esp: number } {
  const bytes = memory === undefined || cpu.tr.unusable ? null : readLinear(cpu, memory, cpu.tr.base + 4, 6)
  if (bytes === null) return { ss: 0, esp: 0 }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 6)
  return { esp: view.getUint32(0, true), ss: view.getUint16(4, true) }
}

function gdtFrames(cpu: Cpu, { memory, frames }: PvSources, entries: number): number[] {
  const result = new Array<number>(GDT_FRAMES).fill(0)
  if (memory === undefined) return result
  for (let i = 0; i < Math.min(GDT_FRAMES, Math.ceil(entries / 512)); i++) {
    const physical = translateLinear(cpu, memory, (cpu.gdtr.base + i * 4096) >>> 0)
    if (physical !== null) result[i] = frames.gfnToMfn(physical >>> 12)
  }
  return result
}
