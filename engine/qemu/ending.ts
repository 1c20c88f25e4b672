/** What QEMU's stream has behind the pages of RAM: video memory, all devices, the end. */
import { advanceClock } from '../hypervisors/qemu/loose-ends.ts'
import { qemu } from '../hypervisors/qemu/qemu.ts'
import { runsOf } from '../hypervisors/qemu/stream/commands.ts'
import { postcopyTail, streamTail } from '../hypervisors/qemu/stream/tail.ts'
import type { Bitmap } from '../util/bitmap.ts'
import { nowMs } from '../util/clock.ts'
import { BLOCK } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { DeviceBlocks } from './device-blocks.ts'

/**
 * @param devices memory of devices, as it is to be
 * @param clock `continue`: the guest's time includes the time since the capture
 * @param missing pages of RAM that come later; absent: none do
 * @throws FerryError `native.*` for a state that QEMU's machine cannot be in
 */
export function ending(
  devices: DeviceBlocks,
  state: MachineState,
  clock: 'continue' | 'freeze',
  missing?: Bitmap,
): Uint8Array {
  const packed = qemu.pack(state)
  const elapsedNs = BigInt(Math.round(nowMs() * 1e6)) - state.capturedAtNs
  const timely = clock === 'continue' && elapsedNs > 0n ? advanceClock(packed, elapsedNs) : packed
  const memory = {
    nicMemory: devices.bytes(BLOCK.nicMemory),
    vgaPlanes: devices.bytes(BLOCK.vgaPlanes),
    vgaFramebuffer: devices.bytes(BLOCK.vgaFramebuffer),
  }
  return missing === undefined
    ? streamTail(timely, state.vga, memory)
    : postcopyTail(timely, state.vga, memory, runsOf(missing.numbers()))
}
