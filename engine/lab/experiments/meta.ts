/** The `.meta.json` beside an export: what is in the file, where it came from, and how its figures were made. Pure. */
import { createHash } from 'node:crypto'
import type { Results } from '../../contract/experiment-results.ts'
import { DEFAULT_CONFIDENCE, DEFAULT_RESAMPLES, DEFAULT_SEED } from '../export/statistics.ts'

export interface MetaInput {
  /** Name of the file that it stands beside; null: not known. */
  readonly file: string | null
  /** What is in the file, in a sentence. */
  readonly what: string
  /** Its content, where it is a text: its digest is kept. */
  readonly content: string | null
  readonly rows: number | null
  readonly created_at: string
  readonly app_version: string
}

/** JSON text. The names of figures and their units are those of the run report (`engine/contract/report.ts`). */
export function metaOf(results: Results, { content, ...input }: MetaInput): string {
  const { plan, plan_digest, experiments, machines, pool_machines, expected, measured, missing_repeats } = results
  const states = (state: string, warm_up = false): number =>
    results.attempts.filter((attempt) => attempt.state === state && attempt.warm_up === warm_up).length
  const meta = {
    format: 'ferry.meta/1',
    ...input,
    sha256: content === null ? null : createHash('sha256').update(content).digest('hex'),
    plan,
    plan_digest,
    experiments,
    machines,
    pool_machines,
    trials: {
      expected,
      measured,
      missing_repeats,
      failed: states('failed'),
      interrupted: states('interrupted'),
      warm_up_left_out: results.attempts.filter(({ warm_up }) => warm_up).length,
    },
    statistics: {
      quartiles: 'R type 7: linear interpolation at position (n − 1)·p of the ascending values',
      interval: 'percentile bootstrap of the median, and of the ratio of two medians',
      confidence: DEFAULT_CONFIDENCE,
      resamples: DEFAULT_RESAMPLES,
      seed: DEFAULT_SEED,
      effect: "Cliff's delta; sizes of Romano et al. (2006): 0.147, 0.33, 0.474",
      grouping: pool_machines ? 'trials of all machines together, as asked for' : 'each machine by itself',
    },
    figures: {
      downtime_ms: 'vCPU stopped on the source → first instruction on the target; monotonic clock of the lab service',
      outage_ms: 'longest time without an answer that the network client saw, less its probe interval',
      total_ms: 'from the request to the end of the last stage',
      bytes_sent_B: 'all bytes that the source wrote to the connection',
    },
  }
  return `${JSON.stringify(meta, null, 2)}\n`
}
