/** Which voice of a recording is heard at a time, and where in it. Pure. */
import type { Sound } from '../../../engine/recording/read.ts'

/** Sound and picture that are further apart than this are brought together; less is not noticed. */
export const MOST_DRIFT_S = 0.15

export interface VoicePlace {
  /** Index of the stream. */
  readonly stream: number
  /** Since its beginning. */
  readonly at_s: number
}

/** Null: nobody speaks at that time. Of two that overlap the later one is heard. */
export function voiceAt(sounds: readonly Pick<Sound, 'first_ms' | 'last_ms'>[], t_ms: number): VoicePlace | null {
  const stream = sounds.findLastIndex(({ first_ms, last_ms }) => first_ms <= t_ms && t_ms < last_ms)
  const sound = sounds[stream]
  return sound === undefined ? null : { stream, at_s: (t_ms - sound.first_ms) / 1000 }
}

/** Whether it has to be set anew: it follows by itself while it is played at the same rate. */
export const isApart = (heard_s: number, wanted_s: number, rate: number): boolean =>
  Math.abs(heard_s - wanted_s) > MOST_DRIFT_S * Math.max(1, rate)
