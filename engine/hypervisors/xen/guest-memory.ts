/** Reading a stopped guest's memory by linear address, as an inspector or a PV view needs it. */
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Cpu } from '../../vmstate/cpu.ts'

/** Bytes at a guest-physical address that lie within one page, or null where they are not at hand. */
export type PhysicalReader = (address: number, length: number) => Uint8Array | null

const CR0_PG = 0x80000000
const CR4_PSE = 0x10
const CR4_PAE = 0x20
const PRESENT = 1
const LARGE = 0x80

/**
 * Guest-physical address of a linear one by the guest's own page tables (SDM 3A, 4.3 and 4.4); null where the page is not
 * present, its tables are not at hand, or it lies above 4 GiB.
 */
export function translateLinear(cpu: Cpu, memory: PhysicalReader, linear: number): number | null {
  if ((cpu.cr0 & CR0_PG) === 0) return linear
  return (cpu.cr4 & CR4_PAE) !== 0 ? walkPae(cpu, memory, linear) : walk32(cpu, memory, linear)
}

function walk32(cpu: Cpu, memory: PhysicalReader, linear: number): number | null {
  const directory = entry32(memory, (cpu.cr3 & ~0xfff) >>> 0, linear >>> 22)
  if (directory === null) return null
  if ((directory & LARGE) !== 0 && (cpu.cr4 & CR4_PSE) !== 0)
    return ((directory & 0xffc00000) | (linear & 0x3fffff)) >>> 0
  const page = entry32(memory, (directory & ~0xfff) >>> 0, (linear >>> 12) & 0x3ff)
  return page === null ? null : ((page & ~0xfff) | (linear & 0xfff)) >>> 0
}

function walkPae(cpu: Cpu, memory: PhysicalReader, linear: number): number | null {
  const pointer = cpu.pdpte[linear >>> 30] ?? 0n
  if ((pointer & 1n) === 0n || pointer >> 32n !== 0n) return null
  const directory = entry64(memory, Number(pointer & 0xfffff000n), (linear >>> 21) & 0x1ff)
  if (directory === null) return null
  if ((directory & LARGE) !== 0) return ((directory & 0xffe00000) | (linear & 0x1fffff)) >>> 0
  const page = entry64(memory, (directory & ~0xfff) >>> 0, (linear >>> 12) & 0x1ff)
  return page === null ? null : ((page & ~0xfff) | (linear & 0xfff)) >>> 0
}

function entry32(memory: PhysicalReader, table: number, index: number): number | null {
  const bytes = memory(table + index * 4, 4)
  if (bytes === null || bytes.length < 4) return null
  const entry = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  return (entry & PRESENT) === 0 ? null : entry
}

/** The lower half; the upper one holds no-execute and addresses above 4 GiB, which no guest here has. */
function entry64(memory: PhysicalReader, table: number, index: number): number | null {
  const bytes = memory(table + index * 8, 8)
  if (bytes === null || bytes.length < 8) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  const entry = view.getUint32(0, true)
  return (entry & PRESENT) === 0 || (view.getUint32(4, true) & 0x7fffffff) !== 0 ? null : entry
}

/** Bytes at a linear address, over page boundaries; null where any of them is not at hand. */
export function readLinear(cpu: Cpu, memory: PhysicalReader, linear: number, length: number): Uint8Array | null {
  const out = new Uint8Array(length)
  for (let done = 0; done < length;) {
    const at = (linear + done) >>> 0
    const part = Math.min(length - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)))
    const physical = translateLinear(cpu, memory, at)
    const bytes = physical === null ? null : memory(physical, part)
    if (bytes === null || bytes.length < part) return null
    out.set(bytes.subarray(0, part), done)
    done += part
  }
  return out
}
