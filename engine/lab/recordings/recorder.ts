/** Entries → chunks of a file: what was told is gathered, and added to the file at most once a second, or once it is much. */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../contract/lab.ts'
import type { ChunkType } from '../../recording/chunk.ts'
import type { About, Annotations, End, Entry } from '../../recording/entries.ts'
import { LineWriter } from '../../recording/lines.ts'
import { MAX_FILE_BYTES } from '../../recording/read.ts'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import type { RecordingFile } from './file.ts'

export const FLUSH_EVERY_MS = 1000
const FLUSH_BYTES = 256 << 10
/** A disk that takes nothing must not fill the memory. */
const MOST_WAITING_BYTES = 128 << 20
/** Room for the chunk that is being packed, and for annotations. */
const MOST_FILE_BYTES = MAX_FILE_BYTES - (64 << 20)
/** Hundredths of a millisecond tell the order of what happened; more digits would only cost. */
const DIGITS = 100

export interface RecorderOptions {
  readonly file: RecordingFile
  readonly about: About
  /** Is told once, with the reason, where the recording cannot go on. */
  readonly onFailure: (failure: FerryError) => void
  /** Milliseconds, monotonic. */
  readonly now?: () => number
}

export class Recorder {
  readonly file: RecordingFile
  readonly about: About
  readonly #onFailure: (failure: FerryError) => void
  readonly #now: () => number
  readonly #beganAtMs: number
  readonly #lines = new LineWriter()
  #gathered: string[] = []
  #gathered_B = 0
  #first_ms = Infinity
  #last_ms = 0
  #flushedAtMs: number
  #entries = 0
  #sound = false
  #ended = false

  constructor({ file, about, onFailure, now = nowMs }: RecorderOptions) {
    this.file = file
    this.about = about
    this.#onFailure = onFailure
    this.#now = now
    this.#beganAtMs = this.#flushedAtMs = now()
    this.#add('about', json(about), 0, 0)
  }

  /** Since it began, milliseconds. */
  get t(): number {
    return Math.round((this.#now() - this.#beganAtMs) * DIGITS) / DIGITS
  }

  /** It has pieces of sound. */
  get sound(): boolean {
    return this.#sound
  }

  event<E extends EventName>(event: E, payload: LabEvents[E]): void {
    // Event and payload belong together; TypeScript does not carry that into the union of all events.
    this.#entry({ t: this.t, event, payload } as Entry)
  }

  /** What the lab answers at this time; where that is as it was, nothing is written. */
  answer<M extends MethodName>(method: M, input: MethodInput<M>, result: MethodOutput<M>): void {
    this.#entry({ t: this.t, answer: method, input, result } as Entry)
  }

  /** @param t when it was asked for; it is told when it has ended */
  action(t: number, action: MethodName, input: unknown, failed: string | null): void {
    this.#entry({ t, action, input, failed })
  }

  /** A piece of sound, WebM, of the last so many milliseconds. */
  soundPiece(bytes: Uint8Array<ArrayBuffer>, duration_ms: number): void {
    this.#sound = true
    this.#add('sound', bytes, Math.max(0, this.t - duration_ms), this.t)
  }

  annotate(annotations: Annotations): void {
    this.#add('annotations', json(annotations), 0, 0)
  }

  /** The guest is gone: nothing will be said of it any more. */
  forget(guest: string): void {
    this.#lines.forget((_, input) => isAbout(input, guest))
  }

  /** To be called now and then: writes what is due. */
  flushIfDue(): void {
    if (this.#now() - this.#flushedAtMs >= FLUSH_EVERY_MS) this.#flush()
  }

  /** Ends it properly, unless it has failed. Idempotent. @throws FerryError as `RecordingFile.close` */
  async end(): Promise<void> {
    this.#flush()
    this.#close()
    await this.file.close()
  }

  /** The last chunk, that says that it is one. */
  #close(): void {
    if (this.#ended) return
    const end: End = { duration_ms: this.t, entries: this.#entries }
    this.#add('end', json(end), end.duration_ms, end.duration_ms)
    this.#ended = true
  }

  #entry(entry: Entry): void {
    if (this.#ended) return
    const line = this.#lines.line(entry)
    if (line === null) return
    this.#gathered.push(line)
    // Almost all characters are ASCII; what the lines come to is no more than a measure.
    this.#gathered_B += line.length
    this.#first_ms = Math.min(this.#first_ms, entry.t)
    this.#last_ms = Math.max(this.#last_ms, entry.t)
    this.#entries++
    if (this.#gathered_B >= FLUSH_BYTES) this.#flush()
  }

  #flush(): void {
    this.#flushedAtMs = this.#now()
    if (this.#gathered.length === 0) return
    const text = `${this.#gathered.join('\n')}\n`
    const [first, last] = [this.#first_ms, this.#last_ms]
    this.#gathered = []
    this.#gathered_B = 0
    this.#first_ms = Infinity
    this.#last_ms = 0
    this.#add('entries', new TextEncoder().encode(text), first, last)
    if (this.file.waiting_B > MOST_WAITING_BYTES) {
      const message = 'The disk does not keep up with the recording, which ends here. The lab goes on.'
      this.#endEarly(new FerryError('recording.slow-disk', message, { path: this.file.path }))
    } else if (this.file.size_B > MOST_FILE_BYTES) {
      const message = `The recording has ${this.file.size_B >> 20} MiB, the most that one may have, and ends here.`
      this.#endEarly(new FerryError('recording.too-large', message, { path: this.file.path }))
    }
  }

  #add(type: ChunkType, content: Uint8Array<ArrayBuffer>, first_ms: number, last_ms: number): void {
    if (this.#ended) return
    this.file.add(type, content, first_ms, last_ms).catch((thrown: unknown) => {
      this.#fail(FerryError.from(thrown))
    })
  }

  #endEarly(failure: FerryError): void {
    if (this.#ended) return
    this.#close()
    this.#onFailure(failure)
  }

  #fail(failure: FerryError): void {
    if (this.#ended) return
    this.#ended = true
    this.#onFailure(failure)
  }
}

const json = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value))

const isAbout = (input: unknown, guest: string): boolean =>
  typeof input === 'object' && input !== null && 'guest' in input && input.guest === guest
