/**
 * Recordings of a connection's bytes, for `ferry verify-stream`. The container is described in PROTOCOL.md: 16 bytes
 * of head, then a 16-byte record head before each run of bytes.
 */
import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { FerryError } from '../../util/errors.ts'

export type WireDirection = 'source-to-target' | 'target-to-source'

export interface Recorder {
  /** For a further connection of the same migration: the next number, into the same recording. */
  channel(): Recorder
  /** Takes bytes as they are written or received; they must not change afterwards. */
  record(direction: WireDirection, bytes: readonly Uint8Array[], atMs: number): void
  /** Resolves when more may be recorded without the memory growing. */
  ready(): Promise<void>
  close(): Promise<void>
}

function containerHead(): Uint8Array {
  const head = Buffer.alloc(16)
  head.write('FERRYREC', 0, 'latin1')
  head.writeUInt32LE(1, 8)
  return head
}

function recordHead(direction: WireDirection, length: number, atMs: number, channel: number): Uint8Array {
  const head = Buffer.alloc(16)
  head.writeUInt8(direction === 'source-to-target' ? 0 : 1, 0)
  head.writeUIntLE(channel, 1, 3)
  head.writeUInt32LE(length, 4)
  head.writeDoubleLE(atMs, 8)
  return head
}

function recordOf(direction: WireDirection, bytes: readonly Uint8Array[], atMs: number, channel: number): Uint8Array[] {
  const length = bytes.reduce((sum, chunk) => sum + chunk.length, 0)
  return [recordHead(direction, length, atMs, channel), ...bytes]
}

/** What recorders have in common: numbers of connections. The first one is 0. */
abstract class NumberedRecorder implements Recorder {
  #channels = 0

  record(direction: WireDirection, bytes: readonly Uint8Array[], atMs: number): void {
    this.take(recordOf(direction, bytes, atMs, 0))
  }
  channel(): Recorder {
    const channel = ++this.#channels
    return {
      record: (direction, bytes, atMs) => this.take(recordOf(direction, bytes, atMs, channel)),
      ready: () => this.ready(),
      channel: () => this.channel(),
      // The recording ends with its first connection's owner.
      close: () => Promise.resolve(),
    }
  }
  abstract ready(): Promise<void>
  abstract close(): Promise<void>
  protected abstract take(chunks: readonly Uint8Array[]): void
}

/** Keeps the recording in memory: for tests and small guests. */
export class MemoryRecorder extends NumberedRecorder {
  readonly #chunks: Uint8Array[] = [containerHead()]

  protected override take(chunks: readonly Uint8Array[]): void {
    this.#chunks.push(...chunks)
  }
  ready(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  /** The file's bytes. */
  bytes(): Uint8Array<ArrayBuffer> {
    return Buffer.concat(this.#chunks)
  }
}

/** Writes the recording to a file. A failing disk does not disturb the migration: `close` reports it. */
export class FileRecorder extends NumberedRecorder {
  readonly #stream: WriteStream
  #error: Error | null = null

  constructor(path: string) {
    super()
    this.#stream = createWriteStream(path)
    this.#stream.on('error', (error) => {
      this.#error = error
    })
    this.#stream.write(containerHead())
  }

  protected override take(chunks: readonly Uint8Array[]): void {
    if (this.#error !== null) return
    for (const chunk of chunks) this.#stream.write(chunk)
  }

  async ready(): Promise<void> {
    if (this.#error !== null || !this.#stream.writableNeedDrain) return
    await once(this.#stream, 'drain').catch(() => undefined)
  }

  /** @throws FerryError `recording.write` */
  async close(): Promise<void> {
    this.#stream.end()
    await finished(this.#stream).catch((error: unknown) => {
      this.#error ??= error instanceof Error ? error : new Error(String(error))
    })
    if (this.#error !== null) {
      throw new FerryError(
        'recording.write',
        `The recording could not be written: ${this.#error.message}`,
        {},
        this.#error,
      )
    }
  }
}
