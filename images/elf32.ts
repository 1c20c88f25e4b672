/** Reads the parts of a 32-bit x86 ELF that a loader and the module resolver need. Nothing more. */
import { BootImageError } from './direct-boot.ts'

/** A PT_LOAD program header. Addresses and sizes in bytes. */
export interface LoadSegment {
  readonly offset: number
  readonly virtualAddress: number
  readonly physicalAddress: number
  readonly fileSize: number
  readonly memorySize: number
}

export interface Elf32 {
  readonly entry: number
  readonly loads: readonly LoadSegment[]
}

const EM_386 = 3
const PT_LOAD = 1

/** True if the bytes start like a little-endian 32-bit ELF. */
export function isElf32(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 52 &&
    bytes[0] === 0x7f &&
    bytes[1] === 0x45 &&
    bytes[2] === 0x4c &&
    bytes[3] === 0x46 &&
    bytes[4] === 1 &&
    bytes[5] === 1
  )
}

/** Entry point and loadable segments (System V ABI, "Program Header"). Throws {@link BootImageError} `not-elf`. */
export function parseElf32(bytes: Uint8Array): Elf32 {
  const view = elfView(bytes)
  const tableOffset = view.getUint32(28, true)
  const entrySize = view.getUint16(42, true)
  const count = view.getUint16(44, true)
  if (count > 0 && (entrySize < 32 || tableOffset + entrySize * count > bytes.length)) {
    throw new BootImageError('not-elf', 'The ELF program header table lies outside the file.')
  }
  const loads: LoadSegment[] = []
  for (let i = 0; i < count; i++) {
    const at = tableOffset + i * entrySize
    if (view.getUint32(at, true) !== PT_LOAD) continue
    const load: LoadSegment = {
      offset: view.getUint32(at + 4, true),
      virtualAddress: view.getUint32(at + 8, true),
      physicalAddress: view.getUint32(at + 12, true),
      fileSize: view.getUint32(at + 16, true),
      memorySize: view.getUint32(at + 20, true),
    }
    if (load.offset + load.fileSize > bytes.length || load.fileSize > load.memorySize) {
      throw new BootImageError('not-elf', `ELF segment ${i} is larger than the file that holds it.`)
    }
    loads.push(load)
  }
  return { entry: view.getUint32(24, true), loads }
}

/** Bytes of a section by name (e.g. `.modinfo`), or undefined. Throws {@link BootImageError} `not-elf`. */
export function elfSection(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const view = elfView(bytes)
  const tableOffset = view.getUint32(32, true)
  const entrySize = view.getUint16(46, true)
  const count = view.getUint16(48, true)
  const namesIndex = view.getUint16(50, true)
  if (entrySize < 40 || namesIndex >= count || tableOffset + entrySize * count > bytes.length) {
    throw new BootImageError('not-elf', 'The ELF section header table lies outside the file.')
  }
  const section = (index: number): Uint8Array => {
    const at = tableOffset + index * entrySize
    const offset = view.getUint32(at + 16, true)
    return bytes.subarray(offset, offset + view.getUint32(at + 20, true))
  }
  const names = Buffer.from(section(namesIndex)).toString('latin1')
  for (let i = 0; i < count; i++) {
    const start = view.getUint32(tableOffset + i * entrySize, true)
    if (names.slice(start, names.indexOf('\0', start)) === name) return section(i)
  }
  return undefined
}

function elfView(bytes: Uint8Array): DataView {
  if (!isElf32(bytes)) throw new BootImageError('not-elf', 'This is not a 32-bit little-endian ELF file.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(18, true) !== EM_386) throw new BootImageError('not-elf', 'This ELF file is not for 32-bit x86.')
  return view
}
