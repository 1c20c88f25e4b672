/** What a guest's console had said at each time. */
import { countUntil } from './track.ts'

/** As much as the lab keeps for whoever looks later (engine/lab/console.ts). */
const KEPT_BYTES = 256 * 1024

export class ConsoleTrack {
  readonly #times: number[] = []
  /** What is shown at a time is a stretch of all that was ever told. */
  readonly #stretches: { readonly from: number; readonly to: number }[] = []
  #parts: string[] = []
  #text = ''
  #from = 0
  #to = 0

  /** The console's whole text, as the lab answered: it holds what was told before. */
  said(t: number, text: string): void {
    this.#from = this.#to
    this.told(t, text)
  }

  told(t: number, data: string): void {
    this.#parts.push(data)
    this.#to += data.length
    this.#times.push(t)
    this.#stretches.push({ from: this.#from, to: this.#to })
  }

  /** One character a byte; the last 256 KiB. */
  at(t: number): { readonly text: string; readonly position: number } {
    const stretch = this.#stretches[countUntil(this.#times, t) - 1]
    if (stretch === undefined) return { text: '', position: 0 }
    if (this.#parts.length > 0) {
      this.#text += this.#parts.join('')
      this.#parts = []
    }
    const { from, to } = stretch
    return { text: this.#text.slice(Math.max(from, to - KEPT_BYTES), to), position: to - from }
  }
}
