/**
 * The data buffers of the four IDE drives as one memory block: each drive has a slot. A buffer means something only
 * while a transfer through the data port is under way (DRQ); otherwise its slot reads as zeros.
 */
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import { IDE_SLOT_BYTES } from './memory-layout.ts'
import type { Devices, IdeInterface } from './v86/types.ts'

const SLOT_PAGES = IDE_SLOT_BYTES / PAGE_SIZE
/** Status register: data request (ATA-4, 7.15.6). */
const STATUS_DRQ = 0x08

export const transferring = (drive: IdeInterface): boolean => (drive.status_reg & STATUS_DRQ) !== 0

const drives = ({ ide }: Devices): (IdeInterface | undefined)[] => [
  ide.primary?.master,
  ide.primary?.slave,
  ide.secondary?.master,
  ide.secondary?.slave,
]

/** Copies page `page` of the block to `out`; false if it is all beyond any data, thus zero. */
export function readIdePage(devices: Devices, page: number, out: Uint8Array): boolean {
  const drive = drives(devices)[Math.floor(page / SLOT_PAGES)]
  const from = (page % SLOT_PAGES) * PAGE_SIZE
  const length = drive !== undefined && transferring(drive) ? Math.min(PAGE_SIZE, drive.data_length - from) : 0
  if (drive === undefined || length <= 0) return false
  out.fill(0)
  out.set(drive.data.subarray(from, from + length))
  return true
}

export function writeIdePage(devices: Devices, page: number, bytes: Uint8Array): void {
  const drive = drives(devices)[Math.floor(page / SLOT_PAGES)]
  const from = (page % SLOT_PAGES) * PAGE_SIZE
  if (drive === undefined) return
  if (drive.data.length < from + PAGE_SIZE) {
    if (bytes.every((byte) => byte === 0)) return
    const grown = new Uint8Array(IDE_SLOT_BYTES)
    grown.set(drive.data)
    drive.data = grown
    drive.data16 = new Uint16Array(grown.buffer)
    drive.data32 = new Int32Array(grown.buffer)
  }
  drive.data.set(bytes, from)
}

/** Whether all of the block reads as zeros. */
export const ideBufferIdle = (devices: Devices): boolean =>
  !drives(devices).some((drive) => drive !== undefined && transferring(drive))
