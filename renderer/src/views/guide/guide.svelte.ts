/** What the guide's pane knows: the list, the exercise that is open, and how the student stands with it. */
import type {
  ExerciseProblem,
  ExerciseProgress,
  ExerciseView,
  ListedExercise,
} from '../../../../engine/contract/guide.ts'
import type { LabApi } from '../../api/api.ts'
import { explain, type Explained } from '../../state/errors.ts'
import { read, write } from '../../state/preferences.svelte.ts'

/** After the last key, before an answer is kept. */
const SAVE_AFTER_MS = 400
const SEARCH_AFTER_MS = 150

export class GuideState {
  readonly #api: LabApi
  student = $state(read('guide.student') ?? 'Student')
  search = $state('')
  list = $state.raw<readonly ListedExercise[] | null>(null)
  problems = $state.raw<readonly ExerciseProblem[]>([])
  exercise = $state.raw<ExerciseView | null>(null)
  progress = $state.raw<ExerciseProgress | null>(null)
  error = $state.raw<Explained | null>(null)
  /** Answers that are being written: question → text. */
  drafts = $state.raw<Readonly<Record<string, string>>>({})
  #timer: ReturnType<typeof setTimeout> | undefined
  #searchTimer: ReturnType<typeof setTimeout> | undefined

  constructor(api: LabApi) {
    this.#api = api
  }

  /** @returns the function that ends it, with all answers kept */
  start(): () => void {
    const mutes = [
      this.#api.on('guide.progress', (progress) => {
        if (progress.student === this.student && progress.exercise === this.exercise?.id) this.progress = progress
      }),
      // A lab that was started anew does not know what is open.
      this.#api.onState((state) => {
        if (state === 'open') void this.#resume()
      }),
    ]
    void this.#resume()
    return () => {
      void this.save()
      clearTimeout(this.#searchTimer)
      for (const mute of mutes) mute()
    }
  }

  async #resume(): Promise<void> {
    const last = this.exercise?.id ?? read('guide.exercise')
    if (last !== null && last !== '') await this.open(last)
    await this.load()
  }

  load(): Promise<void> {
    return this.#attempt('The exercises could not be listed', async () => {
      const { student, search } = this
      const { exercises, problems } = await this.#api.call('guide.list', { student, text: search })
      this.list = exercises
      this.problems = problems
    })
  }

  searchSoon(text: string): void {
    this.search = text
    clearTimeout(this.#searchTimer)
    this.#searchTimer = setTimeout(() => void this.load(), SEARCH_AFTER_MS)
  }

  async setStudent(name: string): Promise<void> {
    const student = name.trim().slice(0, 60)
    if (student === '' || student === this.student) return
    await this.save()
    this.student = student
    write('guide.student', student)
    const open = this.exercise?.id
    if (open !== undefined) await this.open(open)
    await this.load()
  }

  async open(id: string): Promise<void> {
    await this.save()
    await this.#attempt('The exercise could not be opened', async () => {
      const exercise = await this.#api.call('guide.exercise', { exercise: id })
      const progress = await this.#api.call('guide.open', { student: this.student, exercise: id })
      this.exercise = exercise
      this.progress = progress
      this.drafts = {}
      write('guide.exercise', id)
    })
  }

  async back(): Promise<void> {
    await this.save()
    this.exercise = null
    write('guide.exercise', '')
    await this.load()
  }

  write(question: string, text: string): void {
    this.drafts = { ...this.drafts, [question]: text }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS)
  }

  /** Keeps what was written since the last time. */
  async save(): Promise<void> {
    clearTimeout(this.#timer)
    const { exercise, student, drafts } = this
    if (exercise === null) return
    for (const [question, text] of Object.entries(drafts)) {
      await this.#attempt('The answer could not be kept', async () => {
        const progress = await this.#api.call('guide.answer', { student, exercise: exercise.id, question, text })
        if (this.exercise?.id !== exercise.id || this.student !== student) return
        this.progress = progress
        // Unless more was written meanwhile.
        if (this.drafts[question] === text) this.drafts = without(this.drafts, question)
      })
    }
  }

  async reset(): Promise<boolean> {
    return this.#change('The exercise could not be reset', 'guide.reset')
  }

  async undoReset(): Promise<boolean> {
    return this.#change('The reset could not be undone', 'guide.undoReset')
  }

  async #change(failure: string, method: 'guide.reset' | 'guide.undoReset'): Promise<boolean> {
    await this.save()
    const { exercise, student } = this
    if (exercise === null) return false
    await this.#attempt(failure, async () => {
      this.progress = await this.#api.call(method, { student, exercise: exercise.id })
    })
    return this.error === null
  }

  async add(files: readonly File[]): Promise<void> {
    await this.#attempt('The exercises could not be opened', async () => {
      const read = await Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() })))
      await this.#api.call('guide.add', { files: read })
    })
    await this.load()
  }

  async #attempt(failure: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.error = null
    } catch (thrown) {
      this.error = explain(thrown, failure)
    }
  }
}

function without(record: Readonly<Record<string, string>>, key: string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}
