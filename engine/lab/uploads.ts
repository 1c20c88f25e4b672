/** Files that front ends hand over piece by piece, in a folder of this process until they are taken. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MOST_UPLOAD_BYTES, type UPLOAD_METHODS } from '../contract/uploads.ts'
import { FerryError } from '../util/errors.ts'
import type { Handlers } from './handlers.ts'

/** Files that are on their way at a time; beyond that the one begun first is forgotten. */
const MOST_UPLOADS = 4

interface Upload {
  readonly path: string
  size_B: number
}

export class Uploads {
  #folder: string | null = null
  /** In the order in which they began. */
  readonly #held = new Map<string, Upload>()
  #count = 0
  readonly #most_B: number

  constructor(most_B = MOST_UPLOAD_BYTES) {
    this.#most_B = most_B
  }

  /** @throws FerryError `upload.order`, `upload.size`, `upload.disk`; the upload is forgotten then */
  add(name: string, offset: number, bytes: Uint8Array): void {
    const upload = this.#held.get(name) ?? this.#begin(name)
    try {
      if (offset !== upload.size_B) {
        const message = 'A piece of the file is missing, and nothing of it was taken in. Open the file again.'
        throw new FerryError('upload.order', message, { offset, expected: upload.size_B })
      }
      if (offset + bytes.length > this.#most_B) {
        const message = `The file has more than ${this.#most_B >> 20} MiB, and nothing of it was taken in. The "ferry" command takes files of any size.`
        throw new FerryError('upload.size', message, { most_B: this.#most_B })
      }
      append(upload.path, bytes)
      upload.size_B += bytes.length
    } catch (error) {
      this.#forget(name)
      throw error
    }
  }

  /** Hands the file to `use`, and removes it when that has ended. @throws FerryError `upload.unknown`, and what `use` throws */
  async take<T>(name: string, use: (path: string) => T | Promise<T>): Promise<T> {
    const upload = this.#held.get(name)
    if (upload === undefined) {
      throw new FerryError(
        'upload.unknown',
        'The file is not here any more. Open it again; nothing of it was taken in.',
      )
    }
    // From here on it is no file on its way, which another one could push out.
    this.#held.delete(name)
    try {
      return await use(upload.path)
    } finally {
      rmSync(upload.path, { force: true })
    }
  }

  /** Forgets all. Idempotent. */
  close(): void {
    this.#held.clear()
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = null
  }

  #begin(name: string): Upload {
    const [oldest] = this.#held.keys()
    if (oldest !== undefined && this.#held.size >= MOST_UPLOADS) this.#forget(oldest)
    this.#folder ??= mkdtempSync(join(tmpdir(), 'ferry-uploads-'))
    const upload = { path: join(this.#folder, String(++this.#count)), size_B: 0 }
    this.#held.set(name, upload)
    return upload
  }

  #forget(name: string): void {
    const upload = this.#held.get(name)
    this.#held.delete(name)
    if (upload !== undefined) rmSync(upload.path, { force: true })
  }
}

export function uploadHandlers(uploads: Uploads): Handlers<keyof typeof UPLOAD_METHODS> {
  return {
    'uploads.piece': ({ upload, offset, data }) => {
      uploads.add(upload, offset, Buffer.from(data, 'base64'))
      return undefined
    },
  }
}

function append(path: string, bytes: Uint8Array): void {
  try {
    appendFileSync(path, bytes)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `There is no place to keep the file: ${why}. Nothing of it was taken in, and the lab is as it was.`
    throw new FerryError('upload.disk', message, {}, cause)
  }
}
