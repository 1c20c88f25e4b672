/**
 * Socket chunks → messages. Incremental: a payload is allocated once, when its header has been checked, and filled in
 * place, so that a page batch is one ArrayBuffer that can go on to the machine's thread.
 */
import { crc32 } from 'node:zlib'
import { FerryError } from '../../util/errors.ts'
import { HEADER_BYTES, decodeHeader } from './frame.ts'
import type { FrameHeader, MessageName, Stage } from './frame.ts'
import { keptHead } from './heads.ts'
import { admit, decodeMessage } from './messages.ts'
import type { Message } from './messages.ts'
import { SpareBuffers } from './spare-buffers.ts'

export interface Received {
  readonly message: Message
  readonly stage: Stage
  /** Bytes of the frame, header included. */
  readonly bytes: number
  /** Copy of its first bytes (`keptHead`). */
  readonly head: Uint8Array<ArrayBuffer>
}

/** Payloads that are kept to be filled again: as many as a target has in hand at a time. */
const SPARE_PAYLOADS = 4

export class FrameReader {
  readonly #emit: (received: Received) => void
  readonly #head = new Uint8Array(HEADER_BYTES)
  #headFill = 0
  #header: (FrameHeader & { stage: Stage }) | null = null
  #name: MessageName | null = null
  /** Null while a frame is skipped: its bytes are only counted into the CRC. */
  #payload: Uint8Array<ArrayBuffer> | null = null
  #fill = 0
  #skipCrc = 0
  readonly #spare = new SpareBuffers(SPARE_PAYLOADS)
  #sequence = 0
  #stage: Stage = 0
  #failed: FerryError | null = null

  /** @param emit called for every message, in order, while `push` runs */
  constructor(emit: (received: Received) => void) {
    this.#emit = emit
  }

  /**
   * Takes the next bytes of the stream. After an error the reader stays failed: the stream has no way to recover.
   * @throws FerryError `protocol.*`
   */
  push(chunk: Uint8Array): void {
    if (this.#failed !== null) throw this.#failed
    try {
      this.#consume(chunk)
    } catch (thrown) {
      this.#failed = FerryError.from(thrown)
      throw this.#failed
    }
  }

  /** What these bytes of a message lie in is needed no more: a later frame may come in it. */
  recycle(bytes: Uint8Array<ArrayBuffer>): void {
    this.#spare.give(bytes)
  }

  /**
   * To be called at the end of the stream.
   * @throws FerryError `protocol.truncated` when it ends within a frame
   */
  end(): void {
    if (this.#failed === null && (this.#header !== null || this.#headFill > 0)) {
      this.#failed = new FerryError('protocol.truncated', 'The stream ended in the middle of a frame.')
      throw this.#failed
    }
  }

  #consume(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#header === null) {
        const take = Math.min(HEADER_BYTES - this.#headFill, chunk.length - at)
        this.#head.set(chunk.subarray(at, at + take), this.#headFill)
        this.#headFill += take
        at += take
        if (this.#headFill === HEADER_BYTES) this.#begin()
      } else {
        const take = Math.min(this.#header.length - this.#fill, chunk.length - at)
        const part = chunk.subarray(at, at + take)
        if (this.#payload === null) this.#skipCrc = crc32(part, this.#skipCrc)
        else this.#payload.set(part, this.#fill)
        this.#fill += take
        at += take
      }
      if (this.#header !== null && this.#fill === this.#header.length) this.#finish(this.#header)
    }
  }

  #begin(): void {
    const header = decodeHeader(this.#head)
    if (header.sequence !== this.#sequence) {
      throw new FerryError('protocol.sequence', `Frame ${header.sequence} came in place of ${this.#sequence}.`, {
        expected: this.#sequence,
        got: header.sequence,
      })
    }
    if (header.stage < this.#stage) {
      throw new FerryError('protocol.stage', `The peer went back from stage ${this.#stage} to ${header.stage}.`)
    }
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#stage = header.stage
    this.#name = admit(header.type, header.flags, header.length)
    this.#payload = this.#name === null ? null : this.#spare.take(header.length)
    this.#fill = 0
    this.#skipCrc = 0
    this.#header = header
  }

  #finish(header: FrameHeader & { stage: Stage }): void {
    const payload = this.#payload
    const crc = payload === null ? this.#skipCrc : crc32(payload)
    if (crc !== header.payloadCrc) {
      throw new FerryError('protocol.crc', `${this.#name ?? 'A frame'} was damaged on its way.`, {
        type: this.#name,
      })
    }
    const name = this.#name
    this.#header = null
    this.#payload = null
    this.#headFill = 0
    if (name === null || payload === null) return
    const head = keptHead([this.#head, payload])
    const bytes = HEADER_BYTES + header.length
    this.#emit({ message: decodeMessage(name, payload), stage: header.stage, bytes, head })
  }
}
