/** Files that were made for a front end, in a folder of this process until their last piece was fetched. */
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DOWNLOAD_METHODS, MOST_DOWNLOAD_BYTES } from '../contract/downloads.ts'
import { FerryError } from '../util/errors.ts'
import type { Handlers } from './handlers.ts'

/** Files that wait at a time; beyond that the one made first is forgotten. */
const MOST_DOWNLOADS = 2
const PIECE_BYTES = 1 << 20

export class Downloads {
  #folder: string | null = null
  /** Paths by name, in the order in which they were made. */
  readonly #held = new Map<string, string>()
  #count = 0
  readonly #most_B: number

  constructor(most_B = MOST_DOWNLOAD_BYTES) {
    this.#most_B = most_B
  }

  /**
   * Has `make` write a file, and keeps it to be fetched.
   * @throws FerryError `download.size`, and what `make` throws; nothing is kept then
   */
  async offer<T>(name: string, make: (path: string) => Promise<T>): Promise<T> {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'ferry-downloads-'))
    const path = join(this.#folder, String(++this.#count))
    try {
      const made = await make(path)
      if (statSync(path).size > this.#most_B) {
        const message = `The file has more than ${this.#most_B >> 20} MiB, which a window does not take. The "ferry" command writes files of any size.`
        throw new FerryError('download.size', message, { most_B: this.#most_B })
      }
      this.#forget(name)
      const [oldest] = this.#held.keys()
      if (oldest !== undefined && this.#held.size >= MOST_DOWNLOADS) this.#forget(oldest)
      this.#held.set(name, path)
      return made
    } catch (thrown) {
      rmSync(path, { force: true })
      throw thrown
    }
  }

  /** @throws FerryError `download.unknown` */
  piece(name: string, offset: number): { data: Uint8Array; size_B: number } {
    const path = this.#held.get(name)
    if (path === undefined) {
      throw new FerryError('download.unknown', 'The file is not here any more. Have it made again.')
    }
    const file = openSync(path, 'r')
    try {
      const { size: size_B } = fstatSync(file)
      const data = new Uint8Array(Math.max(0, Math.min(PIECE_BYTES, size_B - offset)))
      readSync(file, data, 0, data.length, offset)
      if (offset + data.length >= size_B) this.#forget(name)
      return { data, size_B }
    } finally {
      closeSync(file)
    }
  }

  /** Forgets all. Idempotent. */
  close(): void {
    this.#held.clear()
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = null
  }

  #forget(name: string): void {
    const path = this.#held.get(name)
    this.#held.delete(name)
    if (path !== undefined) rmSync(path, { force: true })
  }
}

export function downloadHandlers(downloads: Downloads): Handlers<keyof typeof DOWNLOAD_METHODS> {
  return {
    'downloads.piece': ({ download, offset }) => {
      const { data, size_B } = downloads.piece(download, offset)
      return { data: Buffer.from(data).toString('base64'), size_B }
    },
  }
}
