/** What happens in a run, told in batches: messages and probes come by the hundred, and a window redraws at its pace. */
import type { LabEvents } from '../contract/lab.ts'
import type { MessageView } from '../contract/messages.ts'
import type { Probe } from '../network/probe.ts'
import type { Emitter } from '../util/emitter.ts'

const INTERVAL_MS = 100

export class RunTelemetry {
  readonly #runId: string
  readonly #events: Emitter<LabEvents>
  readonly #startedAtMs: number
  readonly #probe: Probe | null
  readonly #timer: NodeJS.Timeout
  #messages: MessageView[] = []
  #told = 0
  /** Probes before this one were told with their answers, or are given up. */
  #settled = 0

  constructor(runId: string, events: Emitter<LabEvents>, startedAtMs: number, probe: Probe | null) {
    this.#runId = runId
    this.#events = events
    this.#startedAtMs = startedAtMs
    this.#probe = probe
    this.#timer = setInterval(() => this.#tell(), INTERVAL_MS)
  }

  message(message: MessageView): void {
    this.#messages.push(message)
  }

  /** Tells the rest. */
  end(): void {
    clearInterval(this.#timer)
    this.#tell()
  }

  #tell(): void {
    if (this.#messages.length > 0) {
      const messages = this.#messages
      this.#events.emit('migrations.messages', { run_id: this.#runId, first: this.#told, messages })
      this.#told += messages.length
      this.#messages = []
    }
    const probes = this.#newProbes()
    if (probes.length > 0) this.#events.emit('migrations.probes', { run_id: this.#runId, probes })
  }

  #newProbes(): LabEvents['migrations.probes']['probes'] {
    if (this.#probe === null) return []
    const { sentAtMs, answeredAtMs } = this.#probe.series()
    const probes = []
    for (let seq = this.#settled; seq < sentAtMs.length; seq++) {
      const answered = answeredAtMs[seq]
      const rtt_ms = Number.isNaN(answered) ? null : answered - sentAtMs[seq]
      // What is unanswered now is told again later, until something after it has been answered for a while.
      if (rtt_ms !== null && seq === this.#settled) this.#settled++
      probes.push({ seq, sent_ms: sentAtMs[seq] - this.#startedAtMs, rtt_ms })
    }
    return probes
  }
}
