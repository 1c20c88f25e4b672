/** A recording's file while it is made: chunks are added to its end, one after the other, and nothing else is done. */
import { open } from 'node:fs/promises'
import { type ChunkType, encodeChunk, fileHeader } from '../../recording/chunk.ts'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'

/** What a file has to be able to do. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void>
  /** What was written is on the disk then, whatever happens to the computer. */
  sync(): Promise<void>
  close(): Promise<void>
}

const SYNC_EVERY_MS = 1000

/** @throws FerryError `recording.exists`, `recording.write` */
export async function newSink(path: string): Promise<Sink> {
  try {
    // Never into a file that is there: it could be another recording.
    const file = await open(path, 'wx', 0o600)
    return {
      write: (bytes) => file.writeFile(bytes),
      sync: () => file.datasync(),
      close: () => file.close(),
    }
  } catch (thrown) {
    throw writeError(path, thrown)
  }
}

export class RecordingFile {
  readonly path: string
  readonly #sink: Sink
  #size_B = 0
  #waiting_B = 0
  #syncedAtMs = 0
  #last: Promise<void> = Promise.resolve()
  #failure: FerryError | null = null

  constructor(path: string, sink: Sink) {
    this.path = path
    this.#sink = sink
    void this.#write(() => Promise.resolve(fileHeader()), 0).catch(() => undefined)
  }

  /** Of what was written. */
  get size_B(): number {
    return this.#size_B
  }

  /** Of what was handed over and is not written yet, before it is packed. */
  get waiting_B(): number {
    return this.#waiting_B
  }

  /**
   * Packs a chunk and adds it after those that were added before.
   * @throws FerryError `recording.disk-full`, `recording.write`: the same for every chunk from then on
   */
  add(type: ChunkType, content: Uint8Array<ArrayBuffer>, first_ms: number, last_ms: number): Promise<void> {
    return this.#write(() => encodeChunk(type, content, first_ms, last_ms), content.length)
  }

  /** After the last chunk. */
  async close(): Promise<void> {
    await this.#last.catch(() => undefined)
    try {
      if (this.#failure === null) await this.#sink.sync()
    } catch (thrown) {
      throw writeError(this.path, thrown)
    } finally {
      await this.#sink.close().catch(() => undefined)
    }
  }

  #write(encode: () => Promise<Uint8Array>, length: number): Promise<void> {
    this.#waiting_B += length
    const before = this.#last
    const written = (async () => {
      // Packing goes on while what comes before is being written.
      const [bytes] = await Promise.all([encode(), before.catch(() => undefined)])
      if (this.#failure !== null) throw this.#failure
      await this.#sink.write(bytes)
      this.#size_B += bytes.length
      if (nowMs() - this.#syncedAtMs < SYNC_EVERY_MS) return
      await this.#sink.sync()
      this.#syncedAtMs = nowMs()
    })()
      .catch((thrown: unknown) => {
        this.#failure ??= thrown instanceof FerryError ? thrown : writeError(this.path, thrown)
        throw this.#failure
      })
      .finally(() => (this.#waiting_B -= length))
    this.#last = written
    return written
  }
}

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined

function writeError(path: string, thrown: unknown): FerryError {
  switch (codeOf(thrown)) {
    case 'EEXIST':
      return new FerryError(
        'recording.exists',
        `There is a file ${path} already; choose another name.`,
        { path },
        thrown,
      )
    case 'ENOSPC':
    case 'EDQUOT': {
      const message = `The disk is full: the recording ${path} ends here. What it has is kept; the lab goes on.`
      return new FerryError('recording.disk-full', message, { path }, thrown)
    }
    default: {
      const why = FerryError.from(thrown).message
      const message = `The recording ${path} cannot be written: ${why} The lab goes on.`
      return new FerryError('recording.write', message, { path }, thrown)
    }
  }
}
