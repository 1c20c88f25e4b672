/** What a stream has behind the pages of RAM: video memory, all devices, the end. */
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import type { Vga } from '../../../vmstate/devices.ts'
import { splitZeros } from '../../../vmstate/zero-pages.ts'
import { packVideo, type VideoMemory, withDeviceMemory } from '../device-memory.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { deviceSections, ramEnd, streamEnd } from './writer.ts'

export interface DeviceMemory extends VideoMemory {
  readonly nicMemory: Uint8Array<ArrayBuffer>
}

/** @param records what `qemu.pack` gave */
export function streamTail(records: readonly NativeRecord[], vga: Vga, memory: DeviceMemory): Uint8Array<ArrayBuffer> {
  const video = packVideo(vga, memory)
  const numbers = Uint32Array.from({ length: video.length / PAGE_SIZE }, (_, page) => page)
  const pages = ramEnd([splitZeros('video', numbers, video)])
  return Buffer.concat([pages, deviceSections(withDeviceMemory(records, memory)), streamEnd()])
}
