/** A migration of a recording as it stood at a time, put together step by step as time goes on. */
import type { RunReport } from '../../../engine/contract/report.ts'
import type { RunHistory } from '../replay/runs-model.ts'
import { ProbeLog } from '../state/probe-log.ts'
import { type LiveFigures, NOTHING, withProgress, withReport } from '../state/run-figures.ts'
import { Series } from '../state/series.ts'

/** Points of the throughput: as many as the window keeps (state/live-run.svelte.ts). */
const POINTS = 120

export interface RunAt {
  readonly figures: LiveFigures
  /** Null: it was under way. */
  readonly report: RunReport | null
  /** These two are valid until another time is asked for. */
  readonly probes: ProbeLog
  readonly throughput: Series
}

export class RunFold {
  readonly #run: RunHistory
  #probes = new ProbeLog()
  #throughput = new Series(POINTS)
  #figures: LiveFigures = NOTHING
  /** Events taken in. */
  #taken = 0
  #t = -Infinity

  constructor(run: RunHistory) {
    this.#run = run
  }

  /** The same whatever was asked for before; cheap where time goes on. */
  at(t: number): RunAt {
    if (t < this.#t) this.#forget()
    if (this.#t === -Infinity && this.#run.before !== null) this.#figures = withProgress(NOTHING, this.#run.before)
    this.#t = t
    const { events } = this.#run
    for (; this.#taken < events.length; this.#taken++) {
      const event = events[this.#taken]
      if (event === undefined || event.t > t) break
      if (event.kind === 'probes') this.#probes.add(event.payload.probes)
      else {
        this.#throughput.push(event.payload.rate_Bps)
        this.#figures = withProgress(this.#figures, event.payload)
      }
    }
    const report = this.#run.ended_ms <= t ? this.#run.report : null
    const figures = report === null ? this.#figures : withReport(this.#figures, report)
    return { figures, report, probes: this.#probes, throughput: this.#throughput }
  }

  #forget(): void {
    this.#probes = new ProbeLog()
    this.#throughput = new Series(POINTS)
    this.#figures = NOTHING
    this.#taken = 0
    this.#t = -Infinity
  }
}
