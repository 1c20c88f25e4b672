/**
 * The vCPU in the common format: architectural state only, as the Intel SDM (volumes 1 and 3) names it. Nothing here
 * knows how a hypervisor stores it or how an emulator caches it.
 */
import { array, bytes, flag, record, u16, u32, u64, u8, type ValueOf } from '../util/record.ts'

/**
 * A segment register with its hidden part. `access` is the descriptor's access word without the limit bits:
 * type 0–3, S 4, DPL 5–6, P 7, AVL 8, L 9, D/B 10, G 11. `limit` counts bytes (granularity is already applied).
 * `base` and `limit` are never to be reloaded from the GDT: the descriptor may have changed since the load.
 */
export const segment = record('segment', 'le', {
  selector: u16,
  access: u16,
  unusable: flag,
  limit: u32,
  base: u32,
})
export type Segment = ValueOf<typeof segment>

/** GDTR or IDTR: `limit` is the size in bytes minus one. */
export const tableRegister = record('table_register', 'le', { base: u32, limit: u16 })
export type TableRegister = ValueOf<typeof tableRegister>

export const cpu = record('cpu', 'le', {
  eax: u32,
  ecx: u32,
  edx: u32,
  ebx: u32,
  esp: u32,
  ebp: u32,
  esi: u32,
  edi: u32,
  /** Offset within CS, not a linear address. */
  eip: u32,
  eflags: u32,
  cr0: u32,
  cr2: u32,
  cr3: u32,
  cr4: u32,
  /** DR0–DR3. */
  dr: array(u32, 4),
  dr6: u32,
  dr7: u32,
  es: segment,
  cs: segment,
  ss: segment,
  ds: segment,
  fs: segment,
  gs: segment,
  ldtr: segment,
  tr: segment,
  gdtr: tableRegister,
  idtr: tableRegister,
  /** Current privilege level, 0–3. Equals SS.DPL outside of the instants in which no guest can be captured. */
  cpl: u8,
  /** The four page-directory pointers that PAE paging loaded at the last write of CR3 (SDM 3A, 4.4.1). */
  pdpte: array(u64, 4),
  sysenterCs: u32,
  sysenterEsp: u32,
  sysenterEip: u32,
  /** Time stamp counter at the moment of the capture, and its rate. */
  tsc: u64,
  tscKHz: u32,
  /** IA32_APIC_BASE, bit 11 = enabled. */
  apicBase: u64,
  efer: u64,
})
export type Cpu = ValueOf<typeof cpu>

/** x87 and SSE state. Registers are ST-relative, 80 bits each, as FXSAVE stores them. */
export const fpu = record('fpu', 'le', {
  /** Control word. */
  fcw: u16,
  /** Status word, TOP (bits 11–13) included. */
  fsw: u16,
  /** Abridged tag word of FXSAVE: bit i set = physical register i is valid. */
  ftw: u8,
  /** Last opcode (11 bits). */
  fop: u16,
  fip: u32,
  fcs: u16,
  fdp: u32,
  fds: u16,
  /** ST0–ST7: 8 bytes mantissa, 2 bytes sign and exponent. */
  st: array(bytes(10), 8),
  xmm: array(bytes(16), 8),
  mxcsr: u32,
})
export type Fpu = ValueOf<typeof fpu>

/** What is pending or suspended on the vCPU between two instructions. */
export const events = record('events', 'le', {
  /** HLT is waiting for an interrupt. */
  halted: flag,
  /** Interrupt shadow: bit 0 after MOV SS / POP SS, bit 1 after STI. */
  interruptShadow: u8,
  nmiPending: flag,
  nmiMasked: flag,
})
export type Events = ValueOf<typeof events>
