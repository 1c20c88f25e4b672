/**
 * The voice of a recording in step with its picture: an audio element for each stream, set to the present time whenever it is
 * apart from it.
 */
import type { Sound } from '../../../../engine/recording/read.ts'
import { isApart, voiceAt } from '../../replay/voice-places.ts'

/** A browser's bounds of `playbackRate` with sound; beyond them it is silent. */
const SLOWEST = 0.25
const FASTEST = 4
const END_OF_STREAM_S = 1e7

export class VoicePlayer {
  readonly #sounds: readonly Sound[]
  readonly #elements: HTMLAudioElement[]
  readonly #addresses: string[]

  constructor(sounds: readonly Sound[]) {
    this.#sounds = sounds
    this.#addresses = sounds.map(({ bytes }) => URL.createObjectURL(new Blob([bytes], { type: 'audio/webm' })))
    this.#elements = this.#addresses.map((address) => {
      const element = new Audio(address)
      element.preload = 'auto'
      // What a MediaRecorder wrote does not say how long it is, and can be sought in only after its end was looked for.
      element.addEventListener('loadedmetadata', () => (element.currentTime = END_OF_STREAM_S), { once: true })
      return element
    })
  }

  get isSilent(): boolean {
    return this.#sounds.length === 0
  }

  /** To be called whenever time, rate or volume may have changed. */
  follow(state: { t: number; playing: boolean; rate: number; muted: boolean }): void {
    const { t, playing, rate, muted } = state
    const place = voiceAt(this.#sounds, t)
    const heard = playing && rate >= SLOWEST && rate <= FASTEST
    this.#elements.forEach((element, i) => {
      if (place?.stream !== i || !heard) return element.pause()
      element.muted = muted
      if (element.playbackRate !== rate) element.playbackRate = rate
      if (!element.seeking && isApart(element.currentTime, place.at_s, rate)) element.currentTime = place.at_s
      // A browser may refuse to be loud before the user has touched the page; the next change tries again.
      if (element.paused) void element.play().catch(() => undefined)
    })
  }

  close(): void {
    for (const element of this.#elements) {
      element.pause()
      element.removeAttribute('src')
    }
    for (const address of this.#addresses) URL.revokeObjectURL(address)
  }
}
