/** One migration as it is seen from here: fed by events, told to the view at a pace that can be read. */
import type { GuestView, HostView, LabEvents, MigrateInput, MigrationProgress } from '../../../engine/contract/lab.ts'
import type { QosTargets } from '../../../engine/contract/prediction.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import { FRAMES } from './frames.ts'
import { Pace, READABLE_MS } from './pace.ts'
import { ProbeLog } from './probe-log.ts'
import { arrivedShare, type LiveFigures, NOTHING, rateNow, withProgress, withReport } from './run-figures.ts'
import { Series } from './series.ts'

export interface Place {
  readonly name: string
  readonly kind: HostView['kind']
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
    return arrivedShare(this.figures, this.report)
  }

  /** What crosses now; null where nothing is to cross, or nothing can. */
  get rate_Bps(): number | null {
    return rateNow(this.figures)
  }

  progress(event: MigrationProgress): void {
    this.throughput.push(event.rate_Bps)
    this.#tell(withProgress(this.#next, event))
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
    this.figures = withReport(this.#next, report)
    this.report = report
  }

  #tell(figures: LiveFigures): void {
    this.#next = figures
    if (this.report === null) this.#pace.wish()
  }
}
