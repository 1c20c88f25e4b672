/** What leaves the window: a run's provenance to the clipboard, the runs as a CSV file. */
import type { LabApi } from '../../api/api.ts'
import { download, fileName } from '../../data/download.ts'
import { explain } from '../../state/errors.ts'
import { notices } from '../../state/notices.svelte.ts'
import { plural } from '../../state/units.ts'
import { type CsvSubject, csvOf } from '../measurements/csv.ts'

export async function copyProvenance(api: LabApi, run_id: string): Promise<void> {
  try {
    const { provenance, report } = await api.call('runs.details', { run_id })
    await navigator.clipboard.writeText(
      JSON.stringify({ run_id, started_at: report.started_at, ...provenance }, null, 2),
    )
    notices.show('good', 'Provenance copied', { detail: 'Versions, machine, settings, seed and digests, as JSON.' })
  } catch (thrown) {
    notices.show('bad', 'The provenance was not copied', { detail: explain(thrown, '').message })
  }
}

export async function exportCsv(api: LabApi, what: CsvSubject): Promise<void> {
  try {
    const { csv, runs } = await csvOf(api, what)
    const name = await download(fileName(what, 'csv'), new Blob([csv], { type: 'text/csv;charset=utf-8' }))
    if (name === null) return
    notices.show('good', `Exported ${plural(runs, 'run')}`, { detail: `${name}, with units in its headers.` })
  } catch (thrown) {
    notices.show('bad', 'Nothing was exported', { detail: explain(thrown, '').message })
  }
}
