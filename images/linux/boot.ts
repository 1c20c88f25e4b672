/**
 * Direct boot of a Linux kernel, by the 32-bit boot protocol of the Linux/x86 boot documentation
 * (Documentation/arch/x86/boot.rst, "32-bit Boot Protocol", and zero-page.rst).
 *
 * Best is the kernel proper (vmlinux), already unpacked: the decompressor inside a bzImage costs seconds in an emulator.
 * The bzImage is still needed for its setup header, which becomes part of the zero page. A bzImage alone boots, too.
 */
import {
  BootImageError,
  checkPlacement,
  flatGdt,
  flatRegisters,
  type BootPlan,
  type Segment,
  type ZeroRange,
} from '../direct-boot.ts'
import { parseElf32 } from '../elf32.ts'
import { VGA_TEXT_COLUMNS, VGA_TEXT_ROWS } from '../vga-text.ts'

const ZERO_PAGE = 0x90000
const COMMAND_LINE = 0x91000
const STACK_TOP = 0x8f000
const LOW_MEMORY_END = 0x9fc00 // 1 KiB below 640 KiB, where a PC keeps its extended BIOS data area
const PAGE = 4096

/** Fields of the setup header, as offsets into the bzImage and equally into the zero page (boot.rst, "The Real-Mode Kernel Header"). */
const F = {
  setupSects: 0x1f1,
  vidMode: 0x1fa,
  bootFlag: 0x1fe,
  jump: 0x200,
  magic: 0x202,
  version: 0x206,
  typeOfLoader: 0x210,
  loadFlags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  commandLinePointer: 0x228,
  initrdAddressMax: 0x22c,
  commandLineSize: 0x238,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  code32Start: 0x214,
  preferredAddress: 0x258,
  initSize: 0x260,
} as const

export interface BzImageHeader {
  /** Boot protocol version, e.g. 0x20f for 2.15. */
  readonly protocol: number
  /** The header as it goes into the zero page at 0x1f1. */
  readonly setupHeader: Uint8Array
  /** Where the compressed kernel lies in the bzImage, in bytes; its last 4 bytes are the unpacked size. */
  readonly payload: { readonly offset: number; readonly length: number }
  readonly initrdAddressMax: number
  /** Where the protected-mode kernel begins in the bzImage, in bytes. */
  readonly setupBytes: number
  /** Where the kernel unpacks itself to, and the bytes it needs there. */
  readonly unpacked: { readonly address: number; readonly length: number }
  /** Longest command line without its terminating zero, in bytes. */
  readonly commandLineSize: number
}

/** Reads a bzImage's setup header. Throws {@link BootImageError} `not-bzimage` or `unsupported` (protocol before 2.10). */
export function parseBzImage(bzimage: Uint8Array): BzImageHeader {
  const view = new DataView(bzimage.buffer, bzimage.byteOffset, bzimage.byteLength)
  if (
    bzimage.length < 0x268 ||
    view.getUint16(F.bootFlag, true) !== 0xaa55 ||
    view.getUint32(F.magic, true) !== 0x53726448
  ) {
    throw new BootImageError('not-bzimage', 'This is not a Linux bzImage: the setup header "HdrS" is missing.')
  }
  const protocol = view.getUint16(F.version, true)
  if (protocol < 0x20a) {
    throw new BootImageError(
      'unsupported',
      `This kernel's boot protocol is too old (0x${protocol.toString(16)}; 2.10 is needed).`,
    )
  }
  // boot.rst: the header ends at 0x202 + the byte that follows the jump opcode
  const headerEnd = F.magic + view.getUint8(F.jump + 1)
  const setupBytes = ((view.getUint8(F.setupSects) || 4) + 1) * 512
  return {
    protocol,
    setupHeader: bzimage.subarray(F.setupSects, headerEnd),
    payload: {
      offset: setupBytes + view.getUint32(F.payloadOffset, true),
      length: view.getUint32(F.payloadLength, true),
    },
    setupBytes,
    unpacked: { address: view.getUint32(F.preferredAddress, true), length: view.getUint32(F.initSize, true) },
    initrdAddressMax: view.getUint32(F.initrdAddressMax, true),
    commandLineSize: view.getUint32(F.commandLineSize, true),
  }
}

export interface LinuxBootInput {
  /** The bzImage; with `vmlinux` its beginning will do, as only the setup header is used. */
  readonly bzimage: Uint8Array
  /** The unpacked kernel. Without it the bzImage unpacks itself in the guest. */
  readonly vmlinux?: Uint8Array
  readonly initrd?: Uint8Array
  readonly commandLine: string
  readonly memoryBytes: number
  /** Tell the kernel of an 80×25 text screen at 0xb8000; the machine must then set that mode. Default true. */
  readonly vgaText?: boolean
}

/**
 * Everything a machine needs to start this kernel.
 * Throws {@link BootImageError}: not a bzImage or ELF, too little memory, or a command line that is too long.
 */
