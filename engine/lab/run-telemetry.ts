/** What happens in a run, told in batches: messages and probes come by the hundred, and a window redraws at its pace. */
import type { LabEvents, MessageView } from '../contract/lab.ts'
import type { MessageEvent } from '../migration/protocol/connection.ts'
import type { Probe } from '../network/probe.ts'
import type { Emitter } from '../util/emitter.ts'

const INTERVAL_MS = 100

/** A message of the migration's connection, as front ends and the store have it. */
export function messageView(event: MessageEvent, startedAtMs: number): MessageView {
  return {
    direction: event.direction === 'sent' ? 'source-to-target' : 'target-to-source',
    type: event.type,
    stage: event.stage,
    bytes_B: event.bytes,
    at_ms: event.atMs - startedAtMs,
  }
}

export class RunTelemetry {
  readonly #runId: string
  readonly #events: Emitter<LabEvents>
  readonly #startedAtMs: number
  readonly #probe: Probe | null
  readonly #timer: NodeJS.Timeout
  #messages: MessageView[] = []
  /** Probes before this one were told with their answers, or are given up. */
  #settled = 0

  constructor(runId: string, events: Emitter<LabEvents>, startedAtMs: number, probe: Probe | null) {
    this.#runId = runId
    this.#events = events
    this.#startedAtMs = startedAtMs
    this.#probe = probe
    this.#timer = setInterval(() => this.#tell(), INTERVAL_MS)
  }

  message(event: MessageEvent): void {
    this.#messages.push(messageView(event, this.#startedAtMs))
  }

  /** Tells the rest. */
  end(): void {
    clearInterval(this.#timer)
    this.#tell()
  }

  #tell(): void {
    if (this.#messages.length > 0) {
      this.#events.emit('migrations.messages', { run_id: this.#runId, messages: this.#messages })
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
