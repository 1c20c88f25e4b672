/**
 * Video memory on its way into QEMU: what of it QEMU does not have yet. It is a megabyte, and hardly ever changes between a
 * rehearsal and the stop of the guest; so nearly all of it goes while the guest runs, and in the pause it is not even looked at
 * where nothing was written to it.
 */
import { packVideo, videoArrangement } from '../hypervisors/qemu/device-memory.ts'
import type { StreamBatch } from '../hypervisors/qemu/stream/writer.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Vga } from '../vmstate/devices.ts'
import { splitZeros } from '../vmstate/zero-pages.ts'
import type { DeviceBlocks } from './device-blocks.ts'

export class VideoAhead {
  readonly #devices: DeviceBlocks
  /** As QEMU has it; null: nothing has gone. */
  #given: Uint8Array<ArrayBuffer> | null = null
  /** What that was made from. */
  #from = ''

  constructor(devices: DeviceBlocks) {
    this.#devices = devices
  }

  /**
   * The pages that QEMU does not have as they are; from now on it has them.
   * @param vga the mode, which says where which byte is
   */
  take(vga: Vga): StreamBatch {
    const devices = this.#devices
    const writes = [BLOCK.vgaPlanes, BLOCK.vgaFramebuffer].map((block) => devices.writes(block))
    const from = [videoArrangement(vga), ...writes].join(' ')
    if (from === this.#from) return splitZeros<'video'>('video', new Uint32Array(0), new Uint8Array(0))
    const vgaPlanes = devices.bytes(BLOCK.vgaPlanes)
    const vgaFramebuffer = devices.bytes(BLOCK.vgaFramebuffer)
    const video = packVideo(vga, { vgaPlanes, vgaFramebuffer })
    const pages = changed(this.#given, video)
    this.#given = video
    this.#from = from
    const bytes = new Uint8Array(pages.length * PAGE_SIZE)
    pages.forEach((page, i) => bytes.set(video.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), i * PAGE_SIZE))
    return splitZeros<'video'>('video', pages, bytes)
  }
}

/** Numbers of the pages of `now` that are not as they were; all where nothing was. */
function changed(before: Uint8Array | null, now: Uint8Array): Uint32Array<ArrayBuffer> {
  const pages = Uint32Array.from({ length: now.length / PAGE_SIZE }, (_, page) => page)
  if (before === null) return pages
  return pages.filter((page) => {
    const [from, to] = [page * PAGE_SIZE, (page + 1) * PAGE_SIZE]
    return Buffer.compare(before.subarray(from, to), now.subarray(from, to)) !== 0
  })
}
