/** The video that a user makes of a recording: what of it, how far it is, and the file until it is saved. */
import { download } from '../data/download.ts'
import type { Player } from '../replay/player.svelte.ts'
import { explain, type Explained } from '../state/errors.ts'
import {
  fileName,
  frameCount,
  type FrameRate,
  type Marks,
  NO_MARKS,
  type RangeChoice,
  rangeOf,
  type Size,
  SIZES,
  type VideoPlan,
} from './plan.ts'

/** Progress is told as often as it can be read. */
const TELL_EVERY_MS = 200

export interface Progress {
  readonly done: number
  readonly frames: number
  /** Null: nothing can be said yet. */
  readonly left_ms: number | null
}

export class VideoExport {
  marks = $state.raw<Marks>(NO_MARKS)
  choice = $state.raw<RangeChoice>('all')
  size = $state.raw<Size>(SIZES[0])
  frames_Hz = $state<FrameRate>(30)
  /** Null: none is being made. */
  progress = $state.raw<Progress | null>(null)
  /** It is made, and not saved yet. */
  made = $state.raw<{ readonly name: string; readonly content: Blob } | null>(null)
  /** What it was saved as last. */
  saved = $state<string | null>(null)
  problem = $state.raw<Explained | null>(null)
  readonly #player: Player
  readonly #name: string
  #ending: AbortController | null = null

  /** @param name of the recording, which the file gets, too */
  constructor(player: Player, name: string) {
    this.#player = player
    this.#name = name
  }

  get plan(): VideoPlan {
    const { chapters, duration_ms } = this.#player
    const range = rangeOf(this.choice, this.marks, chapters, duration_ms)
    return { range, size: this.size, frames_Hz: this.frames_Hz }
  }

  /** Sets a mark, and means what is between the marks from then on. */
  mark(end: keyof Marks, t: number): void {
    if (this.progress !== null) return
    this.marks = { ...this.marks, [end]: t }
    this.choice = 'marks'
  }

  async make(title: string): Promise<void> {
    if (this.progress !== null) return
    const { plan } = this
    const frames = frameCount(plan)
    const ending = (this.#ending = new AbortController())
    const began = performance.now()
    let told = began
    this.problem = this.made = this.saved = null
    this.progress = { done: 0, frames, left_ms: null }
    try {
      // What makes videos is large: it comes when one is made.
      const { makeVideo } = await import('./make.ts')
      const content = await makeVideo({
        model: this.#player.model,
        title,
        annotations: this.#player.annotations,
        plan,
        signal: ending.signal,
        told: (done) => {
          const now = performance.now()
          if (now - told < TELL_EVERY_MS) return
          told = now
          this.progress = { done, frames, left_ms: ((now - began) / done) * (frames - done) }
        },
      })
      this.made = { name: fileName(this.#name, plan, this.#player.duration_ms), content }
    } catch (thrown) {
      if (!ending.signal.aborted) this.problem = explain(thrown, 'There is no video')
    } finally {
      this.progress = null
    }
    if (this.made !== null) await this.save()
  }

  /** Where the user cancels, it is still there to be saved. */
  async save(): Promise<void> {
    const { made } = this
    if (made === null) return
    this.problem = null
    try {
      this.saved = await download(made.name, made.content)
      if (this.saved !== null) this.made = null
    } catch (thrown) {
      this.problem = explain(thrown, 'The video was not saved')
    }
  }

  cancel(): void {
    this.#ending?.abort()
  }
}
