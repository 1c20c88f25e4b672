/**
 * Where v86 0.5.462 keeps its state in wasm memory: the one place where numbers of its making are given names.
 *
 * Sources: v86 `src/rust/cpu/global_pointers.rs`, `src/cpu.js` (the views of the CPU constructor), `pic.rs`, `apic.rs`,
 * `ioapic.rs`. package.ts pins the exact build that these belong to.
 */

/** Offsets of CPU state from address 0 of wasm memory. Segment order: ES CS SS DS FS GS TR LDTR. */
export const CPU_OFFSET = {
  /** i32[8]: EAX ECX EDX EBX ESP EBP ESI EDI. */
  reg32: 64,
  /** Lazy flags: operand size, which flags are lazy, operand, cached state flags, result, flags. */
  lastOpSize: 96,
  flagsChanged: 100,
  lastOp1: 104,
  lastResult: 112,
  flags: 120,
  /** u8[8]: descriptor bytes 5 (type, S, DPL, P). */
  segmentAccess: 512,
  apicEnabled: 548,
  acpiEnabled: 552,
  /** Linear (CS base + EIP). */
  instructionPointer: 556,
  previousIp: 560,
  idtrSize: 564,
  idtrBase: 568,
  gdtrSize: 572,
  gdtrBase: 576,
  /** i32[8], CR0 … CR7. */
  cr0: 580,
  cr2: 588,
  cr3: 592,
  cr4: 596,
  cpl: 612,
  inHlt: 616,
  lastVirtualEip: 620,
  eipPhysical: 624,
  sysenterCs: 636,
  sysenterEsp: 640,
  sysenterEip: 644,
  prefixes: 648,
  instructionCounter: 664,
  /** u16[8]. */
  sreg: 668,
  /** i32[8], DR0 … DR7. */
  dreg: 684,
  /** u8[8]. */
  segmentIsNull: 724,
  /** i32[8]. */
  segmentBase: 736,
  /** u32[8], in bytes. */
  segmentLimit: 768,
  protectedMode: 800,
  /** CS.D. */
  is32: 804,
  /** SS.B. */
  stackSize32: 808,
  memorySize: 812,
  /** Bit set = the physical register is empty (the reverse of FXSAVE's tag). */
  fpuStackEmpty: 816,
  mxcsr: 824,
  /** 16 bytes each. */
  xmm: 832,
  currentTsc: 960,
  /** u64[4]. */
  pdpte: 968,
  /** TOP. */
  fpuStackPointer: 1032,
  fpuControlWord: 1036,
  /** Without TOP. */
  fpuStatusWord: 1040,
  fpuOpcode: 1044,
  fpuIp: 1048,
  fpuIpSelector: 1052,
  fpuDp: 1056,
  fpuDpSelector: 1060,
  tss32: 1128,
  /** F80[8], by physical register: 8 bytes mantissa, 2 bytes sign and exponent, 6 unused. */
  fpuRegisters: 1152,
} as const

/** Index of each segment register in v86's arrays. */
export const SEGMENT_INDEX = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, tr: 6, ldtr: 7 } as const

/** Bytes of the 8259's structure (`pic.rs`, Pic0). */
export const PIC_OFFSET = {
  /** Bit set = enabled (the reverse of IMR). */
  irqMask: 0,
  irqMap: 1,
  isr: 2,
  irr: 3,
  isMaster: 4,
  expectIcw4: 6,
  initState: 7,
  readIsr: 8,
  autoEoi: 9,
  elcr: 10,
  irqValue: 11,
  specialMask: 12,
} as const

/** Words (32 bits) of the local APIC's structure (`apic.rs`). Words 6–7 are an f64: the next tick in ms. */
export const APIC_WORD = {
  id: 0,
  timerDivider: 1,
  timerDividerShift: 2,
  timerInitialCount: 3,
  timerCurrentCount: 4,
  nextTick: 6,
  lvtTimer: 8,
  lvtPerformance: 9,
  lvtLint0: 10,
  lvtLint1: 11,
  lvtError: 12,
  tpr: 13,
  icrLow: 14,
  icrHigh: 15,
  irr: 16,
  isr: 24,
  tmr: 32,
  spurious: 40,
  destinationFormat: 41,
  logicalDestination: 42,
  errorStatus: 43,
  readError: 44,
  lvtThermal: 45,
} as const
export const APIC_BYTES = 4 * 46

/** Words of the I/O APIC's structure (`ioapic.rs`). */
export const IOAPIC_WORD = { redirectionLow: 0, redirectionHigh: 24, select: 48, id: 49, irr: 50, lines: 51 } as const
export const IOAPIC_BYTES = 4 * 52

/** The compiler (`jit.rs`). */
export const JIT = {
  /** `JIT_THRESHOLD`: instructions of a page that are interpreted before it is compiled. */
  hotness: 200_000,
} as const
