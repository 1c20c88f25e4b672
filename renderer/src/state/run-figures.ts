/** The figures of one migration, put together from what was told of it. Pure: the window and a video show the same. */
import type { MigrationProgress } from '../../../engine/contract/lab.ts'
import type { RoundReport, RunReport, StageReport } from '../../../engine/contract/report.ts'

const MAX_NOTES = 200
const MAX_ROUNDS = 1000

export interface LiveFigures {
  readonly stage: number
  /** Stages entered, with their durations where they have ended. */
  readonly stages: readonly { number: number; started_ms: number; duration_ms: number | null }[]
  readonly round: number
  readonly rounds: readonly RoundReport[]
  readonly pages_total: number
  readonly remaining_pages: number
  readonly pages_sent: number
  readonly bytes_sent_B: number
  readonly rate_Bps: number
  readonly estimate_ms: number | null
  readonly notes: readonly string[]
  /** After the switch-over, where pages follow the guest. */
  readonly pull: MigrationProgress['pull']
  readonly probes: number
}

export const NOTHING: LiveFigures = {
  stage: 0,
  stages: [],
  round: 0,
  rounds: [],
  pages_total: 0,
  remaining_pages: 0,
  pages_sent: 0,
  bytes_sent_B: 0,
  rate_Bps: 0,
  estimate_ms: null,
  notes: [],
  pull: null,
  probes: 0,
}

/** More was told. */
export function withProgress(before: LiveFigures, event: MigrationProgress): LiveFigures {
  const { stages, rounds, notes, ...now } = event
  return {
    ...before,
    ...now,
    stages: stages.reduce(entered, before.stages),
    rounds: rounds.length === 0 ? before.rounds : [...before.rounds, ...rounds].slice(-MAX_ROUNDS),
    notes: notes.length === 0 ? before.notes : [...before.notes, ...notes].slice(-MAX_NOTES),
  }
}

/** It is over: the report has the last word. */
export function withReport(before: LiveFigures, report: RunReport): LiveFigures {
  return {
    ...before,
    stage: report.stages.at(-1)?.number ?? before.stage,
    stages: report.stages.map(({ number, started_ms, duration_ms }: StageReport) => ({
      number,
      started_ms,
      duration_ms,
    })),
    rounds: report.rounds,
    pages_sent: report.pages_sent,
    bytes_sent_B: report.bytes_sent_B,
    rate_Bps: 0,
    estimate_ms: null,
    pull: null,
  }
}

/** Share of the guest's pages, 0–1, of which the target has a copy that this round need not send again. */
export function arrivedShare(figures: LiveFigures, report: RunReport | null): number {
  const { pages_total, remaining_pages, stage, pull } = figures
  if (report?.outcome === 'completed') return 1
  if (pull !== null) return pages_total === 0 ? 0 : Math.max(0, 1 - pull.left_pages / pages_total)
  if (stage >= 4) return 1
  if (pages_total === 0 || stage < 2) return 0
  return Math.max(0, 1 - remaining_pages / pages_total)
}

/** What crosses now; null where nothing is to cross, or nothing can. */
export function rateNow({ stage, pull, rate_Bps }: LiveFigures): number | null {
  const flows = pull === null ? stage <= 3 : pull.state === 'pulling'
  return flows ? rate_Bps : null
}

function entered(
  stages: LiveFigures['stages'],
  { number, started_ms }: { number: number; started_ms: number },
): LiveFigures['stages'] {
  const last = stages.at(-1)
  if (last?.number === number) return stages
  const ended = last === undefined ? [] : [{ ...last, duration_ms: started_ms - last.started_ms }]
  return [...stages.slice(0, -1), ...ended, { number, started_ms, duration_ms: null }]
}
