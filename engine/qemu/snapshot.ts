/** A guest's state out of QEMU, complete: what the stream told, and what stands elsewhere. */
import type { NativeRecord } from '../hypervisors/hypervisor.ts'
import { deviceMemoryOf } from '../hypervisors/qemu/device-memory.ts'
import { pageDirectoryPointers, unsentOutput, withPageDirectoryPointers } from '../hypervisors/qemu/loose-ends.ts'
import { qemu } from '../hypervisors/qemu/qemu.ts'
import type { MachineConfig } from '../machine/machine.ts'
import { nowMs } from '../util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import { depart } from './departure.ts'
import type { DeviceBlocks } from './device-blocks.ts'
import type { QemuProcess } from './process.ts'
import type { QmpEvent } from './qmp-messages.ts'
import type { GuestRam } from './ram.ts'
import type { VideoMirror } from './video-mirror.ts'

const POINTERS_BYTES = 32
/** After so many V8 has compiled the most of it. */
const WARMING_ROUNDS = 10

export interface SnapshotOptions {
  readonly process: QemuProcess
  readonly config: MachineConfig
  readonly ram: GuestRam
  /** Learn what the devices' memory holds. */
  readonly devices: DeviceBlocks
  readonly video: VideoMirror
  /** A page of RAM as it is now, or null for zeros; it may come again. */
  readonly page: (page: number, bytes: Uint8Array | null) => void
}

export interface Snapshot {
  readonly state: MachineState
  /** When QEMU stopped the guest for it; null where it stood still before. */
  readonly stop: QmpEvent | null
  /** What the guest wrote to its serial port and QEMU has not passed on. */
  readonly unsent: Uint8Array
  /** Does again, several times, what was done with what QEMU sent, so that it is not slow the next time. */
  readonly again: () => void
}

/** QEMU has stopped the guest when this resolves. @throws FerryError `qemu.*`, `native.*` */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  const { video, page } = options
  const { ramBytes, vgaBytes } = options.config
  const { qmp, folder } = options.process
  const told = await depart({
    ...{ qmp, folder, ramBytes, vgaBytes },
    page: (block, number, bytes) => {
      if (block === 'ram') return page(number, bytes)
      video.page(number, bytes)
    },
  })
  return snapshotOf(options, told)
}

/** What a QEMU told that has stopped its guest. */
export interface Told {
  readonly records: readonly NativeRecord[]
  readonly stop: QmpEvent | null
}

/** @param options its `video` has what came of video memory @throws FerryError `native.*`, `qemu.*` */
export function snapshotOf(
  { ram, devices, video }: Pick<SnapshotOptions, 'ram' | 'devices' | 'video'>,
  { records, stop }: Told,
): Snapshot {
  const convert = (): MachineState => {
    const state = complete(records, ram)
    const memory = video.unpack(state.vga)
    if (memory !== null) {
      devices.learn(BLOCK.vgaPlanes, memory.vgaPlanes)
      devices.learn(BLOCK.vgaFramebuffer, memory.vgaFramebuffer)
    }
    devices.learn(BLOCK.nicMemory, deviceMemoryOf(records).nicMemory)
    return state
  }
  const again = (): void => {
    for (let i = 0; i < WARMING_ROUNDS; i++) {
      video.forget()
      convert()
    }
  }
  return { state: convert(), stop, unsent: unsentOutput(records), again }
}

function complete(records: readonly NativeRecord[], ram: GuestRam): MachineState {
  // QEMU does not tell when; the clock of the guest has stood still since it stopped.
  const state = { ...qemu.unpack(records), capturedAtNs: BigInt(Math.round(nowMs() * 1000)) * 1000n }
  const address = pageDirectoryPointers(state)
  if (address === null) return state
  const { data, pages } = ram.read(Uint32Array.of(Math.floor(address / PAGE_SIZE)))
  const from = address % PAGE_SIZE
  return withPageDirectoryPointers(
    state,
    pages.length === 0 ? new Uint8Array(POINTERS_BYTES) : data.slice(from, from + POINTERS_BYTES),
  )
}
