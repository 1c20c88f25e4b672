/** Which memory a machine has that moves page by page. */
import { BLOCK, type BlockInfo } from '../vmstate/blocks.ts'
import type { MachineConfig } from './machine.ts'

const VGA_PLANES_BYTES = 256 * 1024
const NIC_MEMORY_BYTES = 32 * 1024
/** The largest transfer by one command with 28-bit addressing: 256 sectors. */
export const IDE_SLOT_BYTES = 128 * 1024

/** The blocks of a machine with this configuration. */
export function blocksOf({ ramBytes, vgaBytes }: Pick<MachineConfig, 'ramBytes' | 'vgaBytes'>): BlockInfo[] {
  return [
    { id: BLOCK.ram, name: 'ram', bytes: ramBytes },
    { id: BLOCK.vgaPlanes, name: 'vgaPlanes', bytes: VGA_PLANES_BYTES },
    { id: BLOCK.vgaFramebuffer, name: 'vgaFramebuffer', bytes: vgaBytes },
    { id: BLOCK.nicMemory, name: 'nicMemory', bytes: NIC_MEMORY_BYTES },
    { id: BLOCK.ideBuffer, name: 'ideBuffer', bytes: 4 * IDE_SLOT_BYTES },
  ]
}
