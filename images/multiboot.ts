/**
 * Boot of a Multiboot (version 1, "0.6.96") ELF kernel: header, segments, information structure.
 * Section numbers in the comments are those of the Multiboot Specification.
 */
import {
  BootImageError,
  checkPlacement,
  flatGdt,
  flatRegisters,
  type BootPlan,
  type Segment,
  type ZeroRange,
} from './direct-boot.ts'
import { isElf32, parseElf32 } from './elf32.ts'

const HEADER_MAGIC = 0x1badb002
const LOADER_MAGIC = 0x2badb002
const SEARCH_BYTES = 8192 // 3.1: the header lies wholly within the first 8192 bytes, 4-byte aligned
const INFO_ADDRESS = 0x7c00
const INFO_BYTES = 116
const STACK_TOP = 0x8f000 // 3.2 leaves ESP undefined; a sane one costs nothing
const LOW_MEMORY_END = 0x9fc00
const PAGE = 4096

const FLAG_VIDEO = 0x4
const FLAG_ADDRESSES = 0x10000
const KNOWN_REQUIRED = 0x3 // bit 0: modules page-aligned, bit 1: memory information; both are always given

export interface MultibootHeader {
  /** Offset of the header in the file, in bytes. */
  readonly offset: number
  readonly flags: number
}

/** Finds the Multiboot header (3.1.1, 3.1.2). Throws {@link BootImageError} `not-multiboot` or `unsupported`. */
export function parseMultiboot(bytes: Uint8Array): MultibootHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = Math.min(SEARCH_BYTES, bytes.length) - 12
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue
    const flags = view.getUint32(offset + 4, true)
    if ((HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) >>> 0 !== 0) continue
    // 3.1.2: bits 0–15 are requirements; a loader that cannot meet one must refuse
    if ((flags & 0xffff & ~KNOWN_REQUIRED) !== 0) {
      const what = (flags & FLAG_VIDEO) !== 0 ? 'a graphics mode' : 'an unknown feature'
      throw new BootImageError('unsupported', `This Multiboot kernel requires ${what}, which is not offered.`)
    }
    if ((flags & FLAG_ADDRESSES) !== 0 && !isElf32(bytes)) {
      throw new BootImageError(
        'unsupported',
        'This Multiboot kernel is not an ELF file; only ELF kernels are supported.',
      )
    }
    return { offset, flags }
  }
  throw new BootImageError('not-multiboot', 'There is no Multiboot header in the first 8192 bytes of this file.')
}

export interface MultibootModule {
  readonly bytes: Uint8Array
  /** The module's own command line. */
  readonly text: string
}

export interface MultibootBootInput {
  readonly kernel: Uint8Array
  readonly commandLine: string
  readonly memoryBytes: number
  readonly modules?: readonly MultibootModule[]
  /** Whether the kernel expects 80×25 text mode to be set. Default true: no firmware did it. */
  readonly vgaText?: boolean
}

/** Everything a machine needs to start this kernel. Throws {@link BootImageError}. */
export function multibootPlan(input: MultibootBootInput): BootPlan {
  parseMultiboot(input.kernel)
  const elf = parseElf32(input.kernel)
  const { segment: gdtSegment, gdt } = flatGdt()
  const segments: Segment[] = [gdtSegment]
  const zero: ZeroRange[] = []
  let top = 0x100000
  let entry = elf.entry
  for (const load of elf.loads) {
    if (load.memorySize === 0) continue
    const bytes = input.kernel.subarray(load.offset, load.offset + load.fileSize)
    if (bytes.length > 0) segments.push({ name: 'kernel', address: load.physicalAddress, bytes })
    if (load.memorySize > load.fileSize) {
      zero.push({ address: load.physicalAddress + load.fileSize, length: load.memorySize - load.fileSize })
    }
    top = Math.max(top, load.physicalAddress + load.memorySize)
    // Paging is off: an entry point given as a virtual address is the physical one of the segment that holds it.
    if (elf.entry >= load.virtualAddress && elf.entry < load.virtualAddress + load.memorySize) {
      entry = elf.entry - load.virtualAddress + load.physicalAddress
    }
  }

  const placed = (input.modules ?? []).map((module) => {
    const address = (top + PAGE - 1) & ~(PAGE - 1)
    top = address + module.bytes.length
    segments.push({ name: 'module', address, bytes: module.bytes })
    return { start: address, end: top, text: module.text }
  })
  segments.push({
    name: 'multiboot information',
    address: INFO_ADDRESS,
    bytes: multibootInfo(input.commandLine, input.memoryBytes, placed),
  })
  checkPlacement(segments, zero, input.memoryBytes)
  return {
    kind: 'multiboot',
    segments,
    zero,
    // 3.2: EAX holds the magic, EBX the address of the information structure
    registers: flatRegisters({ eip: entry, eax: LOADER_MAGIC, ebx: INFO_ADDRESS, esp: STACK_TOP }),
    gdt,
    needsPciInterruptLines: true,
    needsVgaText: input.vgaText ?? true,
  }
}

/** The information structure (3.3) with everything it points to behind it. */
function multibootInfo(
  commandLine: string,
  memoryBytes: number,
  modules: readonly { start: number; end: number; text: string }[],
): Uint8Array {
  const parts: Buffer[] = []
  let next = INFO_ADDRESS + INFO_BYTES
  const append = (bytes: Buffer): number => {
    const at = next
    const padded = Buffer.alloc((bytes.length + 3) & ~3)
    bytes.copy(padded)
    parts.push(padded)
    next += padded.length
    return at
  }
  const text = (value: string): number => append(Buffer.from(`${value}\0`, 'latin1'))

  const info = Buffer.alloc(INFO_BYTES)
  info.writeUInt32LE(0x1 | 0x4 | 0x8 | 0x40 | 0x200, 0) // mem_*, cmdline, mods_*, mmap_*, boot_loader_name
  info.writeUInt32LE(LOW_MEMORY_END >>> 10, 4) // mem_lower, KiB
  info.writeUInt32LE((memoryBytes >>> 10) - 1024, 8) // mem_upper, KiB above 1 MiB
  info.writeUInt32LE(text(commandLine), 16)

  const list = Buffer.alloc(16 * modules.length)
  modules.forEach((module, index) => {
    list.writeUInt32LE(module.start, index * 16)
    list.writeUInt32LE(module.end, index * 16 + 4)
    list.writeUInt32LE(text(module.text), index * 16 + 8)
  })
  info.writeUInt32LE(modules.length, 20)
  info.writeUInt32LE(append(list), 24)

  const ranges: [start: number, length: number, type: number][] = [
    [0, LOW_MEMORY_END, 1],
    [LOW_MEMORY_END, 0x100000 - LOW_MEMORY_END, 2],
    [0x100000, memoryBytes - 0x100000, 1],
  ]
  const map = Buffer.alloc(24 * ranges.length)
  ranges.forEach(([start, length, type], index) => {
    map.writeUInt32LE(20, index * 24) // size of the entry without this field
    map.writeUInt32LE(start, index * 24 + 4)
    map.writeUInt32LE(length, index * 24 + 12)
    map.writeUInt32LE(type, index * 24 + 20)
  })
  info.writeUInt32LE(map.length, 44)
  info.writeUInt32LE(append(map), 48)
  info.writeUInt32LE(text('ferry'), 64)
  return Buffer.concat([info, ...parts])
}
