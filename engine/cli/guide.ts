/** `ferry guide`: the exercises, and a check of one's own. */
import type { Command } from 'commander'
import type { Block, ExerciseProblem, Inline } from '../contract/guide.ts'
import type { Exercise } from '../guide/exercise.ts'
import { Library, readExercise } from '../lab/guide/library.ts'
import { EXIT } from './errors.ts'
import { addReports } from './guide-reports.ts'
import { jsonOption } from './options.ts'
import { print, printJson, say } from './output.ts'
import { type Column, printable, table } from './table.ts'

const HELP = `
Exercises are Markdown files; guide/README.md says how to write them. Those of the folder FERRY_GUIDE come on top of
those that Ferry brings, and one with the same id takes the place of another.
Exit codes: 0 done, 1 an exercise cannot be used, or there is no such exercise, 2 wrong usage.

Examples:
  ferry guide list
  ferry guide show meet-the-hosts
  ferry guide check my-exercise.md
  ferry guide report Ada --out ada.html
  ferry guide table *.html --csv`

export function guideCommand(program: Command, done: (code: number) => void): void {
  const guide = program.command('guide').description('list, show and check the exercises of the guide')
  guide.addHelpText('after', HELP)
  guide
    .command('list', { isDefault: true })
    .description('all exercises')
    .addOption(jsonOption('an array of exercises'))
    .action(async (options: { json?: true }) => {
      const { exercises, problems } = await Library.open()
      if (options.json === true) printJson(exercises.map(({ view: { blocks: _, ...about } }) => about))
      else print(table(COLUMNS, exercises))
      tell(problems)
      done(problems.length === 0 ? EXIT.ok : EXIT.failed)
    })
  guide
    .command('show <id>')
    .description('the text of an exercise')
    .addOption(jsonOption('the exercise as blocks'))
    .action(async (id: string, options: { json?: true }) => {
      const { view } = (await Library.open()).exercise(id)
      if (options.json === true) printJson(view)
      else print([`# ${view.title}`, view.goal, ...view.blocks.map((block) => blockText(block, view))].join('\n\n'))
      done(EXIT.ok)
    })
  guide
    .command('check <file...>')
    .description('whether exercises can be used; else where and why not')
    .action(async (files: string[]) => {
      const read = await Promise.all(files.map((file) => readExercise(file)))
      for (const { exercise } of read) {
        if (exercise === null) continue
        const { file, id, checks, questions } = exercise.view
        print(`${printable(file)}: ${id} is fine; checks: ${checks.length}, questions: ${questions.length}`)
      }
      const problems = read.flatMap((one) => one.problems)
      tell(problems)
      done(problems.length === 0 ? EXIT.ok : EXIT.failed)
    })
  addReports(guide, done)
}

/** As compilers do it: editors jump to the place. */
function tell(problems: readonly ExerciseProblem[]): void {
  for (const { file, line, reason } of problems) say(printable(`${file}:${line}: ${reason}`))
}

const COLUMNS: readonly Column<Exercise>[] = [
  { title: 'id', cell: ({ view }) => view.id },
  { title: 'title', cell: ({ view }) => view.title },
  { title: 'minutes', align: 'right', cell: ({ view }) => String(view.minutes) },
  { title: 'checks', align: 'right', cell: ({ view }) => String(view.checks.length) },
  { title: 'questions', align: 'right', cell: ({ view }) => String(view.questions.length) },
]

function blockText(block: Block, view: Exercise['view']): string {
  switch (block.type) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${inlineText(block.children)}`
    case 'paragraph':
      return inlineText(block.children)
    case 'code':
      return indented(block.text, '    ')
    case 'quote':
      return indented(block.blocks.map((one) => blockText(one, view)).join('\n\n'), '> ')
    case 'list':
      return block.items
        .map((item, i) => {
          const mark = block.ordered ? `${block.start + i}. ` : '- '
          const text = item.map((one) => blockText(one, view)).join('\n')
          return mark + indented(text, ' '.repeat(mark.length)).trimStart()
        })
        .join('\n')
    case 'table':
      return [block.head, ...block.rows].map((row) => row.map(inlineText).join(' | ')).join('\n')
    case 'rule':
      return '---'
    case 'check':
      return `[ ] ${view.checks.find(({ id }) => id === block.id)?.title ?? block.id}`
    case 'question':
      return `? ${view.questions.find(({ id }) => id === block.id)?.title ?? block.id}`
  }
}

/** Of somebody's file: it must not move the cursor. */
function inlineText(inlines: readonly Inline[]): string {
  return inlines
    .map((one) => {
      if (one.type === 'break') return '\n'
      if (one.type === 'code') return `\`${printable(one.text)}\``
      return 'children' in one ? inlineText(one.children) : printable(one.text.replace(/\n/g, ' '))
    })
    .join('')
}

function indented(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => by + printable(line))
    .join('\n')
}
