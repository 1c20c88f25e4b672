/**
 * The guide of a lab: it holds students' progress, and looks at the exercise that was opened last again whenever
 * something happens in the lab.
 */
import * as v from 'valibot'
import type { ExerciseProgress, ListedExercise } from '../../contract/guide.ts'
import type { RunReport } from '../../contract/report.ts'
import type { Exercise } from '../../guide/exercise.ts'
import { type Act, evaluateAll, type Evidence, type Verdict } from '../../guide/evaluate.ts'
import type { StudentReport } from '../../guide/report.ts'
import { FerryError } from '../../util/errors.ts'
import type { Lab } from '../lab.ts'
import { actOf } from './acts.ts'
import { Library } from './library.ts'
import { type ExerciseState, newState, ProgressStore } from './progress-store.ts'
import { studentReport } from './report.ts'

/** Between two looks at the lab. */
const LOOK_EVERY_MS = 250
/** Somebody who looks still, or again, is taken note of so often. */
const ANOTHER_LOOK_MS = 1000
const RUNS_AT_ONCE = 100
/** Since an exercise was begun, that checks look at. */
const MOST_RUNS = 1000
const MOST_ACTS = 1000

/** Calls a method of the lab that may be absent from it. */
export type Ask = (method: string, input: unknown) => Promise<unknown>
const fileText = v.object({ text: v.string() })

export class Guide {
  readonly #lab: Lab
  readonly #ask: Ask
  readonly #store: ProgressStore
  #library: Promise<Library> | null = null
  #open: { student: string; exercise: string; acts: Act[] } | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  /** As it was told last. */
  #told = ''
  #closed = false
  readonly #mute: (() => void)[]

