/** A paused guest of ours as a stream of QEMU, and QEMU's stream as a guest of ours. */
import {
  deviceMemoryOf,
  packVideo,
  unpackVideo,
  withDeviceMemory,
} from '../../../engine/hypervisors/qemu/device-memory.ts'
import { pageDirectoryPointers, withPageDirectoryPointers } from '../../../engine/hypervisors/qemu/loose-ends.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { StreamReader } from '../../../engine/hypervisors/qemu/stream/reader.ts'
import {
  deviceSections,
  ramEnd,
  ramPart,
  streamEnd,
  streamHead,
  type StreamBatch,
} from '../../../engine/hypervisors/qemu/stream/writer.ts'
import type { Machine, PageBatch } from '../../../engine/machine/machine.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../../../engine/vmstate/blocks.ts'
import type { MachineState } from '../../../engine/vmstate/state.ts'

/** All of a block of a paused machine. */
export async function blockOf(machine: Machine, block: BlockId): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = machine.blocks.find(({ id }) => id === block)?.bytes ?? 0
  const out = new Uint8Array(bytes)
  const { pages, data } = await machine.readPages({
    block,
    pages: Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, i) => i),
  })
  pages.forEach((page, i) => out.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
  return out
}

/** Pages of a block's bytes: zero pages apart. */
export function batchOf(block: StreamBatch['block'], bytes: Uint8Array): StreamBatch {
  const numbers = Array.from({ length: bytes.length / PAGE_SIZE }, (_, i) => i)
  const page = (i: number): Uint8Array => bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)
  const isZero = numbers.map((i) => page(i).every((byte) => byte === 0))
  const pages = Uint32Array.from(numbers.filter((i) => isZero[i] !== true))
  const data = new Uint8Array(pages.length * PAGE_SIZE)
  pages.forEach((i, at) => data.set(page(i), at * PAGE_SIZE))
  return { block, pages, zeroPages: Uint32Array.from(numbers.filter((i) => isZero[i] === true)), data }
}

/** The whole stream of a machine that was stopped in `state`. */
export async function streamOf(machine: Machine, state: MachineState): Promise<Uint8Array> {
  const ram = await blockOf(machine, BLOCK.ram)
  const video = packVideo(state.vga, {
    vgaPlanes: await blockOf(machine, BLOCK.vgaPlanes),
    vgaFramebuffer: await blockOf(machine, BLOCK.vgaFramebuffer),
  })
  const records = withDeviceMemory(qemu.pack(state), { nicMemory: await blockOf(machine, BLOCK.nicMemory) })
  return Buffer.concat([
    streamHead(machine.config),
    ramPart([batchOf('ram', ram)]),
    ramEnd([batchOf('video', video)]),
    deviceSections(records),
    streamEnd(),
  ])
}

export interface ArrivedGuest {
  readonly state: MachineState
  readonly ram: Uint8Array<ArrayBuffer>
  readonly batches: PageBatch[]
  readonly runState: string
}

/** A guest out of QEMU's stream, for a machine with this configuration. */
export function guestOf(stream: Uint8Array, { ramBytes, vgaBytes }: Machine['config'], chunk = 65_536): ArrivedGuest {
  const ram = new Uint8Array(ramBytes)
  const video = new Uint8Array(vgaBytes)
  const reader = new StreamReader(
    { ramBytes, vgaBytes },
    {
      page(block, page, bytes) {
        const target = block === 'ram' ? ram : video
        if (bytes === null) target.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        else target.set(bytes, page * PAGE_SIZE)
      },
    },
  )
  for (let at = 0; at < stream.length; at += chunk) reader.push(stream.subarray(at, at + chunk))
  const { records, runState } = reader.end()
  const told = qemu.unpack(records)
  const pointers = pageDirectoryPointers(told)
  const complete = pointers === null ? told : withPageDirectoryPointers(told, ram.subarray(pointers, pointers + 32))
  const state = { ...complete, capturedAtNs: BigInt(Date.now()) * 1_000_000n }
  const { vgaPlanes, vgaFramebuffer } = unpackVideo(state.vga, video, vgaBytes)
  const batches = (
    [
      [BLOCK.ram, ram],
      [BLOCK.vgaPlanes, vgaPlanes],
      [BLOCK.vgaFramebuffer, vgaFramebuffer],
      [BLOCK.nicMemory, deviceMemoryOf(records).nicMemory],
    ] as const
  ).map(([block, bytes]): PageBatch => ({
    block,
    pages: Uint32Array.from({ length: bytes.length / PAGE_SIZE }, (_, i) => i),
    zeroPages: new Uint32Array(),
    data: bytes.slice(),
  }))
  return { state, ram, batches, runState }
}
