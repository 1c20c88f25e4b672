/** The user's voice, by pieces, while the lab is recorded: the microphone is asked for only then, and let go at the end. */
import type { LabApi } from '../api/api.ts'
import { toBase64 } from '../data/bytes.ts'

const PIECE_MS = 1000
const TYPE = 'audio/webm;codecs=opus'
/** Speech is understood well at this rate, and takes 180 kB a minute. */
const BITS_PER_SECOND = 24_000

export class Voice {
  readonly #recorder: MediaRecorder
  readonly #stream: MediaStream
  /** The last piece has been sent. */
  #sent: Promise<unknown> = Promise.resolve()

  private constructor(stream: MediaStream, recorder: MediaRecorder) {
    this.#stream = stream
    this.#recorder = recorder
  }

  /**
   * Asks the user's system for the microphone.
   * @throws Error with a sentence for the user where there is none to be had
   */
  static async open(): Promise<Voice> {
    if (typeof MediaRecorder === 'undefined' || !MediaRecorder.isTypeSupported(TYPE)) {
      throw new Error('This browser cannot record sound as WebM.')
    }
    // In the desktop app no page may use the microphone before the user has turned it on here.
    await window.ferry?.useMicrophone(true)
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
      return new Voice(stream, new MediaRecorder(stream, { mimeType: TYPE, audioBitsPerSecond: BITS_PER_SECOND }))
    } catch (thrown) {
      await window.ferry?.useMicrophone(false)
      throw new Error(sentenceOf(thrown), { cause: thrown })
    }
  }

  /** @param onFailure is told once, where pieces cannot be handed over any more */
  start(api: LabApi, onFailure: (thrown: unknown) => void): void {
    const stream = crypto.randomUUID()
    let began = performance.now()
    let failed = false
    this.#recorder.ondataavailable = ({ data }) => {
      const duration_ms = Math.min(60_000, performance.now() - began)
      began = performance.now()
      if (data.size === 0 || failed) return
      const before = this.#sent
      this.#sent = (async () => {
        const bytes = new Uint8Array(await data.arrayBuffer())
        await before
        if (failed) return
        try {
          await api.call('recordings.sound', { stream, data: toBase64(bytes), duration_ms })
        } catch (thrown) {
          failed = true
          onFailure(thrown)
        }
      })()
    }
    this.#recorder.start(PIECE_MS)
  }

  /** Sends the last piece, and lets go of the microphone. */
  async stop(): Promise<void> {
    if (this.#recorder.state !== 'inactive') {
      const stopped = new Promise((resolve) => this.#recorder.addEventListener('stop', resolve, { once: true }))
      this.#recorder.stop()
      await stopped
    }
    for (const track of this.#stream.getTracks()) track.stop()
    await this.#sent
    await window.ferry?.useMicrophone(false)
  }
}

function sentenceOf(thrown: unknown): string {
  const name = thrown instanceof DOMException ? thrown.name : ''
  if (name === 'NotAllowedError')
    return 'The microphone may not be used. Allow it in the settings of the browser or the system.'
  if (name === 'NotFoundError') return 'This computer has no microphone.'
  return `The microphone cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`
}
