/**
 * A student's report: what was answered, checked and measured, as data with a schema, and out of a file again. The file
 * is `report-page.ts`'s page with this data in it. Pure.
 */
import * as v from 'valibot'
import type { ReportLine } from '../contract/guide.ts'
import { runReport } from '../contract/report.ts'
import { FerryError } from '../util/errors.ts'

const REPORT_FORMAT = 'ferry-guide-report'
const VERSION = 1
/** Larger than what the longest answers to all exercises and a thousand runs take. */
export const MAX_REPORT_CHARS = 16 * 2 ** 20
/** The element of the page that holds the data. */
export const DATA_ID = 'ferry-report'

const text = (length: number) => v.pipe(v.string(), v.maxLength(length))
const list = <S extends v.GenericSchema>(item: S, length: number) => v.pipe(v.array(item), v.maxLength(length))

export const reportedRun = v.pick(runReport, [
  ...(['run_id', 'started_at', 'outcome', 'guest', 'ram_B', 'workload', 'from', 'to', 'from_kind', 'to_kind'] as const),
  ...(['algorithm', 'link', 'downtime_ms', 'outage_ms', 'total_ms', 'bytes_sent_B', 'pages_sent'] as const),
  ...(['pages_retransmitted', 'guest_check'] as const),
])
export type ReportedRun = v.InferOutput<typeof reportedRun>

/** The computer and the program that measured. */
const origin = v.object({ cpu_model: text(200), cores: v.number(), app_version: text(64), v86_version: text(64) })
export type Origin = v.InferOutput<typeof origin>

export const studentReport = v.object({
  format: v.literal(REPORT_FORMAT),
  version: v.literal(VERSION),
  student: text(60),
  /** ISO-8601, UTC. */
  made_at: text(40),
  /** Of the runs; more than one where they were not all made on one computer. */
  origins: list(origin, 100),
  exercises: list(
    v.object({
      id: text(48),
      title: text(300),
      goal: text(2000),
      started_at: text(40),
      /** `passed_at` null: not passed; `found`: what was seen then. */
      checks: list(
        v.object({ id: text(48), title: text(300), passed_at: v.nullable(text(40)), found: text(2000) }),
        100,
      ),
      questions: list(v.object({ id: text(48), title: text(2000), answer: text(20_000) }), 100),
      /** Ids of the runs that were made for it. */
      runs: list(text(64), 1000),
    }),
    200,
  ),
  runs: list(reportedRun, 5000),
})
export type StudentReport = v.InferOutput<typeof studentReport>
export type ReportContent = Omit<StudentReport, 'format' | 'version'>

export const reportOf = (content: ReportContent): StudentReport => ({
  format: REPORT_FORMAT,
  version: VERSION,
  ...content,
})

/** A name for a student's page that any system takes. */
export function reportFile(student: string): string {
  const name = student.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[^\p{L}\p{N}]+|-+$/gu, '')
  return `${name || 'report'}.html`
}

/** The data as it stands in the page: nothing in it can end the element that it is in. */
export const dataText = (report: StudentReport): string => JSON.stringify(report).replaceAll('<', '\\u003c')

/**
 * The data out of a page. Nothing else of the page is looked at, and nothing of it is carried out.
 * @param name of the file, for messages
 * @throws FerryError `report.size`, `report.foreign`, `report.damaged`
 */
export function readReport(page: string, name: string): StudentReport {
  if (page.length > MAX_REPORT_CHARS) {
    throw new FerryError('report.size', `${name} is too large to be a report of the guide.`, { file: name })
  }
  const begin = `<script type="application/json" id="${DATA_ID}">`
  const at = page.indexOf(begin)
  const end = page.indexOf('</script>', at)
  if (at < 0 || end < 0) {
    throw new FerryError('report.foreign', `${name} is not a report of the guide, or was cut off.`, { file: name })
  }
  let data: unknown
  try {
    data = JSON.parse(page.slice(at + begin.length, end))
  } catch (cause) {
    throw new FerryError('report.damaged', `The data in ${name} is damaged.`, { file: name }, cause)
  }
  const parsed = v.safeParse(studentReport, data)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const where = v.getDotPath(issue) ?? 'its data'
  throw new FerryError('report.damaged', `${name}: ${where}: ${issue.message}.`, { file: name, field: where })
}

/** How much of some exercises is done. */
function done(exercises: readonly StudentReport['exercises'][number][]) {
  const checks = exercises.flatMap((exercise) => exercise.checks)
  const questions = exercises.flatMap((exercise) => exercise.questions)
  return {
    passed: checks.filter(({ passed_at }) => passed_at !== null).length,
    checks: checks.length,
    answered: questions.filter(({ answer }) => answer.trim() !== '').length,
    questions: questions.length,
  }
}

/** An id that no file of an exercise can have was put there by somebody: it names nothing. */
const isId = (id: string): boolean => /^[a-z0-9][a-z0-9-]{0,47}$/.test(id)

export function lineOf({ student, exercises, runs, made_at }: StudentReport): ReportLine {
  const each = exercises.filter(({ id }) => isId(id))
  return {
    student,
    exercises: exercises.length,
    ...done(exercises),
    runs: runs.length,
    made_at,
    by_exercise: each.map((exercise) => ({ id: exercise.id, title: exercise.title, ...done([exercise]) })),
  }
}
