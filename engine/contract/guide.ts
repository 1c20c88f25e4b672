/**
 * The guide: exercises, how far a student is with them, and reports. An exercise travels as a tree of blocks, never as
 * HTML: what a front end shows of somebody's file is only what has a name here.
 */
import * as v from 'valibot'

const text = (length: number) => v.pipe(v.string(), v.maxLength(length))
const id = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'an id has 1 to 48 of a-z, 0-9 and -'))
/** Who works through the guide, on this computer. */
export const studentName = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(60))

/** What a link `ferry:…` in an exercise does in the window. */
export const GUIDE_ACTIONS = ['lab', 'measurements', 'inspect', 'shortcuts'] as const

export type Inline =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string }
  | { type: 'break' }
  | { type: 'strong'; children: Inline[] }
  | { type: 'em'; children: Inline[] }
  | { type: 'exercise'; id: string; children: Inline[] }
  | { type: 'action'; action: (typeof GUIDE_ACTIONS)[number]; children: Inline[] }

const inlines: v.GenericSchema<Inline[]> = v.lazy(() => v.array(inline))
const inline: v.GenericSchema<Inline> = v.variant('type', [
  v.object({ type: v.literal('text'), text: v.string() }),
  v.object({ type: v.literal('code'), text: v.string() }),
  v.object({ type: v.literal('break') }),
  v.object({ type: v.literal('strong'), children: inlines }),
  v.object({ type: v.literal('em'), children: inlines }),
  v.object({ type: v.literal('exercise'), id, children: inlines }),
  v.object({ type: v.literal('action'), action: v.picklist(GUIDE_ACTIONS), children: inlines }),
])

export type Block =
  | { type: 'heading'; level: number; children: Inline[] }
  | { type: 'paragraph'; children: Inline[] }
  | { type: 'code'; text: string }
  | { type: 'quote'; blocks: Block[] }
  | { type: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { type: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { type: 'rule' }
  | { type: 'check'; id: string }
  | { type: 'question'; id: string }

const blocks: v.GenericSchema<Block[]> = v.lazy(() => v.array(block))
const block: v.GenericSchema<Block> = v.variant('type', [
  v.object({ type: v.literal('heading'), level: v.number(), children: inlines }),
  v.object({ type: v.literal('paragraph'), children: inlines }),
  v.object({ type: v.literal('code'), text: v.string() }),
  v.object({ type: v.literal('quote'), blocks }),
  v.object({ type: v.literal('list'), ordered: v.boolean(), start: v.number(), items: v.array(blocks) }),
  v.object({ type: v.literal('table'), head: v.array(inlines), rows: v.array(v.array(inlines)) }),
  v.object({ type: v.literal('rule') }),
  v.object({ type: v.literal('check'), id }),
  v.object({ type: v.literal('question'), id }),
])

export const questionView = v.object({ id, title: v.string(), hint: v.nullable(v.string()) })

export const exerciseView = v.object({
  id,
  title: v.string(),
  /** One sentence: what the student can do afterwards. */
  goal: v.string(),
  /** How long it takes, about. */
  minutes: v.number(),
  /** What has to be there, in words. */
  needs: v.string(),
  /** Name of its file. */
  file: v.string(),
  /** Not one of those that Ferry brings. */
  own: v.boolean(),
  blocks,
  checks: v.array(v.object({ id, title: v.string() })),
  questions: v.array(questionView),
})
export type ExerciseView = v.InferOutput<typeof exerciseView>

/** Something in an exercise's file that cannot be used; the exercise is left out. */
export const exerciseProblem = v.object({ file: v.string(), line: v.number(), reason: v.string() })
export type ExerciseProblem = v.InferOutput<typeof exerciseProblem>

export const checkResult = v.object({
  id,
  passed: v.boolean(),
  /** When it was first seen true, ISO-8601, UTC; it stays passed. */
  passed_at: v.nullable(v.string()),
  /** What was found, or why it is not true yet. */
  detail: v.string(),
})
export type CheckResult = v.InferOutput<typeof checkResult>

export const exerciseProgress = v.object({
  student: v.string(),
  exercise: v.string(),
  /** ISO-8601, UTC; null = not begun: nothing that was done before counts. */
  started_at: v.nullable(v.string()),
  checks: v.array(checkResult),
  answers: v.record(v.string(), v.string()),
  /** A reset can be undone. */
  can_undo: v.boolean(),
})
export type ExerciseProgress = v.InferOutput<typeof exerciseProgress>

/** An exercise in the list. */
export const listedExercise = v.object({
  ...v.omit(exerciseView, ['blocks', 'checks', 'questions']).entries,
  checks: v.number(),
  questions: v.number(),
  passed: v.number(),
  answered: v.number(),
  started_at: v.nullable(v.string()),
  /** Where the words that were searched for occur; null = nothing was searched for. */
  excerpt: v.nullable(v.string()),
})
export type ListedExercise = v.InferOutput<typeof listedExercise>

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e6))
/** What an instructor sees of a student's report in a line. */
export const reportLine = v.object({
  student: text(60),
  exercises: count,
  passed: count,
  checks: count,
  answered: count,
  questions: count,
  runs: count,
  /** ISO-8601, UTC. */
  made_at: text(40),
  /** The same for each exercise that was begun. */
  by_exercise: v.optional(
    v.pipe(
      v.array(v.object({ id, title: text(300), passed: count, checks: count, answered: count, questions: count })),
      v.maxLength(200),
    ),
    [],
  ),
})
export type ReportLine = v.InferOutput<typeof reportLine>

