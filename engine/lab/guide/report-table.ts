/** Reports of many students as CSV. */
import type { ReportLine } from '../../contract/guide.ts'
import { csv } from '../export/csv.ts'

const NAMES = ['student', 'exercises', 'passed', 'checks', 'answered', 'questions', 'runs', 'made_at'] as const
const COLUMNS = NAMES.map((header) => ({ header, cell: (line: ReportLine) => line[header] }))

export const reportsCsv = (lines: readonly ReportLine[]): string => csv(COLUMNS, lines)
