/** A recording that is played: its time, and a lab that is as it was at that time. */
import type { Annotations } from '../../../engine/recording/entries.ts'
import type { Recording } from '../../../engine/recording/read.ts'
import { FRAMES } from '../state/frames.ts'
import { LabState } from '../state/lab.svelte.ts'
import { type Frames, Pace } from '../state/pace.ts'
import { chapterAt, chaptersOf, momentsOf, stepFrom } from './chapters.ts'
import { type Rate, ReplayClock } from './clock.ts'
import { RecordingModel } from './model.ts'
import { ReplayApi } from './replay-api.ts'

/** The lab's hosts are looked at once a second (state/lab.svelte.ts). */
const SECOND_MS = 1000
/** Dragging the playhead asks for more times than can be seen. */
const SEEK_EVERY_MS = 30

export class Player {
  readonly model: RecordingModel
  readonly api: ReplayApi
  readonly lab: LabState
  readonly chapters: ReturnType<typeof chaptersOf>
  /** Milliseconds since the recording began; what is shown follows within a frame. */
  t = $state(0)
  playing = $state(false)
  rate = $state<Rate>(1)
  annotations = $state.raw<Annotations>({ bookmarks: [], captions: [] })
  readonly #clock: ReplayClock
  readonly #moments: Float64Array
  readonly #seeking: Pace
  /** Time was set, and the lab is not there yet. */
  #behind = false

  constructor(recording: Recording, frames: Frames = FRAMES) {
    this.model = new RecordingModel(recording)
    this.api = new ReplayApi(this.model)
    this.lab = new LabState(this.api)
    this.chapters = chaptersOf(this.model)
    this.annotations = recording.annotations
    this.#moments = momentsOf(this.model)
    this.#seeking = new Pace(SEEK_EVERY_MS, () => this.#arrive(), frames)
    this.#clock = new ReplayClock(
      this.model.duration_ms,
      {
        advanced: (from, to) => this.#advance(from, to),
        jumped: (to) => this.#jump(to),
        changed: () => {
          this.playing = this.#clock.playing
          this.rate = this.#clock.rate
        },
      },
      frames,
    )
  }

  /** Shows where it stands. Returns the function that ends it; it can be started anew. */
  start(): () => void {
    const end = this.lab.start()
    this.#arrive()
    return () => {
      this.pause()
      this.#seeking.cancel()
      end()
    }
  }

  get duration_ms(): number {
    return this.model.duration_ms
  }

  get chapter() {
    return chapterAt(this.chapters, this.t)
  }

  get stage() {
    return this.chapter?.stages.findLast(({ from_ms }) => from_ms <= this.t) ?? null
  }

  play = (): void => this.#clock.play()
  pause = (): void => this.#clock.pause()
  toggle = (): void => this.#clock.toggle()
  seek = (to_ms: number): void => this.#clock.seek(to_ms)
  setRate = (rate: Rate): void => this.#clock.setRate(rate)

  skip(by_ms: number): void {
    this.seek(this.t + by_ms)
  }

  /** To the next event of note, or the one before. */
  step(forwards: boolean): void {
    this.pause()
    this.seek(stepFrom(this.#moments, this.t, forwards, this.duration_ms))
  }

  /** To the next chapter; back: to the beginning of this one, and from there to the one before. */
  stepChapter(forwards: boolean): void {
    const starts = this.chapters.map(({ from_ms }) => from_ms)
    const next = forwards
      ? (starts.find((at) => at > this.t) ?? this.duration_ms)
      : (starts.findLast((at) => at < this.t - SECOND_MS) ?? 0)
    this.seek(next)
  }

  #jump(to_ms: number): void {
    this.t = to_ms
    this.#behind = true
    this.#seeking.wish()
  }

  #arrive(): void {
    this.#behind = false
    const { t } = this
    this.api.jump(t)
    this.lab.selectedId ??= this.model.guests.latest?.[0]?.id ?? null
    const arrived = this.lab.rewind(this.model.pastRuns(t))
    this.#remember(-SECOND_MS, t)
    this.#links(t)
    // All that it asks is answered before the next frame.
    void arrived.then(() => this.api.tellAll())
  }

  #advance(from_ms: number, to_ms: number): void {
    this.t = to_ms
    if (this.#behind) return
    for (const run of this.model.begun(from_ms, to_ms)) this.lab.takeUp(run)
    this.#remember(from_ms, to_ms)
    this.#links(to_ms)
    this.api.advance(from_ms, to_ms)
  }

  #remember(from_ms: number, to_ms: number): void {
    for (let second = Math.floor(from_ms / SECOND_MS) + 1; second * SECOND_MS <= to_ms; second++)
      this.lab.remember(this.model.hosts.at(second * SECOND_MS) ?? [])
  }

  #links(t: number): void {
    const links = (this.model.guests.at(t) ?? []).flatMap(({ id }) => {
      const link = this.model.linkOf(id, t)
      return link === null ? [] : [[id, link] as const]
    })
    const { recordedLinks: known } = this.lab
    if (known?.size === links.length && links.every(([id, link]) => known.get(id) === link)) return
    this.lab.recordedLinks = new Map(links)
  }
}
