/** One migration as it is seen from here: fed by events, told to the view at a pace that can be read. */
import type { GuestView, HostView, LabEvents, MigrateInput, MigrationProgress } from '../../../engine/contract/lab.ts'
import type { QosTargets } from '../../../engine/contract/prediction.ts'
import type { RoundReport, RunReport, StageReport } from '../../../engine/contract/report.ts'
import { FRAMES } from './frames.ts'
import { Pace, READABLE_MS } from './pace.ts'
import { ProbeLog } from './probe-log.ts'
import { Series } from './series.ts'

const MAX_NOTES = 200
const MAX_ROUNDS = 1000

export interface Place {
  readonly name: string
  readonly kind: HostView['kind']
}

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

const NOTHING: LiveFigures = {
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

export class LiveRun {
  readonly id: string
  readonly guest: Pick<GuestView, 'id' | 'name' | 'ram_B' | 'workload' | 'image'>
  readonly from: Place
  readonly to: Place
  /** As it was started, here or by another front end. */
  readonly input: MigrateInput
  /** False where events of its beginning were missed: the probes of that time are known when it has ended. */
  readonly seenFromStart: boolean
  readonly probeLog = new ProbeLog()
  readonly throughput = new Series(120)
  figures = $state.raw<LiveFigures>(NOTHING)
  report = $state.raw<RunReport | null>(null)
  cancelling = $state(false)
  /** As they were last set from here; those of the start before that. */
  targets = $state.raw<QosTargets>({})
  #next: LiveFigures = NOTHING
  readonly #pace = new Pace(READABLE_MS, () => (this.figures = this.#next), FRAMES)

  constructor(
    id: string,
    guest: LiveRun['guest'],
    places: { from: Place; to: Place },
    input: MigrateInput,
    seenFromStart = true,
  ) {
    this.id = id
    this.guest = guest
    this.from = places.from
    this.to = places.to
    this.input = input
    const { max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown } = input
    this.targets = { max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown }
    this.seenFromStart = seenFromStart
  }

  get running(): boolean {
    return this.report === null
  }

  /** Share of the guest's pages, 0–1, of which the target has a copy that this round need not send again. */
  get arrived(): number {
    const { pages_total, remaining_pages, stage, pull } = this.figures
    if (this.report?.outcome === 'completed') return 1
    if (pull !== null) return pages_total === 0 ? 0 : Math.max(0, 1 - pull.left_pages / pages_total)
    if (stage >= 4) return 1
    if (pages_total === 0 || stage < 2) return 0
    return Math.max(0, 1 - remaining_pages / pages_total)
  }

  /** What crosses now; null where nothing is to cross, or nothing can. */
  get rate_Bps(): number | null {
    const { stage, pull, rate_Bps } = this.figures
    const flows = pull === null ? stage <= 3 : pull.state === 'pulling'
    return flows ? rate_Bps : null
  }

  progress(event: MigrationProgress): void {
    const { stages, rounds, notes, ...now } = event
    const before = this.#next
    this.throughput.push(event.rate_Bps)
    this.#tell({
      ...before,
      ...now,
      stages: stages.reduce(entered, before.stages),
      rounds: rounds.length === 0 ? before.rounds : [...before.rounds, ...rounds].slice(-MAX_ROUNDS),
      notes: notes.length === 0 ? before.notes : [...before.notes, ...notes].slice(-MAX_NOTES),
    })
  }

  probes(event: Pick<LabEvents['migrations.probes'], 'probes'>): void {
    this.probeLog.add(event.probes)
    if (this.report !== null) this.figures = { ...this.figures, probes: this.figures.probes + 1 }
    this.#tell({ ...this.#next, probes: this.#next.probes + 1 })
  }

  /** Shows at once what is otherwise shown at a pace. */
  settle(): void {
    this.#pace.cancel()
    this.figures = this.#next
  }

  finish(report: RunReport): void {
    this.#pace.cancel()
    this.figures = {
      ...this.#next,
      stage: report.stages.at(-1)?.number ?? this.#next.stage,
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
    this.report = report
  }

  #tell(figures: LiveFigures): void {
    this.#next = figures
    if (this.report === null) this.#pace.wish()
  }
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
