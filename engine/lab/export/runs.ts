/** The stored runs as CSV text: what every front end's *Export* gives. */
import type { MethodInput } from '../../contract/lab.ts'
import type { RunStore } from '../store/run-store.ts'
import { probesCsv, roundsCsv, runsCsv, summaryCsv, windowsCsv } from './csv.ts'

type What = MethodInput<'runs.export'>['what']
type Filter = Parameters<RunStore['reports']>[0]

export function exportRuns(store: RunStore, what: What, filter: Filter): { csv: string; runs: number } {
  const reports = store.reports(filter)
  const csv = {
    runs: () => runsCsv(reports),
    rounds: () => roundsCsv(reports),
    windows: () => windowsCsv(reports),
    summary: () => summaryCsv(reports),
    probes: () => probesCsv(reports.map(({ run_id }) => ({ run_id, probes: store.get(run_id)?.probes ?? [] }))),
  }[what]()
  return { csv, runs: reports.length }
}
