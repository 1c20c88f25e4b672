/** The recorded voice as the sound of a video: its Opus packets as they are, at their places in the stretch. */
import {
  BlobSource,
  type EncodedPacket,
  EncodedAudioPacketSource,
  EncodedPacketSink,
  Input,
  type Output,
  WEBM,
} from 'mediabunny'
import type { Sound } from '../../../engine/recording/read.ts'
import type { Stretch } from '../replay/chapters.ts'
import { voiceAt } from '../replay/voice-places.ts'

interface Spoken {
  readonly packet: EncodedPacket
  /** Of the stream that it comes from: a player decodes all of a track by the first one. */
  readonly config: AudioDecoderConfig
}

export class VoiceTrack {
  readonly #source: EncodedAudioPacketSource
  readonly #spoken: AsyncGenerator<Spoken, void>
  #next: Spoken | null

  private constructor(source: EncodedAudioPacketSource, spoken: AsyncGenerator<Spoken, void>, first: Spoken) {
    this.#source = source
    this.#spoken = spoken
    this.#next = first
  }

  /** To be called before the output is started; null: nobody speaks in that stretch. */
  static async open(output: Output, sounds: readonly Sound[], range: Stretch): Promise<VoiceTrack | null> {
    const spoken = spokenIn(sounds, range)
    const first = await spoken.next()
    if (first.done === true) return null
    const source = new EncodedAudioPacketSource('opus')
    output.addAudioTrack(source)
    return new VoiceTrack(source, spoken, first.value)
  }

  /** Adds what is said before that time of the video. */
  async until(time_s: number): Promise<void> {
    while (this.#next !== null && this.#next.packet.timestamp < time_s) {
      const { packet, config } = this.#next
      await this.#source.add(packet, { decoderConfig: config })
      const { done, value } = await this.#spoken.next()
      this.#next = done === true ? null : value
      // The file need not wait for more of it.
      if (this.#next === null) this.#source.close()
    }
  }
}

async function* spokenIn(sounds: readonly Sound[], { from_ms, to_ms }: Stretch): AsyncGenerator<Spoken, void> {
  let last_s = -Infinity
  for (const [stream, { bytes, first_ms, last_ms }] of sounds.entries()) {
    if (last_ms <= from_ms || first_ms >= to_ms) continue
    const input = new Input({ source: new BlobSource(new Blob([bytes])), formats: [WEBM] })
    const track = await input.getPrimaryAudioTrack()
    const config = await track?.getDecoderConfig()
    if (track === null || config?.codec !== 'opus') continue
    for await (const packet of new EncodedPacketSink(track).packets()) {
      const t = first_ms + packet.timestamp * 1000
      const timestamp = (t - from_ms) / 1000
      // Of two that overlap one is heard, as in the player.
      if (t < from_ms || t >= to_ms || timestamp <= last_s || voiceAt(sounds, t)?.stream !== stream) continue
      last_s = timestamp
      yield { packet: packet.clone({ timestamp }), config }
    }
  }
}