const of = v.object({ student: studentName, exercise: id })

export const GUIDE_METHODS = {
  /** Exercises in their order, with a student's progress; `text`: only those in which all of these words occur. */
  'guide.list': {
    input: v.object({ student: v.optional(studentName), text: v.optional(text(200), '') }),
    output: v.object({ exercises: v.array(listedExercise), problems: v.array(exerciseProblem) }),
  },
  'guide.exercise': { input: v.object({ exercise: id }), output: exerciseView },
  /** Exercises of one's own, for as long as the lab runs; one with an id that is there already takes its place. */
  'guide.add': {
    input: v.object({
      files: v.pipe(v.array(v.object({ name: text(255), text: text(262_144) })), v.minLength(1), v.maxLength(50)),
    }),
    output: v.object({ exercises: v.array(id), problems: v.array(exerciseProblem) }),
  },
  'guide.students': { input: v.optional(v.object({}), {}), output: v.array(v.string()) },
  /** Begins an exercise, or goes on with it: from now on its checks are told live (`guide.progress`). */
  'guide.open': { input: of, output: exerciseProgress },
  /** How a student stands; what was not begun stays so. */
  'guide.progress': { input: of, output: exerciseProgress },
  /** Keeps an answer before it returns. */
  'guide.answer': {
    input: v.object({ ...of.entries, question: id, text: text(20_000) }),
    output: exerciseProgress,
  },
  /** Forgets answers and passed checks, and begins anew; once, it can be undone. */
  'guide.reset': { input: of, output: exerciseProgress },
  'guide.undoReset': { input: of, output: exerciseProgress },
  /** What a student answered, passed and measured, as one HTML page without script; `file`: a name for it. */
  'guide.report': {
    input: v.object({ student: studentName }),
    output: v.object({ file: v.string(), page: v.string(), exercises: v.number(), runs: v.number() }),
  },
  /** Lines of many reports as CSV, in their order. */
  'guide.table': {
    input: v.object({ lines: v.pipe(v.array(reportLine), v.maxLength(10_000)) }),
    output: v.object({ csv: v.string() }),
  },
} as const

export const GUIDE_EVENTS = {
  /** The exercise that was opened last stands differently now. */
  'guide.progress': exerciseProgress,
} as const
