/** A guest's disk as a file beside the one that has its memory: its sectors, and nothing else (QEMU's format `raw`). */
import { type FileHandle, open } from 'node:fs/promises'
import { FerryError } from '../../util/errors.ts'
import type { MachineState } from '../../vmstate/state.ts'
import { SECTOR_BYTES, type SharedDisk } from '../../storage/shared-disk.ts'

const CHUNK_BYTES = 2 ** 20

/** Where the disk of a guest's file is, if nobody says otherwise. */
export const diskPathOf = (path: string): string => `${path}.disk`

/** Size of the disk that a guest's machine has; 0: none. */
export function diskBytesOf({ ide }: MachineState): number {
  const drive = ide.channels[0]?.drives[0]
  return drive?.present === true && !drive.atapi ? drive.sectors * SECTOR_BYTES : 0
}

/** The sectors of a disk that nobody writes to, from first to last. */
export function* sectorsOf({ bytes, buffer }: SharedDisk): Generator<Uint8Array> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    yield new Uint8Array(new Uint8Array(buffer, at, Math.min(CHUNK_BYTES, bytes - at)))
  }
}

export class DiskFile {
  readonly #handle: FileHandle

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /**
   * Opens the disk that belongs to a guest of a file.
   * @param bytes size of the guest's disk; 0: it has none, and neither may be named
   * @param named by the user; absent: it is beside the guest's file
   * @returns null where the guest has no disk
   * @throws FerryError `import.disk`
   */
  static async open(bytes: number, path: string, named: string | undefined): Promise<DiskFile | null> {
    if (bytes === 0) {
      if (named === undefined) return null
      throw new FerryError('import.disk', 'The guest has no disk, but one was named. Leave it out.')
    }
    const from = named ?? diskPathOf(path)
    const handle = await open(from, 'r').catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `The guest has a disk of ${bytes} bytes, which cannot be read: ${why}. Name its file (raw) with --disk.`
      throw new FerryError('import.disk', message, { path: from, bytes }, cause)
    })
    const { size } = await handle.stat()
    if (size === bytes) return new DiskFile(handle)
    await handle.close()
    const message = `The guest's disk has ${bytes} bytes; ${from} has ${size}. Name the file of its disk (raw) with --disk.`
    throw new FerryError('import.disk', message, { path: from, bytes, size })
  }

  /** All of it onto a disk of its size. @throws FerryError `import.disk` where the file was changed meanwhile */
  async load(disk: SharedDisk): Promise<void> {
    const chunk = new Uint8Array(CHUNK_BYTES)
    for (let at = 0; at < disk.bytes;) {
      const wanted = Math.min(CHUNK_BYTES, disk.bytes - at)
      const { bytesRead } = await this.#handle.read(chunk, 0, wanted, at)
      if (bytesRead < wanted)
        throw new FerryError('import.disk', 'The file of the disk became shorter while it was read.')
      disk.writeSectors(at / SECTOR_BYTES, chunk.subarray(0, wanted))
      at += wanted
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
