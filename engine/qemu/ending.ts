/** What QEMU's stream has behind the pages of RAM: video memory as far as it has not gone before, all devices, the end. */
import { advanceClock } from '../hypervisors/qemu/loose-ends.ts'
import { qemu } from '../hypervisors/qemu/qemu.ts'
import { runsOf } from '../hypervisors/qemu/stream/commands.ts'
import { postcopyTail, streamTail } from '../hypervisors/qemu/stream/tail.ts'
import type { StreamBatch } from '../hypervisors/qemu/stream/writer.ts'
import type { Bitmap } from '../util/bitmap.ts'
import { nowMs } from '../util/clock.ts'
import { BLOCK } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { DeviceBlocks } from './device-blocks.ts'

/**
 * @param devices memory of devices, as it is to be
 * @param video pages of video memory that QEMU does not have as they are to be
 * @param clock `continue`: the guest's time includes the time since the capture
 * @param missing pages of RAM that come later; absent: none do
 * @throws FerryError `native.*` for a state that QEMU's machine cannot be in
 */
export function ending(
  devices: DeviceBlocks,
  video: StreamBatch,
  state: MachineState,
  clock: 'continue' | 'freeze',
  missing?: Bitmap,
): Uint8Array {
  const packed = qemu.pack(state)
  const elapsedNs = BigInt(Math.round(nowMs() * 1e6)) - state.capturedAtNs
  const timely = clock === 'continue' && elapsedNs > 0n ? advanceClock(packed, elapsedNs) : packed
  const nicMemory = devices.bytes(BLOCK.nicMemory)
  return missing === undefined
    ? streamTail(timely, video, nicMemory)
    : postcopyTail(timely, video, nicMemory, runsOf(missing.numbers()))
}
