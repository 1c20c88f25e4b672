/** Reports: a student's own one leaves the window as a file or on paper, those of many are read into a table. */
import type { ReportLine } from '../../../../engine/contract/guide.ts'
import { lineOf, MAX_REPORT_CHARS, readReport } from '../../../../engine/guide/report.ts'
import type { LabApi } from '../../api/api.ts'
import { download, fileName } from '../../data/download.ts'
import { explain } from '../../state/errors.ts'
import { notices } from '../../state/notices.svelte.ts'
import { plural } from '../../state/units.ts'
import { printPage } from './print-page.ts'

export async function saveReport(api: LabApi, student: string): Promise<void> {
  await attempt('The report was not saved', async () => {
    const { file, page, exercises, runs } = await api.call('guide.report', { student })
    const name = await download(file, new Blob([page], { type: 'text/html;charset=utf-8' }))
    if (name === null) return
    notices.show('good', `Saved the report of ${student}`, {
      detail: `${name}: ${plural(exercises, 'exercise')}, ${plural(runs, 'run')}.`,
    })
  })
}

export async function printReport(api: LabApi, student: string): Promise<void> {
  await attempt('The report was not printed', async () => printPage((await api.call('guide.report', { student })).page))
}

async function attempt(failure: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    notices.show('bad', failure, { detail: explain(thrown, '').message })
  }
}

/** A report that was read, and its file. */
export interface ReadReport extends ReportLine {
  readonly file: string
}

/** What is wrong with a file; the others are shown. */
export interface UnreadReport {
  readonly file: string
  /** Names the file. */
  readonly reason: string
}

/** The instructor's table. */
export class ReportTable {
  lines = $state.raw<readonly ReadReport[]>([])
  problems = $state.raw<readonly UnreadReport[]>([])
  reading = $state(false)
  readonly #api: LabApi

  constructor(api: LabApi) {
    this.#api = api
  }

  /** Reads more files. A file of the same name takes the place of the one before. */
  async add(files: readonly File[]): Promise<void> {
    this.reading = true
    try {
      for (const file of files) {
        const lines = this.lines.filter((line) => line.file !== file.name)
        const problems = this.problems.filter((problem) => problem.file !== file.name)
        try {
          const line = { ...lineOf(readReport(await textOf(file), file.name)), file: file.name }
          this.lines = [...lines, line].sort((a, b) => a.student.localeCompare(b.student, 'en', { numeric: true }))
          this.problems = problems
        } catch (thrown) {
          this.lines = lines
          this.problems = [...problems, { file: file.name, reason: explain(thrown, '').message }]
        }
      }
    } finally {
      this.reading = false
    }
  }

  async exportCsv(): Promise<void> {
    await attempt('Nothing was exported', async () => {
      const { csv } = await this.#api.call('guide.table', { lines: this.lines.map(({ file: _, ...line }) => line) })
      const name = await download(fileName('reports', 'csv'), new Blob([csv], { type: 'text/csv;charset=utf-8' }))
      if (name === null) return
      notices.show('good', `Exported ${plural(this.lines.length, 'report')}`, { detail: name })
    })
  }
}

/** A file that cannot be one of ours is not even read. */
async function textOf(file: File): Promise<string> {
  // A character takes up to four bytes.
  if (file.size > 4 * MAX_REPORT_CHARS) throw new Error(`${file.name} is too large to be a report of the guide.`)
  return file.text()
}
