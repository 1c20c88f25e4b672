/** Reports of many students as CSV: a line each, and two columns for each exercise that one of them began. */
import type { ReportLine } from '../../contract/guide.ts'
import { csv, type Column } from '../export/csv.ts'

const NAMES = ['student', 'exercises', 'passed', 'checks', 'answered', 'questions', 'runs', 'made_at'] as const
const COLUMNS = NAMES.map((header) => ({ header, cell: (line: ReportLine) => line[header] }))
/** More are not of one course. */
const MOST_EXERCISES = 200

export function reportsCsv(lines: readonly ReportLine[]): string {
  const ids = [...new Set(lines.flatMap(({ by_exercise }) => by_exercise.map(({ id }) => id)))].slice(0, MOST_EXERCISES)
  const columns = ids.flatMap((id): Column<ReportLine>[] => {
    const of = ({ by_exercise }: ReportLine) => by_exercise.find((one) => one.id === id)
    return [
      { header: `${id}_passed`, cell: (line) => of(line)?.passed ?? null },
      { header: `${id}_answered`, cell: (line) => of(line)?.answered ?? null },
    ]
  })
  return csv([...COLUMNS, ...columns], lines)
}
