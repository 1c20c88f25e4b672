/**
 * The processor as QEMU 7.2 saves it: vmstate `cpu` version 12 of a 32-bit x86 target, its subsection `cpu/fpop_ip_dp`, and
 * `cpu_common` version 1 (target/i386/machine.c, softmmu/cpus.c). Fields that only long mode has are not in the stream of
 * `qemu-system-i386`.
 */
import { array, record, s32, u16, u32, u64, u8 } from '../../util/record.ts'

/** `flags` is the upper double word of the descriptor, its limit bits included. */
const segmentCache = record('segment', 'be', { selector: u32, base: u32, limit: u32, flags: u32 })
/** `mant` and `exp` of a register; physical, not relative to the top of the stack. */
const fpReg = record('fpreg', 'be', { mantissa: u64, exponent: u16 })
/** The lower and the upper half of an XMM register, each as a number. */
const xmmHalves = record('xmm', 'be', { low: u64, high: u64 })
const mtrrVariable = record('mtrr_var', 'be', { base: u64, mask: u64 })

export const cpuCommon = record('cpu_common', 'be', { halted: u32, interrupt_request: u32 })

export const cpuState = record('cpu', 'be', {
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI. */
  regs: array(u32, 8),
  eip: u32,
  eflags: u32,
  hflags: u32,
  fpuc: u16,
  fpus: u16,
  /** Bit set: the register is valid. */
  fptag: u16,
  fpregs_format: u16,
  fpregs: array(fpReg, 8),
  /** ES, CS, SS, DS, FS, GS. */
  segs: array(segmentCache, 6),
  ldt: segmentCache,
  tr: segmentCache,
  gdt: segmentCache,
  idt: segmentCache,
  sysenter_cs: u32,
  sysenter_esp: u32,
  sysenter_eip: u32,
  cr0: u32,
  cr2: u32,
  cr3: u32,
  cr4: u32,
  dr: array(u32, 8),
  a20_mask: s32,
  mxcsr: u32,
  xmm_regs: array(xmmHalves, 8),
  smbase: u32,
  pat: u64,
  hflags2: u32,
  vm_hsave: u64,
  vm_vmcb: u64,
  tsc_offset: u64,
  intercept: u64,
  intercept_cr_read: u16,
  intercept_cr_write: u16,
  intercept_dr_read: u16,
  intercept_dr_write: u16,
  intercept_exceptions: u32,
  v_tpr: u8,
  mtrr_fixed: array(u64, 11),
  mtrr_deftype: u64,
  mtrr_var: array(mtrrVariable, 8),
  interrupt_injected: s32,
  mp_state: u32,
  tsc: u64,
  exception_nr: s32,
  soft_interrupt: u8,
  nmi_injected: u8,
  nmi_pending: u8,
  has_error_code: u8,
  sipi_vector: u32,
  mcg_cap: u64,
  mcg_status: u64,
  mcg_ctl: u64,
  mce_banks: array(u64, 40),
  tsc_aux: u64,
  system_time_msr: u64,
  wall_clock_msr: u64,
  xcr0: u64,
  xstate_bv: u64,
  /** The upper halves of YMM0–YMM7, which the processor does not have. */
  ymmh_regs: array(xmmHalves, 8),
})

/** Last instruction and operand of the FPU. */
export const cpuFpop = record('cpu/fpop_ip_dp', 'be', { fpop: u16, fpip: u64, fpdp: u64 })

/** An exception that TCG was about to deliver, or from 0x10000 on why its loop ended (`EXCP_*`, include/exec/cpu-all.h). */
export const cpuException = record('cpu_common/exception_index', 'be', { exception_index: s32 })
