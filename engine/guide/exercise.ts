/** An exercise out of its file: a head of settings between two lines `---`, then Markdown with directives. */
import * as v from 'valibot'
import type { Block, ExerciseProblem, ExerciseView, Inline } from '../contract/guide.ts'
import { type Condition, condition } from './conditions.ts'
import { type Directive, readMarkdown, wordsOf } from './markdown.ts'
import { Problems } from './problem.ts'
import { checkSettings, readSettings, wholeText } from './settings.ts'

export const MOST_BYTES = 262_144

export interface Exercise {
  readonly view: ExerciseView
  readonly conditions: readonly Condition[]
  /** Place in the list, among those that have one. */
  readonly order: number
  /** All of its text. */
  readonly words: string
}

const id = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'an id has 1 to 48 of a-z, 0-9 and -'))
const line = v.pipe(v.string(), v.minLength(1, 'it is empty'), v.maxLength(300))
const head = v.strictObject({
  id,
  title: line,
  goal: line,
  minutes: wholeText(1, 600),
  needs: v.optional(v.pipe(v.string(), v.maxLength(300)), ''),
  order: v.optional(wholeText(0, 9999), '9999'),
})
const question = v.strictObject({ id, title: line, hint: v.optional(v.pipe(v.string(), v.maxLength(1000))) })

/**
 * Pure. What is wrong is in `problems`, with its line; then there is no exercise.
 * @param file its name, as problems name it
 */
export function parseExercise(
  file: string,
  text: string,
  own = false,
): { exercise: Exercise | null; problems: ExerciseProblem[] } {
  const problems = new Problems(file)
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const end = lines.indexOf('---', 1)
  if (text.length > MOST_BYTES) problems.add(1, `the file is longer than ${MOST_BYTES} characters`)
  else if (lines[0] !== '---' || end < 0) problems.add(1, 'the file begins with a head between two lines `---`')
  if (problems.list.length > 0) return { exercise: null, problems: problems.list }

  const settings = checkSettings(head, readSettings(lines.slice(1, end), 2, problems), 1, problems)
  const conditions: Condition[] = []
  const questions: ExerciseView['questions'] = []
  const ids = new Set<string>()
  const isNew = (one: string, at: number): boolean => {
    if (ids.has(one)) problems.add(at, `there is a check or question "${one}" already`)
    return ids.size < ids.add(one).size
  }
  const directive = ({ name, lines: body, line: at }: Directive): Block | null => {
    const given = readSettings(body, at, problems)
    if (name === 'check') {
      const found = checkSettings(condition, given, at - 1, problems)
      if (found === null) return null
      const { after } = found
      if (after !== undefined && !conditions.some((one) => one.id === after)) {
        problems.add(given.get('after')?.line ?? at - 1, `\`after\`: there is no check "${after}" before this one`)
      }
      if (!isNew(found.id, at - 1)) return null
      conditions.push(found)
      return { type: 'check', id: found.id }
    }
    const found = checkSettings(question, given, at - 1, problems)
    if (found === null || !isNew(found.id, at - 1)) return null
    questions.push({ id: found.id, title: found.title, hint: found.hint ?? null })
    return { type: 'question', id: found.id }
  }
  const blocks = readMarkdown(lines.slice(end + 1).join('\n'), end + 2, problems, directive)
  if (problems.list.length === 0 && conditions.length + questions.length === 0) {
    problems.add(end + 1, 'the exercise has neither a check nor a question')
  }
  if (settings === null || problems.list.length > 0) return { exercise: null, problems: problems.list }
  const { order, ...about } = settings
  const checks = conditions.map(({ id: check, title }) => ({ id: check, title }))
  const view: ExerciseView = { ...about, file, own, blocks, checks, questions }
  const titles = [...checks, ...questions].map(({ title }) => title)
  const words = [about.title, about.goal, wordsOf(blocks), ...titles].join(' ').replace(/\s+/g, ' ')
  return { exercise: { view, conditions, order, words }, problems: [] }
}

/** Ids of exercises that an exercise refers to. */
export function references(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block) => {
    if (block.type === 'quote') return references(block.blocks)
    if (block.type === 'list') return block.items.flatMap(references)
    if (block.type === 'table') return [block.head, ...block.rows].flat().flatMap(inlineReferences)
    return 'children' in block ? inlineReferences(block.children) : []
  })
}

function inlineReferences(inlines: readonly Inline[]): string[] {
  return inlines.flatMap((inline) => [
    ...(inline.type === 'exercise' ? [inline.id] : []),
    ...('children' in inline ? inlineReferences(inline.children) : []),
  ])
}
