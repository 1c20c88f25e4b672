/** The exercises: those that Ferry brings, those of the folder `FERRY_GUIDE`, and those opened since. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExerciseProblem } from '../../contract/guide.ts'
import { type Exercise, MOST_BYTES, parseExercise, references } from '../../guide/exercise.ts'
import { FerryError } from '../../util/errors.ts'

const SHIPPED = fileURLToPath(new URL('../../../guide/exercises/', import.meta.url))
const MOST_FILES = 200

interface Parsed {
  readonly exercise: Exercise | null
  readonly problems: readonly ExerciseProblem[]
}

export class Library {
  readonly #exercises = new Map<string, Exercise>()
  readonly #problems = new Map<string, readonly ExerciseProblem[]>()

  /** @param ownFolder of the user's exercises; what is wrong with it is a problem, not an error */
  static async open(ownFolder = process.env['FERRY_GUIDE']): Promise<Library> {
    const library = new Library()
    for (const path of await exerciseFiles(SHIPPED)) library.#take(basename(path), await readExercise(path, false))
    if (ownFolder === undefined || ownFolder === '') return library
    try {
      for (const path of await exerciseFiles(ownFolder)) library.#take(basename(path), await readExercise(path, true))
    } catch (thrown) {
      const reason = FerryError.from(thrown).message
      library.#problems.set(ownFolder, [{ file: ownFolder, line: 0, reason }])
    }
    return library
  }

  /** In their order. */
  get exercises(): Exercise[] {
    return [...this.#exercises.values()].toSorted(
      (a, b) => a.order - b.order || a.view.title.localeCompare(b.view.title, 'en'),
    )
  }

  get problems(): ExerciseProblem[] {
    return [...[...this.#problems.values()].flat(), ...this.#deadReferences()]
  }

  /** @throws FerryError `guide.unknown` */
  exercise(id: string): Exercise {
    const found = this.#exercises.get(id)
    if (found !== undefined) return found
    throw new FerryError('guide.unknown', `There is no exercise "${id}". Was its file opened in this lab?`, { id })
  }

  /** Takes a file in that the user opened; one that cannot be used leaves what was there. */
  add(name: string, text: string): Parsed {
    const parsed = parseExercise(basename(name), text, true)
    this.#take(basename(name), parsed)
    return parsed
  }

  #take(file: string, { exercise, problems }: Parsed): void {
    if (exercise !== null) this.#exercises.set(exercise.view.id, exercise)
    if (problems.length > 0) this.#problems.set(file, problems)
    else this.#problems.delete(file)
  }

  #deadReferences(): ExerciseProblem[] {
    return [...this.#exercises.values()].flatMap(({ view }) =>
      references(view.blocks)
        .filter((id) => !this.#exercises.has(id))
        .map((id) => ({
          file: view.file,
          line: 1,
          reason: `a link leads to the exercise "${id}", which is not there`,
        })),
    )
  }
}

/** Reads and parses one file. @throws FerryError `guide.file` */
export async function readExercise(path: string, own = true): Promise<Parsed> {
  const name = basename(path)
  try {
    // Before it is read: nobody's disk image is an exercise.
    if ((await stat(path)).size > 4 * MOST_BYTES) return { exercise: null, problems: [tooLong(name)] }
    return parseExercise(name, await readFile(path, 'utf8'), own)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('guide.file', `The exercise ${path} cannot be read: ${why}.`, { path }, cause)
  }
}

const tooLong = (file: string): ExerciseProblem => ({
  file,
  line: 1,
  reason: `the file is longer than ${MOST_BYTES} characters`,
})

/** Paths of a folder's exercises, in the order of their names. @throws FerryError `guide.file` */
async function exerciseFiles(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.md') && name !== 'README.md')
    return names
      .toSorted()
      .slice(0, MOST_FILES)
      .map((name) => join(folder, name))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('guide.file', `The folder of exercises ${folder} cannot be read: ${why}.`, { folder }, cause)
  }
}
