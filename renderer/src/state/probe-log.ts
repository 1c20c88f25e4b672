/** The last probes of one run, by sequence number, in two rings of fixed size. Times are ms since the run's start. */
import type { ProbeView } from '../../../engine/contract/lab.ts'

export const KEPT_PROBES = 16_384

/** A stretch without an answer: from the last answered probe's sending to the next answered one's. */
export interface Gap {
  readonly from_ms: number
  readonly to_ms: number
}

export class ProbeLog {
  readonly #sent = new Float64Array(KEPT_PROBES)
  readonly #rtt = new Float64Array(KEPT_PROBES)
  /** The first probe that was told: a window may open in the middle of a run. */
  #first = Infinity
  #next = 0

  /** A probe that comes again replaces itself; one that has left the ring is ignored. */
  add(probes: readonly ProbeView[]): void {
    for (const { seq, sent_ms, rtt_ms } of probes) {
      if (seq < this.#next - KEPT_PROBES) continue
      this.#sent[seq % KEPT_PROBES] = sent_ms
      this.#rtt[seq % KEPT_PROBES] = rtt_ms ?? NaN
      this.#first = Math.min(this.#first, seq)
      this.#next = Math.max(this.#next, seq + 1)
    }
  }

  get count(): number {
    return this.#next - this.#start
  }

  /** The oldest probe that is kept. */
  get #start(): number {
    return Math.max(Math.min(this.#first, this.#next), this.#next - KEPT_PROBES)
  }

  /** Calls with each kept probe in order; `rtt_ms` is NaN while there is no answer. */
  each(visit: (sent_ms: number, rtt_ms: number) => void): void {
    for (let seq = this.#start; seq < this.#next; seq++) {
      visit(this.#sent[seq % KEPT_PROBES] ?? 0, this.#rtt[seq % KEPT_PROBES] ?? NaN)
    }
  }

  /** First and last sending times. */
  get span(): Gap {
    if (this.count === 0) return { from_ms: 0, to_ms: 0 }
    const first = this.#start
    return {
      from_ms: this.#sent[first % KEPT_PROBES] ?? 0,
      to_ms: this.#sent[(this.#next - 1) % KEPT_PROBES] ?? 0,
    }
  }

  /** The longest stretch between two answers that was not over before the run began: what the report looks at. */
  get longestGap(): Gap | null {
    let last = NaN
    let gap: Gap | null = null
    this.each((sent, rtt) => {
      if (Number.isNaN(rtt)) return
      const answered = sent + rtt
      const longest = gap === null ? 0 : gap.to_ms - gap.from_ms
      if (answered >= 0 && answered - last > longest) gap = { from_ms: last, to_ms: answered }
      // Answers may come in another order than they were asked for.
      last = Number.isNaN(last) ? answered : Math.max(last, answered)
    })
    return gap
  }

  get lost(): number {
    let lost = 0
    this.each((_, rtt) => {
      if (Number.isNaN(rtt)) lost++
    })
    return lost
  }
}
