/**
 * Memory of devices that QEMU keeps elsewhere than our memory blocks: video memory is one block for planes and frame buffer
 * (`vga.vram`), the network card's packet memory is part of the card's section.
 *
 * QEMU interleaves the four planes: byte p of word n is plane p (hw/display/vga.c, `vga_mem_writeb`). Our machines keep the
 * planes one behind the other, text as the processor sees it, and pixels of chained modes at the address that the
 * processor wrote. Which byte is which therefore depends on the mode; in each of them it is a permutation of 256 KiB.
 */
import { bytes, record } from '../../util/record.ts'
import type { Vga } from '../../vmstate/devices.ts'
import { ne2000 } from '../devicemodel/nic.ts'
import type { NativeRecord } from '../hypervisor.ts'
import { refuse } from '../records.ts'
import { videoBytes } from './machine-arguments.ts'

const PLANE = 0x10000
const PLANES_BYTES = 4 * PLANE
const VBE_ENABLED = 1
/** Sequencer memory mode: chain 4; graphics mode register: odd/even. */
const CHAIN4 = 0x08
const ODD_EVEN = 0x10

/** `NE2000_MEM_SIZE` (hw/net/ne2000.h), and what of it our card has. */
const QEMU_NIC_BYTES = 49152
const NIC_BYTES = 32768
export const nicMemoryRecord = record('ne2000/mem', 'be', { mem: bytes(QEMU_NIC_BYTES) })

export interface VideoMemory {
  readonly vgaPlanes: Uint8Array<ArrayBuffer>
  readonly vgaFramebuffer: Uint8Array<ArrayBuffer>
}

type Arrangement = 'planar' | 'text' | 'chained' | 'odd-even'

function arrangementOf(v: Vga): Arrangement {
  if (!v.graphicsMode) return 'text'
  if (((v.sequencer[4] ?? 0) & CHAIN4) !== 0) return 'chained'
  return ((v.graphics[5] ?? 0) & ODD_EVEN) !== 0 ? 'odd-even' : 'planar'
}

/** Where QEMU has the byte at `address` of plane `plane` of ours. */
function placeInQemu(arrangement: Arrangement, plane: number, address: number): number {
  switch (arrangement) {
    case 'planar':
      return address * 4 + plane
    case 'text': {
      // Characters and attributes lie one after the other across our planes 0 and 1; fonts are planar.
      if (plane >= 2) return address * 4 + plane
      const linear = plane * PLANE + address
      return (linear >> 1) * 4 + (linear & 1)
    }
    case 'chained':
      // Only each fourth address of a plane is used; the others fill up the rest.
      return (address & 3) * PLANE + (address & ~3) + plane
    case 'odd-even':
      return ((address >> 1) + (address & 1) * (PLANE >> 1)) * 4 + plane
  }
}

const tables = new Map<Arrangement, Uint32Array>()
/** Where each byte of our planes is in QEMU. Made once: it is needed while a guest stands still. */
function tableOf(arrangement: Arrangement): Uint32Array {
  const known = tables.get(arrangement)
  if (known !== undefined) return known
  const table = Uint32Array.from({ length: PLANES_BYTES }, (_, i) => {
    return placeInQemu(arrangement, Math.floor(i / PLANE), i % PLANE)
  })
  tables.set(arrangement, table)
  return table
}

const vbeEnabled = (v: Vga): boolean => (v.vbeEnable & VBE_ENABLED) !== 0

/** What decides which byte of QEMU's video memory is which of ours: equal for two states, equal for their memories. */
export const videoArrangement = (v: Vga): string => (vbeEnabled(v) ? 'frame-buffer' : arrangementOf(v))

/**
 * Our video memories → QEMU's. With VBE on, the frame buffer is what shows; the planes, which QEMU has in the same bytes, are
 * left out. Without, the first 256 KiB of the frame buffer are.
 */
export function packVideo(v: Vga, { vgaPlanes, vgaFramebuffer }: VideoMemory): Uint8Array<ArrayBuffer> {
  const video = new Uint8Array(videoBytes(vgaFramebuffer.length))
  video.set(vgaFramebuffer)
  if (vbeEnabled(v)) return video
  const table = tableOf(arrangementOf(v))
  for (let i = 0; i < PLANES_BYTES; i++) video[table[i] ?? 0] = vgaPlanes[i] ?? 0
  return video
}

/**
 * QEMU's video memory → ours; the part that the mode does not use is zero.
 * @param v as `unpack` gives it
 * @param vgaBytes of our frame buffer
 */
export function unpackVideo(v: Vga, video: Uint8Array, vgaBytes: number): VideoMemory {
  if (video.length !== videoBytes(vgaBytes)) {
    refuse('video', `QEMU's video memory has ${video.length} bytes instead of ${videoBytes(vgaBytes)}.`)
  }
  const vgaPlanes = new Uint8Array(PLANES_BYTES)
  // A copy even of a Buffer, whose `slice` is none.
  const vgaFramebuffer = new Uint8Array(video.subarray(0, vgaBytes))
  if (vbeEnabled(v)) return { vgaPlanes, vgaFramebuffer }
  vgaFramebuffer.fill(0, 0, PLANES_BYTES)
  const table = tableOf(arrangementOf(v))
  for (let i = 0; i < PLANES_BYTES; i++) vgaPlanes[i] = video[table[i] ?? 0] ?? 0
  return { vgaPlanes, vgaFramebuffer }
}

/** Adds the packet memory (32 KiB) to the records of a machine. Throws `native.nic-memory` for another size. */
export function withDeviceMemory(
  records: readonly NativeRecord[],
  { nicMemory }: { readonly nicMemory: Uint8Array },
): NativeRecord[] {
  if (nicMemory.length !== NIC_BYTES) refuse('nic-memory', `The packet memory has ${nicMemory.length} bytes.`)
  const mem = new Uint8Array(QEMU_NIC_BYTES)
  mem.set(nicMemory)
  return records.flatMap((r) => {
    if (r.name === nicMemoryRecord.name) return []
    return r.name === ne2000.name ? [r, { ...r, name: nicMemoryRecord.name, bytes: mem }] : [r]
  })
}

/** The packet memory in QEMU's records, zeros where there is none. */
export function deviceMemoryOf(records: readonly NativeRecord[]): { nicMemory: Uint8Array<ArrayBuffer> } {
  const found = records.find(({ name }) => name === nicMemoryRecord.name)
  return { nicMemory: found === undefined ? new Uint8Array(NIC_BYTES) : found.bytes.slice(0, NIC_BYTES) }
}
