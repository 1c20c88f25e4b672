/** Recordings of a lab: the one that is being made, and those in its folder. */
import { randomBytes } from 'node:crypto'
import { basename, resolve } from 'node:path'
import manifest from '../../../package.json' with { type: 'json' }
import { EFFECTS, PATHS } from '../../contract/effects.ts'
import { type EventName, EVENTS, type LabEvents, type MethodName } from '../../contract/lab.ts'
import type { Annotations, RecordingNow, RecordingStatus, RecordingView } from '../../contract/recordings.ts'
import type { About } from '../../recording/entries.ts'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import { collectProvenance } from '../provenance.ts'
import { newSink, RecordingFile, type Sink } from './file.ts'
import { Recorder } from './recorder.ts'
import { EXTENSION, RecordingFolder } from './recording-files.ts'
import { type Sampled, Sampler } from './sampler.ts'

/** Between two looks at what is due. */
const LOOK_EVERY_MS = 125
/** A voice that has been silent for so long has ended; another one may speak. */
const SILENT_MS = 3000

/** The lab that is recorded. */
export interface Recorded extends Sampled {
  on<E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void): () => void
  tell(status: RecordingStatus): void
}

interface UnderWay {
  readonly id: string
  readonly recorder: Recorder
  readonly sampler: Sampler
  /** Ends the timer and what listens. */
  readonly detach: () => void
  /** Of the last piece of sound. */
  voice: { readonly stream: string; readonly atMs: number } | null
}

export class Recordings {
  readonly #lab: Recorded
  readonly #folder: RecordingFolder | null
  readonly #openSink: (path: string) => Promise<Sink>
  #now: UnderWay | null = null
  #starting = false
  #failure: FerryError | null = null
  #listChanges = 0

  /** @param folder null: only recordings at a path that is named can be made */
  constructor(lab: Recorded, folder: string | null, openSink = newSink) {
    this.#lab = lab
    this.#folder = folder === null ? null : new RecordingFolder(folder)
    this.#openSink = openSink
  }

  get status(): RecordingStatus {
    return {
      recording: this.#now === null ? null : viewOf(this.#now),
      failure: this.#failure?.toJSON() ?? null,
      list_changes: this.#listChanges,
    }
  }

