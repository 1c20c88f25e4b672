/** What a video is to be of: which stretch of a recording, how large, how many frames a second. Pure. */
import type { Chapter, Stretch } from '../replay/chapters.ts'

export const SIZES = [
  { id: '720', width: 1280, height: 720, title: '1280 × 720' },
  { id: '1080', width: 1920, height: 1080, title: '1920 × 1080' },
] as const
export type Size = (typeof SIZES)[number]

export const FRAME_RATES = [15, 30] as const
export type FrameRate = (typeof FRAME_RATES)[number]

export interface VideoPlan {
  readonly range: Stretch
  readonly size: Size
  /** Frames a second. */
  readonly frames_Hz: FrameRate
}

/** Which stretch is meant: all of it, what is between the marks, or a chapter by its run. */
export type RangeChoice = 'all' | 'marks' | { readonly run_id: string }

/** Where the user has set marks; null: not set, and the end of the recording stands for it. */
export interface Marks {
  readonly from: number | null
  readonly to: number | null
}

export const NO_MARKS: Marks = { from: null, to: null }

/** The stretch between the marks, the earlier one first. */
export function markedRange({ from, to }: Marks, duration_ms: number): Stretch {
  const clamp = (t: number) => Math.min(duration_ms, Math.max(0, t))
  const [first, last] = [clamp(from ?? 0), clamp(to ?? duration_ms)]
  return { from_ms: Math.min(first, last), to_ms: Math.max(first, last) }
}

export function rangeOf(choice: RangeChoice, marks: Marks, chapters: readonly Chapter[], duration_ms: number): Stretch {
  if (choice === 'marks') return markedRange(marks, duration_ms)
  const chapter = choice === 'all' ? undefined : chapters.find(({ run_id }) => run_id === choice.run_id)
  return chapter === undefined ? { from_ms: 0, to_ms: duration_ms } : { from_ms: chapter.from_ms, to_ms: chapter.to_ms }
}

/** At least one: a moment is a picture that stands for a frame. */
export const frameCount = ({ range, frames_Hz }: VideoPlan): number =>
  Math.max(1, Math.round(((range.to_ms - range.from_ms) * frames_Hz) / 1000))

/** The moment that a frame shows, milliseconds since the recording began. */
export const frameTime = ({ range, frames_Hz }: VideoPlan, frame: number): number =>
  Math.min(range.to_ms, range.from_ms + (frame * 1000) / frames_Hz)

/** As the recording is called, of letters that every system takes; with its stretch where it is a part. */
export function fileName(name: string, { range }: Pick<VideoPlan, 'range'>, duration_ms: number): string {
  const plain = name.replace(/[^\p{L}\p{N} ._-]+/gu, '-').replace(/^[^\p{L}\p{N}]+/u, '')
  const whole = range.from_ms === 0 && range.to_ms === duration_ms
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)}s`
  const part = whole ? '' : ` ${seconds(range.from_ms)}-${seconds(range.to_ms)}`
  return `${plain.slice(0, 60) || 'recording'}${part}.webm`
}
