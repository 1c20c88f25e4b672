/** The guest's heartbeat as it is seen from outside: lines "HB <seq> …" on the serial line, each with its arrival. Pure. */

export interface Tick {
  readonly seq: number
  /** Arrival of the line's end, `nowMs()`. */
  readonly atMs: number
}

const LINE = /HB (\d+) t=\d+ gap=\d+\r/g
/** Longer than any line: what is kept of output in which none has ended yet. */
const KEPT_CHARACTERS = 128

/** Finds the beats in the bytes of one serial line, or of one that goes on at another machine. */
export class TickReader {
  readonly ticks: Tick[] = []
  #open = ''

  /** Takes output, one character a byte, that arrived at `atMs`. */
  feed(output: string, atMs: number): void {
    this.#open += output
    let end = 0
    for (const match of this.#open.matchAll(LINE)) {
      this.ticks.push({ seq: Number(match[1]), atMs })
      end = match.index + match[0].length
    }
    this.#open = this.#open.slice(Math.max(end, this.#open.length - KEPT_CHARACTERS))
  }
}

export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** The longest time between two beats in a row that touches the window, ms; null where there are no two. */
export function largestGap(ticks: readonly Tick[], { fromMs, toMs }: Window): number | null {
  let longest: number | null = null
  for (let i = 1; i < ticks.length; i++) {
    const before = ticks[i - 1].atMs
    const after = ticks[i].atMs
    if (after >= fromMs && before <= toMs) longest = Math.max(longest ?? 0, after - before)
  }
  return longest
}

/** Beats that were skipped and beats that came again, by their numbers. */
export function continuity(ticks: readonly Tick[]): { missing: number; repeated: number } {
  let missing = 0
  let repeated = 0
  for (let i = 1; i < ticks.length; i++) {
    const step = ticks[i].seq - ticks[i - 1].seq
    if (step > 1) missing += step - 1
    else if (step < 1) repeated++
  }
  return { missing, repeated }
}
