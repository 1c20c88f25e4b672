/** Recordings: of everything that the lab tells, to be played again without a lab. Their files are in `recording/`. */
import * as v from 'valibot'
import { errorReport } from './report.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const text = (length: number) => v.pipe(v.string(), v.maxLength(length))
/** The name of its file, without `.ferryrec`. */
const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, 'a recording is named by letters and digits'))

const time_ms = v.pipe(v.number(), v.finite(), v.minValue(0))

/** What an instructor adds to a recording; times are milliseconds since it began. */
export const annotations = v.object({
  title: v.optional(text(200)),
  bookmarks: v.pipe(v.array(v.object({ t: time_ms, title: text(200) })), v.maxLength(1000)),
  captions: v.pipe(v.array(v.object({ from: time_ms, to: time_ms, text: text(1000) })), v.maxLength(1000)),
})
export type Annotations = v.InferOutput<typeof annotations>

const nothing = v.optional(v.object({}), {})
const done = v.undefined()

/** The most of a file that one answer holds. */
export const MOST_READ_BYTES = 1 << 20
/** The longest piece of sound, in base64: a second of Opus has a few kilobytes. */
const MOST_SOUND_CHARACTERS = 1 << 20

export const recordingNow = v.object({
  recording_id: v.string(),
  title: v.string(),
  /** ISO 8601. */
  began_at: v.string(),
  duration_ms: v.number(),
  size_B: count,
  /** It has pieces of sound. */
  sound: v.boolean(),
})
export type RecordingNow = v.InferOutput<typeof recordingNow>

export const recordingStatus = v.object({
  /** Null: nothing is recorded at this time. */
  recording: v.nullable(recordingNow),
  /** Why the last recording ended before its time; what it had until then is in its file. */
  failure: v.nullable(errorReport),
  /** How often `recordings.list` has changed since the lab began: where it is another number, the list is another one. */
  list_changes: count,
})
export type RecordingStatus = v.InferOutput<typeof recordingStatus>

export const recordingView = v.object({
  id: v.string(),
  title: v.string(),
  began_at: v.string(),
  duration_ms: v.number(),
  size_B: count,
  /** False: it was cut off, or is still being made. */
  complete: v.boolean(),
})
export type RecordingView = v.InferOutput<typeof recordingView>

export const RECORDINGS_METHODS = {
  /**
   * Begins to record, into the lab's folder of recordings, or into a new file at `path`, which a page cannot name.
   * One recording at a time (`recording.under-way`).
   */
  'recordings.start': {
    input: v.optional(v.object({ title: v.optional(text(200)), path: v.optional(text(4096)) }), {}),
    output: v.object({ recording_id: v.string() }),
  },
  /** Ends it properly; null: nothing was recorded. */
  'recordings.stop': { input: nothing, output: v.nullable(recordingNow) },
  'recordings.status': { input: nothing, output: recordingStatus },
  /** Those in the lab's folder, the newest first. Files that are none are left out. */
  'recordings.list': { input: nothing, output: v.array(recordingView) },
  /** Takes it out of the folder. The one removed last can be brought back; those before it are gone for good. */
  'recordings.remove': { input: v.object({ id }), output: done },
  /** Undoes `recordings.remove` (`recording.unknown`: another one was removed since). */
  'recordings.restore': { input: v.object({ id }), output: done },
  /** A piece of the file, in base64; it is shorter than asked for where the file ends. */
  'recordings.read': {
    input: v.object({
      id,
      offset: count,
      bytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_READ_BYTES)), MOST_READ_BYTES),
    }),
    output: v.object({ data: v.string(), size_B: count }),
  },
  /** Title, bookmarks and captions in place of those that it has. */
  'recordings.annotate': { input: v.object({ id, annotations }), output: done },
  /** The next piece of a voice, WebM (Opus) in base64, that ends now. One voice at a time (`recording.other-voice`). */
  'recordings.sound': {
    input: v.object({
      /** The same for all pieces of one stream, whose first piece has the header. */
      stream: text(64),
      data: v.pipe(v.string(), v.maxLength(MOST_SOUND_CHARACTERS), v.base64()),
      duration_ms: v.pipe(v.number(), v.minValue(0), v.maxValue(60_000)),
    }),
    output: done,
  },
} as const

export const RECORDINGS_EVENTS = {
  /** One began, grew (about once a second), ended or failed; or one was removed, brought back, or annotated. */
  'recordings.changed': recordingStatus,
} as const