export function linuxBootPlan(input: LinuxBootInput): BootPlan {
  const header = parseBzImage(input.bzimage)
  const vgaText = input.vgaText ?? true
  const commandLine = Buffer.from(input.commandLine, 'latin1')
  if (commandLine.length > Math.min(header.commandLineSize, PAGE - 1)) {
    throw new BootImageError(
      'command-line-too-long',
      `The kernel command line has ${commandLine.length} bytes; this kernel takes ${Math.min(header.commandLineSize, PAGE - 1)}.`,
    )
  }

  const { segment: gdtSegment, gdt } = flatGdt()
  const segments: Segment[] = [gdtSegment]
  const zero: ZeroRange[] = []
  const entry =
    input.vmlinux === undefined
      ? placeCompressed(input.bzimage, header, segments, zero)
      : placeUnpacked(input.vmlinux, segments, zero)

  // As high as the kernel allows, so that early allocations, which grow from below, do not meet it.
  let initrd: Segment | undefined
  if (input.initrd !== undefined && input.initrd.length > 0) {
    const top = Math.min(input.memoryBytes, header.initrdAddressMax + 1, LOWMEM_LIMIT)
    const address = (top - input.initrd.length) & ~(PAGE - 1)
    if (address < 0x100000)
      throw new BootImageError('too-little-memory', 'The initial RAM disk is larger than the RAM.')
    initrd = { name: 'initrd', address, bytes: input.initrd }
    segments.push(initrd)
  }

  segments.push({ name: 'command line', address: COMMAND_LINE, bytes: Buffer.concat([commandLine, Buffer.from([0])]) })
  segments.push({ name: 'zero page', address: ZERO_PAGE, bytes: zeroPage(header, initrd, input.memoryBytes, vgaText) })
  checkPlacement(segments, zero, input.memoryBytes)

  return {
    kind: 'linux',
    segments,
    zero,
    // boot.rst: %esi holds the zero page's address; %ebp, %edi and %ebx must be zero
    registers: flatRegisters({ eip: entry, esi: ZERO_PAGE, esp: STACK_TOP }),
    gdt,
    needsPciInterruptLines: true,
    needsVgaText: vgaText,
  }
}

/** The ELF kernel's segments, where it wants them; returns the entry point. Its bss needs no clearing: it does that itself. */
function placeUnpacked(vmlinux: Uint8Array, segments: Segment[], zero: ZeroRange[]): number {
  const elf = parseElf32(vmlinux)
  for (const load of elf.loads) {
    const bytes = vmlinux.subarray(load.offset, load.offset + load.fileSize)
    segments.push({ name: 'kernel', address: load.physicalAddress, bytes })
    if (load.memorySize > load.fileSize) {
      zero.push({ address: load.physicalAddress + load.fileSize, length: load.memorySize - load.fileSize })
    }
  }
  return elf.entry
}

/** The protected-mode part of the bzImage at 1 MiB, and the room it unpacks into; returns the entry point. */
function placeCompressed(bzimage: Uint8Array, header: BzImageHeader, segments: Segment[], zero: ZeroRange[]): number {
  const bytes = bzimage.subarray(header.setupBytes)
  segments.push({ name: 'kernel', address: COMPRESSED_KERNEL, bytes })
  const start = Math.max(header.unpacked.address, COMPRESSED_KERNEL + bytes.length)
  zero.push({ address: start, length: header.unpacked.length })
  return COMPRESSED_KERNEL
}

/** boot.rst, code32_start: the load address of a bzImage with LOADED_HIGH. */
const COMPRESSED_KERNEL = 0x100000

/** A 32-bit kernel maps only its first 896 MiB directly, less what vmalloc takes; an initrd must lie inside. */
const LOWMEM_LIMIT = 0x37ff_f000

/** struct boot_params (zero-page.rst). */
function zeroPage(
  header: BzImageHeader,
  initrd: Segment | undefined,
  memoryBytes: number,
  vgaText: boolean,
): Uint8Array {
  const page = new Uint8Array(PAGE)
  const view = new DataView(page.buffer)
  page.set(header.setupHeader, F.setupSects)

  view.setUint8(F.typeOfLoader, 0xff) // a loader without a registered number
  view.setUint8(F.loadFlags, (view.getUint8(F.loadFlags) & ~0x60) | 0x01) // LOADED_HIGH; not QUIET, not KEEP_SEGMENTS
  view.setUint32(F.code32Start, COMPRESSED_KERNEL, true)
  view.setUint16(F.vidMode, 0xffff, true) // "normal"
  view.setUint32(F.commandLinePointer, COMMAND_LINE, true)
  if (initrd !== undefined) {
    view.setUint32(F.ramdiskImage, initrd.address, true)
    view.setUint32(F.ramdiskSize, initrd.bytes.length, true)
  }

  if (vgaText) {
    // screen_info at 0x00: without orig_video_isVGA the kernel would use a dummy console
    view.setUint8(0x06, 3) // orig_video_mode
    view.setUint8(0x07, VGA_TEXT_COLUMNS)
    view.setUint8(0x0e, VGA_TEXT_ROWS)
    view.setUint8(0x0f, 1) // orig_video_isVGA
    view.setUint16(0x10, 16, true) // orig_video_points: character height
  }

  const extendedKib = (memoryBytes >>> 10) - 1024
  view.setUint16(0x02, Math.min(0xffff, extendedKib), true) // screen_info.ext_mem_k
  view.setUint32(0x1e0, extendedKib, true) // alt_mem_k

  const RAM = 1
  const RESERVED = 2
  const map: [start: number, length: number, type: number][] = [
    [0, LOW_MEMORY_END, RAM],
    [LOW_MEMORY_END, 0xa0000 - LOW_MEMORY_END, RESERVED],
    [0xf0000, 0x10000, RESERVED],
    [0x100000, memoryBytes - 0x100000, RAM],
  ]
  view.setUint8(0x1e8, map.length) // e820_entries
  map.forEach(([start, length, type], index) => {
    const at = 0x2d0 + 20 * index
    view.setUint32(at, start, true)
    view.setUint32(at + 8, length, true)
    view.setUint32(at + 16, type, true)
  })
  return page
}
