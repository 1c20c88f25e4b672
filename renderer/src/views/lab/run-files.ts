/** What leaves the window: a run's provenance to the clipboard, the runs as a CSV file. */
import type { MethodInput } from '../../../../engine/contract/lab.ts'
import { type LabApi, LabError } from '../../api/api.ts'
import { explain } from '../../state/errors.ts'
import { notices } from '../../state/notices.svelte.ts'
import { plural } from '../../state/units.ts'

const MOST_RUNS = 10_000

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

export async function exportCsv(api: LabApi, what: MethodInput<'runs.export'>['what']): Promise<void> {
  try {
    const { csv, runs } = await api.call('runs.export', { what, filter: { limit: MOST_RUNS } })
    const name = await save(`ferry-${what}.csv`, csv)
    if (name === null) return
    notices.show('good', `Exported ${plural(runs, 'run')}`, { detail: `${name}, with units in its headers.` })
  } catch (thrown) {
    notices.show('bad', 'Nothing was exported', { detail: explain(thrown, '').message })
  }
}

/** The desktop app asks where to; a browser puts it where downloads go. The file's name, or null where the user cancelled. */
async function save(name: string, csv: string): Promise<string | null> {
  if (window.ferry !== undefined) {
    const answer = await window.ferry.saveFile({ name, data: csv })
    if ('error' in answer) throw new LabError(answer.error.code, answer.error.message, answer.error.data)
    return answer.result
  }
  const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
  return name
}
