/** Results out of the store: the experiments that are asked for, with the runs of their trials. */
import type { Results } from '../../contract/experiment-results.ts'
import type { RunReport } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'
import { probesCsv, roundsCsv } from '../export/csv.ts'
import type { RunStore } from '../store/run-store.ts'
import { attemptsCsv, comparisonsCsv, groupsCsv } from './csv.ts'
import { metaOf } from './meta.ts'
import { parsePlan } from './plan.ts'
import { resultsOf } from './results.ts'
import manifest from '../../../package.json' with { type: 'json' }

export type ExportSubject = 'raw' | 'summary' | 'comparisons' | 'rounds' | 'probes'

export interface Archive {
  readonly results: Results
  readonly reports: ReadonlyMap<string, RunReport>
}

/**
 * @param ids experiments of one plan: its shards, or repetitions
 * @throws FerryError `experiment.unknown`, `experiment.other-plan`
 */
export function readArchive(store: RunStore, ids: readonly string[], pool: boolean): Archive {
  const records = [...new Set(ids)].map((id) => store.experiments.get(id))
  const [first] = records
  const other = records.find(({ plan_digest }) => plan_digest !== first.plan_digest)
  if (other !== undefined) {
    const message = `"${first.name}" and "${other.name}" are of different plans, whose conditions cannot be told to be the same. Look at them one by one.`
    throw new FerryError('experiment.other-plan', message, { a: first.plan_digest, b: other.plan_digest })
  }
  const trials = records.flatMap(({ experiment_id }) => store.experiments.trials(experiment_id))
  const reports = new Map(
    trials.flatMap(({ run_id }) => {
      const report = run_id === null ? null : store.report(run_id)
      return report === null ? [] : [[report.run_id, report] as const]
    }),
  )
  const measured = {
    plan: parsePlan(first.plan_json),
    plan_digest: first.plan_digest,
    experiments: records.map(({ experiment_id }) => experiment_id),
    trials,
    reports,
    machines: store.experiments.machines(),
  }
  return { results: resultsOf(measured, pool), reports }
}

const WHAT: Readonly<Record<ExportSubject, string>> = {
  raw: 'Raw: one row an attempt; warm-up (warm_up = true), failed and interrupted ones too.',
  summary: 'One row a condition and machine: medians, quartiles, 95 % bootstrap intervals, n, failed trials.',
  comparisons: 'One row a figure of two levels: ratio of medians with 95 % bootstrap interval, Cliff’s delta.',
  rounds: 'Raw: one row a round of each completed, measured run; run_id is that of the raw export.',
  probes: 'Raw: one row a probe of the network client, of each completed, measured run.',
}

/** CSV of an archive, and the text of the `.meta.json` beside it. */
export function exportArchive(
  store: RunStore,
  { results, reports }: Archive,
  what: ExportSubject,
  file: string | null = null,
): { csv: string; rows: number; meta: string } {
  const runs = results.groups.flatMap((group) => group.runs)
  const rounds = runs.flatMap((id) => reports.get(id) ?? [])
  const make: Record<ExportSubject, () => string> = {
    raw: () => attemptsCsv(results, reports),
    summary: () => groupsCsv(results),
    comparisons: () => comparisonsCsv(results),
    rounds: () => roundsCsv(rounds),
    probes: () => probesCsv(runs.map((run_id) => ({ run_id, probes: store.get(run_id)?.probes ?? [] }))),
  }
  const content = make[what]()
  const rows = what === 'probes' || what === 'rounds' ? lines(content) : rowsOf(results, what)
  return { csv: content, rows, meta: metaFor(results, { file, what: WHAT[what], content, rows }) }
}

export function metaFor(
  results: Results,
  input: { file: string | null; what: string; content: string | null; rows: number | null },
): string {
  return metaOf(results, { ...input, created_at: new Date().toISOString(), app_version: manifest.version })
}

function rowsOf({ attempts, groups, comparisons }: Results, what: 'raw' | 'summary' | 'comparisons'): number {
  return { raw: attempts.length, summary: groups.length, comparisons: comparisons.length }[what]
}

/** Of a text without line breaks in its fields. */
const lines = (content: string): number => content.split('\r\n').length - 2
