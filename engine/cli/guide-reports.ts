/** `ferry guide report` and `ferry guide table`: a student's report as a file, and many of them as a table. */
import { existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import type { ReportLine } from '../contract/guide.ts'
import { lineOf, MAX_REPORT_CHARS, readReport, reportFile } from '../guide/report.ts'
import { reportPage } from '../guide/report-page.ts'
import { Library } from '../lab/guide/library.ts'
import { ProgressStore } from '../lab/guide/progress-store.ts'
import { studentReport } from '../lab/guide/report.ts'
import { reportsCsv } from '../lab/guide/report-table.ts'
import { defaultStore } from '../lab/places.ts'
import { openStore } from '../lab/store/run-store.ts'
import { FerryError } from '../util/errors.ts'
import { EXIT } from './errors.ts'
import { storeOption } from './options.ts'
import { print, say } from './output.ts'
import { plural } from './format.ts'
import { type Column, printable, table } from './table.ts'

export function addReports(guide: Command, done: (code: number) => void): void {
  guide
    .command('report <student>')
    .description("a student's answers, checks and runs as one HTML page, which can be printed and read back")
    .option('--out <file>', 'where to write it (default: STUDENT.html)')
    .addOption(storeOption())
    .action(async (student: string, { out, store: path = defaultStore() }: { out?: string; store?: string }) => {
      // Without a store there are no runs; looking must not make one.
      const store = openStore(existsSync(path) ? path : ':memory:')
      try {
        const report = studentReport(student, await Library.open(), new ProgressStore(path), store)
        const file = out ?? reportFile(student)
        await writeFile(file, reportPage(report))
        print(
          `${printable(file)}: ${plural(report.exercises.length, 'exercise')}, ${plural(report.runs.length, 'run')}`,
        )
      } finally {
        store.close()
      }
      done(EXIT.ok)
    })
  guide
    .command('table <file...>')
    .description('reports of many students, a line each; one that cannot be read is told, and the others are shown')
    .option('--csv', 'as CSV')
    .action(async (files: string[], options: { csv?: true }) => {
      const lines: ReportLine[] = []
      for (const file of files) {
        try {
          lines.push(lineOf(await read(file)))
        } catch (thrown) {
          say(printable(FerryError.from(thrown).message))
        }
      }
      lines.sort((a, b) => a.student.localeCompare(b.student, 'en', { numeric: true }))
      if (options.csv === true) print(reportsCsv(lines).trimEnd())
      else if (lines.length > 0) print(table(COLUMNS, lines))
      done(lines.length === files.length ? EXIT.ok : EXIT.failed)
    })
}

async function read(file: string) {
  const { size } = await stat(file)
  // A character takes up to four bytes.
  if (size > 4 * MAX_REPORT_CHARS) {
    throw new FerryError('report.size', `${file} is too large to be a report of the guide.`, { file })
  }
  return readReport(await readFile(file, 'utf8'), basename(file))
}

const of = (some: number, all: number): string => `${some} of ${all}`
const COLUMNS: readonly Column<ReportLine>[] = [
  { title: 'student', cell: ({ student }) => printable(student) },
  { title: 'exercises', align: 'right', cell: ({ exercises }) => String(exercises) },
  { title: 'checks passed', align: 'right', cell: ({ passed, checks }) => of(passed, checks) },
  { title: 'questions answered', align: 'right', cell: ({ answered, questions }) => of(answered, questions) },
  { title: 'runs', align: 'right', cell: ({ runs }) => String(runs) },
  { title: 'made', cell: ({ made_at }) => printable(made_at) },
]
