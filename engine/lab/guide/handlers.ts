/** The contract's methods of the guide. */
import type * as v from 'valibot'
import type { GUIDE_METHODS } from '../../contract/guide.ts'
import { reportFile } from '../../guide/report.ts'
import { reportPage } from '../../guide/report-page.ts'
import type { Guide } from './guide.ts'
import { reportsCsv } from './report-table.ts'

type Methods = typeof GUIDE_METHODS
type Output<M extends keyof Methods> = v.InferOutput<Methods[M]['output']>
type Handlers = { [M in keyof Methods]: (input: v.InferOutput<Methods[M]['input']>) => Output<M> | Promise<Output<M>> }

export function guideHandlers(guide: Guide): Handlers {
  return {
    'guide.list': async ({ student, text }) => ({
      exercises: await guide.list(student, text),
      problems: (await guide.library()).problems,
    }),
    'guide.exercise': async ({ exercise }) => (await guide.library()).exercise(exercise).view,
    'guide.add': async ({ files }) => {
      const library = await guide.library()
      const parsed = files.map(({ name, text }) => library.add(name, text))
      return {
        exercises: parsed.flatMap(({ exercise }) => (exercise === null ? [] : [exercise.view.id])),
        problems: parsed.flatMap(({ problems }) => [...problems]),
      }
    },
    'guide.students': () => guide.students(),
    'guide.open': ({ student, exercise }) => guide.open(student, exercise),
    'guide.progress': ({ student, exercise }) => guide.look(student, exercise),
    'guide.answer': ({ student, exercise, question, text }) => guide.answer(student, exercise, question, text),
    'guide.reset': ({ student, exercise }) => guide.reset(student, exercise),
    'guide.undoReset': ({ student, exercise }) => guide.undoReset(student, exercise),
    'guide.report': async ({ student }) => {
      const report = await guide.report(student)
      const { exercises, runs } = report
      return { file: reportFile(student), page: reportPage(report), exercises: exercises.length, runs: runs.length }
    },
    'guide.table': ({ lines }) => ({ csv: reportsCsv(lines) }),
  }
}
