/** A student's report, put together of the progress that was kept, the exercises, and the runs in the store. */
import { type Origin, type ReportContent, reportedRun, reportOf, type StudentReport } from '../../guide/report.ts'
import { FerryError } from '../../util/errors.ts'
import * as v from 'valibot'
import type { RunStore } from '../store/run-store.ts'
import type { Library } from './library.ts'
import type { ProgressStore } from './progress-store.ts'

/**
 * Exercises that were begun, in the library's order; runs that have been removed since are left out.
 * @throws FerryError `guide.student` where nobody of that name has begun anything
 */
export function studentReport(
  student: string,
  library: Library,
  progress: ProgressStore,
  runs: RunStore,
): StudentReport {
  const states = progress.read(student)
  if (Object.keys(states).length === 0) {
    const names = progress.students()
    const others =
      names.length === 0 ? 'Nobody has begun an exercise yet.' : `There is progress of: ${names.join(', ')}.`
    throw new FerryError('guide.student', `${student} has not begun any exercise. ${others}`, { student })
  }
  const exercises: ReportContent['exercises'] = library.exercises.flatMap(({ view }) => {
    const state = states[view.id]
    if (state === undefined) return []
    const { id, title, goal, checks, questions } = view
    return {
      ...{ id, title, goal, started_at: state.started_at, runs: state.runs },
      checks: checks.map((check) => ({
        ...{ id: check.id, title: check.title },
        passed_at: state.passed[check.id] ?? null,
        found: state.found[check.id] ?? '',
      })),
      questions: questions.map((asked) => ({
        id: asked.id,
        title: asked.title,
        answer: state.answers[asked.id] ?? '',
      })),
    }
  })
  const stored = [...new Set(exercises.flatMap((exercise) => exercise.runs))].flatMap((id) => runs.get(id) ?? [])
  const origins = new Map<string, Origin>()
  for (const { provenance } of stored) {
    const { cpu_model, cores, app_version, v86_version } = provenance
    origins.set(JSON.stringify([cpu_model, cores, app_version, v86_version]), {
      cpu_model,
      cores,
      app_version,
      v86_version,
    })
  }
  return reportOf({
    student,
    made_at: new Date().toISOString(),
    origins: [...origins.values()],
    exercises,
    runs: stored.map(({ report }) => v.parse(reportedRun, report)),
  })
}