  /** @param measurements the file of the measurement store */
  constructor(lab: Lab, measurements: string, ask: Ask) {
    this.#lab = lab
    this.#ask = ask
    this.#store = new ProgressStore(measurements)
    const look = () => this.#lookSoon()
    this.#mute = (['hosts.changed', 'guests.changed', 'guests.removed', 'runs.added'] as const).map((event) =>
      lab.events.on(event, look),
    )
  }

  library(): Promise<Library> {
    return (this.#library ??= Library.open())
  }

  students(): string[] {
    return this.#store.students()
  }

  /** @param text words, each of which has to occur in an exercise; case does not matter */
  async list(student: string | undefined, text: string): Promise<ListedExercise[]> {
    const { exercises } = await this.library()
    const progress = student === undefined ? {} : this.#store.read(student)
    const words = text.toLowerCase().split(/\s+/).filter(Boolean)
    return exercises
      .filter((exercise) => words.every((word) => exercise.words.toLowerCase().includes(word)))
      .map((exercise) => listed(exercise, progress[exercise.view.id], words[0]))
  }

  /** Begins it, or goes on. @throws FerryError `guide.unknown` */
  async open(student: string, id: string): Promise<ExerciseProgress> {
    const { view } = (await this.library()).exercise(id)
    this.#store.update(student, view.id, (before) => (before === null ? newState(now()) : null))
    if (this.#open?.student !== student || this.#open.exercise !== id) this.#open = { student, exercise: id, acts: [] }
    return this.look(student, id)
  }

  /** Evaluates the checks; those that are true now stay passed. @throws FerryError `guide.unknown` */
  async look(student: string, id: string): Promise<ExerciseProgress> {
    const exercise = (await this.library()).exercise(id)
    const before = this.#store.read(student)[id]
    if (before === undefined) return progressOf(student, exercise, null, new Map())
    const open = this.#open?.student === student && this.#open.exercise === id ? this.#open : null
    const evidence = await this.#evidence(exercise, before.started_at, open?.acts ?? [])
    const verdicts = evaluateAll(exercise.conditions, evidence, before.passed, now())
    // What is true of a lab with an exercise that is not open is somebody else's work.
    if (open !== null) this.#store.update(student, id, (state) => latched(state, verdicts, evidence.runs))
    return progressOf(student, exercise, this.#store.read(student)[id], verdicts)
  }

  /** @throws FerryError `guide.unknown`, `guide.question` */
  async answer(student: string, id: string, question: string, text: string): Promise<ExerciseProgress> {
    const { view } = (await this.library()).exercise(id)
    if (!view.questions.some((one) => one.id === question)) {
      throw new FerryError('guide.question', `The exercise "${view.title}" has no question "${question}".`, {
        question,
      })
    }
    this.#store.update(student, id, (before) => {
      const state = before ?? newState(now())
      const { [question]: _, ...others } = state.answers
      return { ...state, answers: text.trim() === '' ? others : { ...others, [question]: text } }
    })
    return this.look(student, id)
  }

  /** @throws FerryError `guide.unknown` */
  async reset(student: string, id: string): Promise<ExerciseProgress> {
    await this.#known(id)
    this.#store.update(student, id, (before) => {
      if (before === null) return null
      const { previous: _, ...state } = before
      return { ...newState(now()), previous: state }
    })
    this.#forgetActs(id)
    return this.look(student, id)
  }

  /** @throws FerryError `guide.unknown`, `guide.no-reset` */
  async undoReset(student: string, id: string): Promise<ExerciseProgress> {
    await this.#known(id)
    this.#store.update(student, id, (before) => {
      if (before?.previous) return { ...before.previous, previous: null }
      throw new FerryError('guide.no-reset', 'There is no reset of this exercise that could be undone.', { id })
    })
    return this.look(student, id)
  }

  /** @throws FerryError `guide.student` where nobody of that name has begun anything */
  async report(student: string): Promise<StudentReport> {
    return studentReport(student, await this.library(), this.#store, this.#lab.store)
  }

  /** Takes note of what the user does. Called after each method of the contract that was carried out. */
  observe(method: string, input: unknown, output: unknown): void {
    if (this.#open === null) return
    const deed = actOf(method, input, output)
    if (deed === null) return
    const { acts } = this.#open
    const act = { ...deed, at: now() }
    if (act.what === 'inspected') {
      // Inspectors ask several times a second: one look at a time is kept of each.
      const known = acts.findIndex((one) => one.what === 'inspected' && one.view === act.view)
      if (known >= 0 && Date.parse(act.at) - Date.parse(acts[known].at) < ANOTHER_LOOK_MS) return
      if (known >= 0) acts.splice(known, 1)
    }
    acts.unshift(act)
    acts.splice(MOST_ACTS)
    this.#lookSoon()
  }

  close(): void {
    this.#closed = true
    for (const mute of this.#mute) mute()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  async #known(id: string): Promise<void> {
    ;(await this.library()).exercise(id)
  }

  #forgetActs(exercise: string): void {
    if (this.#open?.exercise === exercise) this.#open = { ...this.#open, acts: [] }
  }

  #lookSoon(): void {
    if (this.#open === null || this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#tell().catch((thrown: unknown) => this.#lab.note(`The guide: ${FerryError.from(thrown).message}`))
    }, LOOK_EVERY_MS)
  }

  async #tell(): Promise<void> {
    if (this.#open === null || this.#closed) return
    const progress = await this.look(this.#open.student, this.#open.exercise)
    const text = JSON.stringify(progress)
    if (text === this.#told || this.#closed) return
    this.#told = text
    this.#lab.events.emit('guide.progress', progress)
  }

  async #evidence(exercise: Exercise, since: string, acts: readonly Act[]): Promise<Evidence> {
    const hosts = [...this.#lab.hosts.values()].map((host) => host.view)
    const guests = [...this.#lab.guests.values()].map((guest) => guest.view)
    const files = new Map<string, string | null>()
    for (const condition of exercise.conditions) {
      if (condition.kind !== 'file') continue
      for (const { name, kind } of hosts) {
        if (kind !== condition.host) continue
        const text = await this.#file(name, condition.path)
        if (text !== undefined) files.set(`${name}:${condition.path}`, text)
      }
    }
    const file = (host: string, path: string) => files.get(`${host}:${path}`)
    return { hosts, guests, runs: this.#runsSince(since), acts, file }
  }

  /** Null: no such file; undefined: no files at all. */
  async #file(host: string, path: string): Promise<string | null | undefined> {
    try {
      const parsed = v.safeParse(fileText, await this.#ask('files.read', { host, path }))
      return parsed.success ? parsed.output.text : undefined
    } catch (thrown) {
      return FerryError.from(thrown).code === 'lab.method' ? undefined : null
    }
  }

  #runsSince(since: string): RunReport[] {
    const runs: RunReport[] = []
    while (runs.length < MOST_RUNS) {
      const page = this.#lab.store.reports({ limit: RUNS_AT_ONCE, offset: runs.length })
      const recent = page.filter(({ started_at }) => started_at >= since)
      runs.push(...recent)
      if (recent.length < RUNS_AT_ONCE) break
    }
    return runs
  }
}

const now = (): string => new Date().toISOString()

/** What is true now stays passed; null = nothing new. */
function latched(
  state: ExerciseState | null,
  verdicts: ReadonlyMap<string, Verdict>,
  runs: readonly RunReport[],
): ExerciseState | null {
  if (state === null) return null
  const fresh = [...verdicts].filter(([id, { passed }]) => passed && !Object.hasOwn(state.passed, id))
  const known = new Set(state.runs)
  const made = runs.map(({ run_id }) => run_id).filter((id) => !known.has(id))
  if (fresh.length === 0 && made.length === 0) return null
  const at = now()
  return {
    ...state,
    passed: { ...state.passed, ...Object.fromEntries(fresh.map(([id]) => [id, at])) },
    found: { ...state.found, ...Object.fromEntries(fresh.map(([id, { detail }]) => [id, detail])) },
    runs: [...state.runs, ...made.toReversed()].slice(-MOST_RUNS),
  }
}

function progressOf(
  student: string,
  { view, conditions }: Exercise,
  state: ExerciseState | null,
  verdicts: ReadonlyMap<string, Verdict>,
): ExerciseProgress {
  const checks = conditions.map(({ id }) => {
    const passed_at = state?.passed[id] ?? null
    const now = verdicts.get(id) ?? { passed: false, detail: 'Not begun yet.' }
    return { id, passed: passed_at !== null, passed_at, detail: state?.found[id] ?? now.detail }
  })
  const { started_at = null, answers = {}, previous = null } = state ?? {}
  return { student, exercise: view.id, started_at, checks, answers, can_undo: previous !== null }
}

function listed({ view, words }: Exercise, state: ExerciseState | undefined, word: string | undefined): ListedExercise {
  const { blocks: _, checks, questions, ...about } = view
  return {
    ...about,
    checks: checks.length,
    questions: questions.length,
    passed: checks.filter(({ id }) => state?.passed[id] !== undefined).length,
    answered: questions.filter(({ id }) => state?.answers[id] !== undefined).length,
    started_at: state?.started_at ?? null,
    excerpt: word === undefined ? null : excerpt(words, word),
  }
}

/** Some words around the first place where `word` occurs. */
function excerpt(text: string, word: string): string {
  const at = text.toLowerCase().indexOf(word)
  const from = Math.max(0, text.lastIndexOf(' ', at - 40) + 1)
  const to = Math.min(text.length, at + word.length + 80)
  return `${from > 0 ? '… ' : ''}${text.slice(from, to).trim()}${to < text.length ? ' …' : ''}`
}
