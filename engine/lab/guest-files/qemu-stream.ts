/** A guest as the migration stream of a QEMU. */
import { lineInput } from '../../hypervisors/qemu/loose-ends.ts'
import { machineArguments } from '../../hypervisors/qemu/machine-arguments.ts'
import { qemu } from '../../hypervisors/qemu/qemu.ts'
import { streamTail, wholeVideo } from '../../hypervisors/qemu/stream/tail.ts'
import { ramPart, streamHead } from '../../hypervisors/qemu/stream/writer.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../../vmstate/blocks.ts'
import { diskBytesOf, diskPathOf } from './disk-file.ts'
import type { GuestFile, PausedGuest } from './format.ts'

/** Pages that are read at once. */
const BATCH = 1024

const numbers = (first: number, count: number): Uint32Array<ArrayBuffer> =>
  Uint32Array.from({ length: count }, (_, i) => first + i)

async function* write({ state, blocks, read }: PausedGuest): AsyncIterable<Uint8Array> {
  // Before anything is written: a guest that QEMU cannot be is refused.
  const packed = qemu.pack(state)
  const bytesOf = (id: BlockId): number => blocks.find((block) => block.id === id)?.bytes ?? 0
  const whole = async (id: BlockId): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(bytesOf(id))
    const { pages, data } = await read(id, numbers(0, bytes.length / PAGE_SIZE))
    pages.forEach((page, i) => bytes.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
    return bytes
  }
  yield streamHead({ ramBytes: bytesOf(BLOCK.ram), vgaBytes: bytesOf(BLOCK.vgaFramebuffer) })
  const pages = bytesOf(BLOCK.ram) / PAGE_SIZE
  for (let first = 0; first < pages; first += BATCH) {
    const batch = await read(BLOCK.ram, numbers(first, Math.min(BATCH, pages - first)))
    yield ramPart([{ ...batch, block: 'ram' }])
  }
  const [vgaPlanes, vgaFramebuffer] = [await whole(BLOCK.vgaPlanes), await whole(BLOCK.vgaFramebuffer)]
  yield streamTail(packed, wholeVideo(state.vga, { vgaPlanes, vgaFramebuffer }), await whole(BLOCK.nicMemory))
}

const typedAhead = (bytes: number): string =>
  `The last ${bytes} bytes that were typed: QEMU's serial port has room for fewer than the guest had not read.`

const quoted = (word: string): string =>
  /^[\w.,:=/+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

/** The console comes on the terminal, the network is QEMU's own. */
function command({ state, blocks }: PausedGuest, path: string): string {
  const bytesOf = (id: BlockId): number => blocks.find((block) => block.id === id)?.bytes ?? 0
  const mac = [...(state.nic?.mac ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
  const words = machineArguments({
    ramBytes: bytesOf(BLOCK.ram),
    vgaBytes: bytesOf(BLOCK.vgaFramebuffer),
    mac,
    netdev: 'user',
    // A comma ends a value, but for two of them.
    disk: diskBytesOf(state) > 0 ? `file=${diskPathOf(path).replaceAll(',', ',,')},format=raw` : null,
    further: ['-serial', 'mon:stdio', '-incoming', `exec:cat ${quoted(path)}`],
  })
  return ['qemu-system-i386', ...words.map(quoted)].join(' ')
}

export const qemuStream: GuestFile = {
  write,
  withDisk: true,
  command,
  leftOut: (state) => [
    ...(lineInput(state).length > 0 ? [typedAhead(lineInput(state).length)] : []),
    ...new Set(qemu.notRepresentable.map(({ reason }) => reason)),
  ],
}
