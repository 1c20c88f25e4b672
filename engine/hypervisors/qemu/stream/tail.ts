/** What a stream has behind the pages of RAM: video memory, all devices, the end. */
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import type { Vga } from '../../../vmstate/devices.ts'
import { splitZeros } from '../../../vmstate/zero-pages.ts'
import { packVideo, type VideoMemory, withDeviceMemory } from '../device-memory.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { type PageRun, postcopyDiscard, postcopyPackage } from './commands.ts'
import { deviceSections, ramEnd, ramPart, type StreamBatch, streamEnd } from './writer.ts'

/**
 * @param records what `qemu.pack` gave
 * @param video pages of video memory that have not gone before
 */
export function streamTail(
  records: readonly NativeRecord[],
  video: StreamBatch,
  nicMemory: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const devices = deviceSections(withDeviceMemory(records, { nicMemory }))
  return Buffer.concat([ramEnd([video]), devices, streamEnd()])
}

/**
 * The same for a guest that runs before its memory has come: what is missing, video memory, all devices.
 * @param missing pages of RAM that come later
 */
export function postcopyTail(
  records: readonly NativeRecord[],
  video: StreamBatch,
  nicMemory: Uint8Array,
  missing: readonly PageRun[],
): Uint8Array<ArrayBuffer> {
  return Buffer.concat([
    ramPart([video]),
    postcopyDiscard('ram', missing),
    postcopyPackage(withDeviceMemory(records, { nicMemory })),
  ])
}

/** All of video memory. */
export function wholeVideo(vga: Vga, memory: VideoMemory): StreamBatch {
  const video = packVideo(vga, memory)
  const numbers = Uint32Array.from({ length: video.length / PAGE_SIZE }, (_, page) => page)
  return splitZeros<'video'>('video', numbers, video)
}
