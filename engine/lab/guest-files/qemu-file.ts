/**
 * A guest out of a file with the migration stream of a QEMU. The file is gone through twice: first all of it is read and
 * checked, and nothing is kept but what is not RAM; then its pages go into a machine. So a file that is none leaves no trace.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { NativeRecord } from '../../hypervisors/hypervisor.ts'
import { deviceMemoryOf, unpackVideo } from '../../hypervisors/qemu/device-memory.ts'
import { pageDirectoryPointers, unsentOutput, withPageDirectoryPointers } from '../../hypervisors/qemu/loose-ends.ts'
import { videoBytes } from '../../hypervisors/qemu/machine-arguments.ts'
import { qemu } from '../../hypervisors/qemu/qemu.ts'
import type { StreamBlock } from '../../hypervisors/qemu/stream/format.ts'
import { StreamReader } from '../../hypervisors/qemu/stream/reader.ts'
import { SHAPE_BYTES, streamShape } from '../../hypervisors/qemu/stream/shape.ts'
import type { PageBatch } from '../../machine/machine.ts'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { MachineState } from '../../vmstate/state.ts'

const CHUNK_BYTES = 2 ** 20
const BATCH_PAGES = 256
const POINTERS_BYTES = 32

type OnPage = (block: StreamBlock, page: number, bytes: Uint8Array | null) => void

export class QemuFile {
  readonly ramBytes: number
  readonly vgaBytes: number
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string
  /** What the guest had written to its serial port and QEMU had not passed on. */
  readonly unsent: Uint8Array
  readonly #handle: FileHandle
  readonly #records: readonly NativeRecord[]
  readonly #video: Uint8Array

  private constructor(
    handle: FileHandle,
    shape: { ramBytes: number; vgaBytes: number },
    content: { records: readonly NativeRecord[]; video: Uint8Array; digest: string },
  ) {
    this.#handle = handle
    this.ramBytes = shape.ramBytes
    this.vgaBytes = shape.vgaBytes
    this.#records = content.records
    this.#video = content.video
    this.digest = content.digest
    this.unsent = unsentOutput(content.records)
  }

  /** @throws FerryError `import.file` where it cannot be read, `qemu.*` where it is no stream of a machine like ours */
  static async open(path: string): Promise<QemuFile> {
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw new FerryError(
        'import.file',
        `It cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      )
    })
    try {
      if (!(await handle.stat()).isFile()) throw new FerryError('import.file', 'It is no file.')
      const head = new Uint8Array(SHAPE_BYTES)
      const { bytesRead } = await handle.read(head, 0, SHAPE_BYTES, 0)
      const shape = streamShape(head.subarray(0, bytesRead))
      const video = new Uint8Array(videoBytes(shape.vgaBytes))
      const hash = createHash('sha256')
      const told = new Uint8Array(shape.ramBytes / PAGE_SIZE)
      const page: OnPage = (block, number, bytes) => {
        if (block === 'ram') told[number] = 1
        else video.set(bytes ?? new Uint8Array(PAGE_SIZE), number * PAGE_SIZE)
      }
      const reader = new StreamReader(shape, { page })
      await readAll(handle, (bytes) => {
        hash.update(bytes)
        reader.push(bytes)
      })
      const { records } = reader.end()
      const missing = told.indexOf(0)
      if (missing >= 0)
        throw new FerryError('qemu.memory', `It does not have all of the guest's RAM: page ${missing} is missing.`)
      return new QemuFile(handle, shape, { records, video, digest: hash.digest('hex') })
    } catch (thrown) {
      await handle.close()
      throw FerryError.from(thrown)
    }
  }

  /** CPU and devices; but for what lies in RAM. @throws FerryError `native.*` */
  get state(): MachineState {
    // When it was written nobody says; the guest's clock has stood still since.
    return { ...qemu.unpack(this.#records), capturedAtNs: BigInt(Math.round(nowMs() * 1000)) * 1000n }
  }

  /**
   * Gives all memory to `write`, a batch at a time.
   * @returns the state, complete
   * @throws FerryError as `open`, where the file was changed meanwhile
   */
  async load(write: (batch: PageBatch) => Promise<void>): Promise<MachineState> {
    const { state } = this
    const address = pageDirectoryPointers(state)
    const pointers = new Uint8Array(POINTERS_BYTES)
    const batches: Promise<void>[] = []
    const batch = new Batch()
    const flush = (): void => {
      if (!batch.empty) batches.push(write(batch.take()))
    }
    const page: OnPage = (block, number, bytes) => {
      if (block !== 'ram') return
      if (address !== null && number === Math.floor(address / PAGE_SIZE)) {
        const from = address % PAGE_SIZE
        pointers.set(bytes?.subarray(from, from + POINTERS_BYTES) ?? new Uint8Array(POINTERS_BYTES))
      }
      if (batch.has(number) || batch.full) flush()
      batch.add(number, bytes)
    }
    const reader = new StreamReader(this, { page })
    await readAll(this.#handle, async (bytes) => {
      reader.push(bytes)
      await Promise.all(batches.splice(0))
    })
    reader.end()
    flush()
    await Promise.all(batches)
    for (const each of this.#deviceMemory(state)) await write(each)
    return withPageDirectoryPointers(state, pointers)
  }

  #deviceMemory({ vga }: MachineState): PageBatch[] {
    const { vgaPlanes, vgaFramebuffer } = unpackVideo(vga, this.#video, this.vgaBytes)
    const { nicMemory } = deviceMemoryOf(this.#records)
    return [
      whole(BLOCK.vgaPlanes, vgaPlanes),
      whole(BLOCK.vgaFramebuffer, vgaFramebuffer),
      whole(BLOCK.nicMemory, nicMemory),
    ]
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function readAll(handle: FileHandle, take: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES)
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return
    await take(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}

const whole = (block: BlockId, data: Uint8Array<ArrayBuffer>): PageBatch => {
  const pages = Uint32Array.from({ length: data.length / PAGE_SIZE }, (_, page) => page)
  return { block, pages, zeroPages: new Uint32Array(0), data }
}

/** Pages of RAM that are collected, each once. */
class Batch {
  #pages = new Map<number, Uint8Array | null>()

  get empty(): boolean {
    return this.#pages.size === 0
  }
  get full(): boolean {
    return this.#pages.size >= BATCH_PAGES
  }
  has(page: number): boolean {
    return this.#pages.has(page)
  }
  add(page: number, bytes: Uint8Array | null): void {
    this.#pages.set(page, bytes?.slice() ?? null)
  }
  take(): PageBatch {
    const full = [...this.#pages].flatMap(([page, bytes]) => (bytes === null ? [] : [{ page, bytes }]))
    const data = new Uint8Array(full.length * PAGE_SIZE)
    full.forEach(({ bytes }, i) => data.set(bytes, i * PAGE_SIZE))
    const zeroPages = Uint32Array.from([...this.#pages].flatMap(([page, bytes]) => (bytes === null ? [page] : [])))
    this.#pages = new Map()
    return { block: BLOCK.ram, pages: Uint32Array.from(full.map(({ page }) => page)), zeroPages, data }
  }
}
