/**
 * How far students are: one JSON file each, in a folder beside the measurements. A file is written whole, under another
 * name, and then takes its place, so that a crash leaves the old one or the new one. Read again before each change: two
 * labs of one user may share it.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { FerryError } from '../../util/errors.ts'

const VERSION = 1
const state = {
  /** ISO-8601, UTC. */
  started_at: v.string(),
  /** Ids of checks that were seen true, and when. */
  passed: v.record(v.string(), v.string()),
  /** What was found then. */
  found: v.record(v.string(), v.string()),
  answers: v.record(v.string(), v.string()),
  /** Runs that were made for it, the oldest first. */
  runs: v.array(v.string()),
}
const exerciseState = v.object({
  ...state,
  /** What was there before the last reset. */
  previous: v.nullable(v.object(state)),
})
export type ExerciseState = v.InferOutput<typeof exerciseState>

const studentFile = v.object({
  format: v.literal('ferry-guide-progress'),
  version: v.literal(VERSION),
  student: v.string(),
  exercises: v.record(v.string(), exerciseState),
})
type StudentFile = v.InferOutput<typeof studentFile>

export const newState = (now: string): ExerciseState => ({
  started_at: now,
  passed: {},
  found: {},
  answers: {},
  runs: [],
  previous: null,
})

export class ProgressStore {
  readonly #folder: string | null
  /** Where nothing is kept. */
  readonly #memory = new Map<string, StudentFile>()

  /** @param measurements the file of the measurement store, beside which progress is kept; `:memory:` keeps nothing */
  constructor(measurements: string) {
    this.#folder = measurements === ':memory:' ? null : join(dirname(measurements), 'guide')
  }

  /** Names, sorted. */
  students(): string[] {
    const files = this.#folder === null ? [...this.#memory.values()] : this.#files(this.#folder)
    return files.map(({ student }) => student).toSorted((a, b) => a.localeCompare(b, 'en'))
  }

  /** @throws FerryError `guide.progress` where the file is damaged, or of a newer Ferry */
  read(student: string): Readonly<Record<string, ExerciseState>> {
    return this.#read(student).exercises
  }

  /** Changes one exercise's state; it is on the disk when this returns. @param change null = leave it as it is */
  update(student: string, exercise: string, change: (before: ExerciseState | null) => ExerciseState | null): void {
    const file = this.#read(student)
    const next = change(file.exercises[exercise] ?? null)
    if (next !== null) this.#write({ ...file, exercises: { ...file.exercises, [exercise]: next } })
  }

  #read(student: string): StudentFile {
    const none = { format: 'ferry-guide-progress', version: VERSION, student, exercises: {} } as const
    if (this.#folder === null) return this.#memory.get(student) ?? none
    return readStudent(pathOf(this.#folder, student)) ?? none
  }

  #write(file: StudentFile): void {
    if (this.#folder === null) {
      this.#memory.set(file.student, file)
      return
    }
    const path = pathOf(this.#folder, file.student)
    const draft = `${path}.${process.pid}.new`
    try {
      mkdirSync(this.#folder, { recursive: true })
      const descriptor = openSync(draft, 'w', 0o600)
      try {
        writeSync(descriptor, JSON.stringify(file))
        fsyncSync(descriptor)
      } finally {
        closeSync(descriptor)
      }
      renameSync(draft, path)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new FerryError('guide.save', `The progress could not be saved to ${path}: ${why}.`, { path }, cause)
    }
  }

  #files(folder: string): StudentFile[] {
    let names: string[]
    try {
      names = readdirSync(folder).filter((name) => name.endsWith('.json'))
    } catch {
      // Nobody has begun anything.
      return []
    }
    return names.flatMap((name) => {
      try {
        return readStudent(join(folder, name)) ?? []
      } catch {
        // It is told as soon as somebody asks for this student.
        return []
      }
    })
  }
}

/** A name may hold what a file's name must not. */
function pathOf(folder: string, student: string): string {
  return join(folder, `${createHash('sha256').update(student).digest('hex').slice(0, 24)}.json`)
}

function readStudent(path: string): StudentFile | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw unreadable(path, cause)
  }
  try {
    return v.parse(studentFile, JSON.parse(text))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): FerryError {
  const message =
    `The progress in ${path} cannot be read: it is damaged, or of a newer Ferry. ` +
    'Nothing was changed; move the file away to begin anew.'
  return new FerryError('guide.progress', message, { path }, cause)
}
