/** The clock of the paper's stages 0–5 on one side: each has one start and one end; none is entered twice. */
import { nowMs } from '../util/clock.ts'
import { STAGE_NAMES } from '../contract/report.ts'
import type { StageReport } from '../contract/report.ts'
import type { Stage } from './protocol/frame.ts'

export class StageClock {
  readonly startedMs = nowMs()
  #current: Stage = 0
  readonly #starts: { stage: Stage; atMs: number }[] = [{ stage: 0, atMs: this.startedMs }]
  #endMs: number | null = null

  get current(): Stage {
    return this.#current
  }

  /** Enters a stage; a stage that was reached already is ignored. Returns whether it was entered. */
  enter(stage: Stage, atMs = nowMs()): boolean {
    if (stage <= this.#current) return false
    this.#current = stage
    this.#starts.push({ stage, atMs })
    return true
  }

  end(atMs = nowMs()): void {
    this.#endMs ??= atMs
  }

  /** From the start to the end, or to now. */
  get totalMs(): number {
    return (this.#endMs ?? nowMs()) - this.startedMs
  }

  report(): StageReport[] {
    const end = this.#endMs ?? nowMs()
    return this.#starts.map(({ stage, atMs }, i) => ({
      number: stage,
      name: STAGE_NAMES[stage],
      started_ms: Math.max(0, atMs - this.startedMs),
      duration_ms: Math.max(0, (this.#starts[i + 1]?.atMs ?? end) - atMs),
    }))
  }
}