  /** @throws FerryError `recording.under-way`, `recording.no-folder`, `recording.exists`, `recording.write` */
  async start(options: { title?: string | undefined; path?: string | undefined }): Promise<{ recording_id: string }> {
    if (this.#now !== null || this.#starting) {
      const message = 'The lab is being recorded already. Stop that recording first.'
      throw new FerryError('recording.under-way', message)
    }
    this.#starting = true
    try {
      const began = new Date()
      const id = options.path === undefined ? newId(began) : basename(options.path, EXTENSION)
      const path = options.path === undefined ? await this.#newPath(id) : resolve(options.path)
      const file = new RecordingFile(path, await this.#openSink(path))
      this.#failure = null
      this.#now = this.#begin(id, file, aboutOf(began, options.title))
      this.#listChanged()
      return { recording_id: id }
    } finally {
      this.#starting = false
    }
  }

  /** @throws FerryError `recording.*` where the end could not be written */
  async stop(): Promise<RecordingNow | null> {
    const made = this.#now
    if (made === null) return null
    await made.sampler.finish()
    // It may have failed meanwhile.
    if (this.#now !== made) return null
    made.detach()
    this.#now = null
    try {
      await made.recorder.end()
      return viewOf(made)
    } catch (thrown) {
      this.#failure ??= FerryError.from(thrown)
      throw thrown
    } finally {
      this.#listChanged()
    }
  }

  /**
   * Somebody calls a method of the lab.
   * @returns is to be told how it ended: the code of the error, or null
   */
  acting(method: MethodName, input: unknown): (failed: string | null) => void {
    const made = this.#now
    if (made === null || EFFECTS[method] !== 'acts') return () => {}
    const { t } = made.recorder
    return (failed) => {
      if (this.#now !== made) return
      made.recorder.action(t, method, withoutPaths(method, input), failed?.slice(0, 64) ?? null)
      made.sampler.acted()
    }
  }

  /** @throws FerryError `recording.none`, `recording.other-voice` */
  sound(stream: string, data: string, duration_ms: number): void {
    const made = this.#now
    if (made === null) throw new FerryError('recording.none', 'Nothing is recorded at this time.')
    const { voice } = made
    if (voice !== null && voice.stream !== stream && nowMs() - voice.atMs < SILENT_MS) {
      throw new FerryError('recording.other-voice', 'Another window is recording its voice already.')
    }
    made.voice = { stream, atMs: nowMs() }
    made.recorder.soundPiece(new Uint8Array(Buffer.from(data, 'base64')), duration_ms)
  }

  async list(): Promise<RecordingView[]> {
    return this.#folder === null ? [] : this.#folder.list()
  }

  /** @throws FerryError `recording.unknown`, `recording.no-folder` */
  read(id: string, offset: number, bytes: number): Promise<{ data: string; size_B: number }> {
    return this.#of().read(id, offset, bytes)
  }

  /** @throws FerryError `recording.*` */
  async annotate(id: string, annotations: Annotations): Promise<void> {
    if (this.#now?.id === id) this.#now.recorder.annotate(annotations)
    else await this.#of().annotate(id, annotations)
    this.#listChanged()
  }

  /** @throws FerryError `recording.under-way`, `recording.unknown`, `recording.no-folder` */
  async remove(id: string): Promise<void> {
    if (this.#now?.id === id) {
      throw new FerryError('recording.under-way', 'This recording is being made. Stop it before you remove it.')
    }
    await this.#of().remove(id)
    this.#listChanged()
  }

  /** @throws FerryError `recording.unknown`, `recording.no-folder` */
  async restore(id: string): Promise<void> {
    await this.#of().restore(id)
    this.#listChanged()
  }

  /** Ends what is being made; a disk that fails then is told no more. Idempotent. */
  async close(): Promise<void> {
    await this.stop().catch(() => undefined)
  }

  #begin(id: string, file: RecordingFile, about: About): UnderWay {
    const recorder = new Recorder({ file, about, onFailure: (failure) => this.#failed(recorder, failure) })
    const sampler = new Sampler(this.#lab, (method, input, result) => recorder.answer(method, input, result))
    const offs = RECORDED.map((event) => this.#follow(event, recorder, sampler))
    let told_B = 0
    // What was written of the critical window's time waits until it is over: packing takes processor time.
    const timer = setInterval(() => {
      const now = nowMs()
      if (sampler.isCritical(now)) return
      recorder.flushIfDue()
      void sampler.look(now)
      if (file.size_B === told_B) return
      told_B = file.size_B
      this.#tell()
    }, LOOK_EVERY_MS)
    void sampler.begin(nowMs())
    const detach = (): void => {
      clearInterval(timer)
      for (const off of offs) off()
    }
    return { id, recorder, sampler, detach, voice: null }
  }

  #follow<E extends EventName>(event: E, recorder: Recorder, sampler: Sampler): () => void {
    return this.#lab.on(event, (payload) => {
      recorder.event(event, payload)
      sampler.told(event, payload)
      if (event === 'guests.removed' && 'guest' in payload) recorder.forget(payload.guest)
    })
  }

  #failed(recorder: Recorder, failure: FerryError): void {
    this.#failure = failure
    const made = this.#now
    if (made?.recorder === recorder) {
      made.detach()
      this.#now = null
    }
    void recorder.file.close().catch(() => undefined)
    this.#listChanged()
  }

  #listChanged(): void {
    this.#listChanges++
    this.#tell()
  }

  #tell(): void {
    this.#lab.tell(this.status)
  }

  async #newPath(id: string): Promise<string> {
    const folder = this.#of()
    await folder.make()
    return folder.pathOf(id)
  }

  #of(): RecordingFolder {
    if (this.#folder !== null) return this.#folder
    throw new FerryError(
      'recording.no-folder',
      'This lab keeps nothing, and has no folder for recordings. Name a file.',
    )
  }
}

const NOT_RECORDED: readonly EventName[] = ['recordings.changed', 'guide.progress']
/** All but what is about the recording itself, or about a student. */
export const RECORDED = (Object.keys(EVENTS) as EventName[]).filter((event) => !NOT_RECORDED.includes(event))

function viewOf({ id, recorder }: UnderWay): RecordingNow {
  const { about, file, t, sound } = recorder
  const { title, began_at } = about
  return { recording_id: id, title, began_at, duration_ms: t, size_B: file.size_B, sound }
}

/** In the order of time, as names of files on every system. */
function newId(began: Date): string {
  const time = began.toISOString().slice(0, 19).replaceAll(':', '-')
  return `${time}-${randomBytes(2).toString('hex')}`
}

function aboutOf(began: Date, title = ''): About {
  const {
    settings: _,
    seed: _seed,
    images: _images,
    ...machine
  } = collectProvenance({ settings: {}, seed: null, images: {} })
  return {
    format: 'ferry.recording/1',
    ferry_version: manifest.version,
    began_at: began.toISOString(),
    title: title === '' ? `Recording of ${began.toISOString().slice(0, 16).replace('T', ' ')} UTC` : title,
    machine,
  }
}

function withoutPaths(method: MethodName, input: unknown): unknown {
  const paths = PATHS[method]
  if (paths === undefined || typeof input !== 'object' || input === null) return input
  // Empty and not gone: what the method requires is still there for whoever reads it.
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, paths.includes(name) ? '' : value]))
}
