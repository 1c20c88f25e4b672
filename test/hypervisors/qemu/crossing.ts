/** A paused guest of ours as a stream of QEMU, and QEMU's stream as a guest of ours. */
import {
  deviceMemoryOf,
  packVideo,
  unpackVideo,
  withDeviceMemory,
} from '../../../engine/hypervisors/qemu/device-memory.ts'
import { pageDirectoryPointers, withPageDirectoryPointers } from '../../../engine/hypervisors/qemu/loose-ends.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import type { StreamBlock } from '../../../engine/hypervisors/qemu/stream/format.ts'
import { type StreamCommand, StreamReader } from '../../../engine/hypervisors/qemu/stream/reader.ts'
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

/** Takes QEMU's stream in, for a machine with this configuration. */
export class Arrival {
  readonly ram: Uint8Array<ArrayBuffer>
  readonly reader: StreamReader
  readonly #video: Uint8Array<ArrayBuffer>
  readonly #vgaBytes: number

  constructor({ ramBytes, vgaBytes }: Machine['config'], command: (command: StreamCommand) => void = () => {}) {
    this.ram = new Uint8Array(ramBytes)
    this.#video = new Uint8Array(vgaBytes)
    this.#vgaBytes = vgaBytes
    const page = (block: StreamBlock, number: number, bytes: Uint8Array | null): void => {
      const target = block === 'ram' ? this.ram : this.#video
      if (bytes === null) target.fill(0, number * PAGE_SIZE, (number + 1) * PAGE_SIZE)
      else target.set(bytes, number * PAGE_SIZE)
    }
    this.reader = new StreamReader({ ramBytes, vgaBytes }, { page, command })
  }

  /** When all of it has come. */
  guest(): ArrivedGuest {
    const { records, runState } = this.reader.end()
    const told = qemu.unpack(records)
    const at = pageDirectoryPointers(told)
    const complete = at === null ? told : withPageDirectoryPointers(told, this.ram.subarray(at, at + 32))
    const state = { ...complete, capturedAtNs: BigInt(Date.now()) * 1_000_000n }
    const { vgaPlanes, vgaFramebuffer } = unpackVideo(state.vga, this.#video, this.#vgaBytes)
    const blocks = [
      [BLOCK.ram, this.ram],
      [BLOCK.vgaPlanes, vgaPlanes],
      [BLOCK.vgaFramebuffer, vgaFramebuffer],
      [BLOCK.nicMemory, deviceMemoryOf(records).nicMemory],
    ] as const
    const batches = blocks.map(([block, bytes]): PageBatch => {
      const pages = Uint32Array.from({ length: bytes.length / PAGE_SIZE }, (_, i) => i)
      return { block, pages, zeroPages: new Uint32Array(), data: bytes.slice() }
    })
    return { state, ram: this.ram, batches, runState }
  }
}

/** A guest out of QEMU's whole stream, read in pieces of `chunk` bytes. */
export function guestOf(stream: Uint8Array, config: Machine['config'], chunk = 65_536): ArrivedGuest {
  const arrival = new Arrival(config)
  for (let at = 0; at < stream.length; at += chunk) arrival.reader.push(stream.subarray(at, at + chunk))
  return arrival.guest()
}
