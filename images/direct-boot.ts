/**
 * A boot plan: everything a machine has to put into memory and registers so that a guest starts with no firmware.
 *
 * Plans are plain data. They are made here, from image bytes alone, and carried out by the machine, which is the only
 * one that knows an emulator.
 */

/** Bytes to place at a guest-physical address. `name` is for people: progress lines and memory maps. */
export interface Segment {
  readonly name: string
  /** Guest-physical address, in bytes. */
  readonly address: number
  readonly bytes: Uint8Array
}

/** A guest-physical range that must read as zero before the start (bss; fresh RAM already does). */
export interface ZeroRange {
  readonly address: number
  readonly length: number
}

/** A segment register with its hidden part, so that the machine need not read the GDT to load it. */
export interface SegmentRegister {
  readonly selector: number
  readonly base: number
  /** Limit in bytes, already scaled by granularity. */
  readonly limit: number
  /** Access byte of the descriptor (present, DPL, type). */
  readonly access: number
}

/** Register contents at the first instruction. All values are unsigned 32-bit. */
export interface BootRegisters {
  readonly eax: number
  readonly ebx: number
  readonly ecx: number
  readonly edx: number
  readonly esi: number
  readonly edi: number
  readonly ebp: number
  readonly esp: number
  readonly eip: number
  readonly eflags: number
  readonly cr0: number
  readonly code: SegmentRegister
  /** DS, ES, FS, GS and SS. */
  readonly data: SegmentRegister
}

export interface BootPlan {
  readonly kind: 'linux' | 'multiboot'
  readonly segments: readonly Segment[]
  readonly zero: readonly ZeroRange[]
  readonly registers: BootRegisters
  /** Where the GDT lies (it is one of the segments). The IDT is empty: limit 0. */
  readonly gdt: { readonly address: number; readonly limit: number }
  /** True where the guest reads the PCI interrupt lines and PIRQ routing that firmware would have set. */
  readonly needsPciInterruptLines: boolean
  /** True where the guest expects the VGA to be in 80×25 text mode already (`vga-text.ts`). */
  readonly needsVgaText: boolean
}

/** An image, or a request about one, that cannot be turned into a boot plan. */
export class BootImageError extends Error {
  override readonly name = 'BootImageError'
  readonly code: BootImageErrorCode
  constructor(code: BootImageErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export type BootImageErrorCode =
  'not-bzimage' | 'not-multiboot' | 'not-elf' | 'unsupported' | 'too-little-memory' | 'command-line-too-long'

export const CODE_SELECTOR = 0x10
export const DATA_SELECTOR = 0x18
const GDT_ADDRESS = 0x500 // the first byte above the BIOS data area

/**
 * The flat GDT both protocols ask for: null, unused, code 0x10, data 0x18.
 * The selectors are Linux's __BOOT_CS and __BOOT_DS (Linux x86 boot protocol, "32-bit boot protocol");
 * Multiboot leaves them to the loader.
 */
export function flatGdt(): { segment: Segment; gdt: BootPlan['gdt'] } {
  const bytes = new Uint8Array(32)
  bytes.set([0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0], CODE_SELECTOR)
  bytes.set([0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0], DATA_SELECTOR)
  return {
    segment: { name: 'gdt', address: GDT_ADDRESS, bytes },
    gdt: { address: GDT_ADDRESS, limit: bytes.length - 1 },
  }
}

/** Protected mode, paging off, interrupts off, flat 4 GiB segments: the state both protocols demand. */
export function flatRegisters(set: Partial<BootRegisters> & { eip: number; esp: number }): BootRegisters {
  return {
    eax: 0,
    ebx: 0,
    ecx: 0,
    edx: 0,
    esi: 0,
    edi: 0,
    ebp: 0,
    eflags: 0x2,
    cr0: 0x1,
    code: { selector: CODE_SELECTOR, base: 0, limit: 0xffffffff, access: 0x9a },
    data: { selector: DATA_SELECTOR, base: 0, limit: 0xffffffff, access: 0x92 },
    ...set,
  }
}

/** Checks that no two segments overlap and that all lie inside RAM. Throws {@link BootImageError} `too-little-memory`. */
export function checkPlacement(segments: readonly Segment[], zero: readonly ZeroRange[], memoryBytes: number): void {
  const ranges = [
    ...segments.map((s) => ({ name: s.name, start: s.address, end: s.address + s.bytes.length })),
    ...zero.map((z) => ({ name: 'bss', start: z.address, end: z.address + z.length })),
  ].sort((a, b) => a.start - b.start)
  let previous = { name: '', start: 0, end: 0 }
  for (const range of ranges) {
    if (range.end > memoryBytes) {
      throw new BootImageError(
        'too-little-memory',
        `The ${range.name} ends at ${mib(range.end)} MiB, but the guest has ${mib(memoryBytes)} MiB of RAM.`,
      )
    }
    if (range.start < previous.end) {
      throw new BootImageError(
        'too-little-memory',
        `The ${range.name} does not fit: it would overlap the ${previous.name} at ${mib(range.start)} MiB.`,
      )
    }
    previous = range
  }
}

function mib(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(1)
}
