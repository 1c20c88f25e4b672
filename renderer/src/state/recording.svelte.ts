/** The recording of the lab that is being made, whoever began it: a window that is opened later sees it, too. */
import type { RecordingNow, RecordingStatus } from '../../../engine/contract/recordings.ts'
import type { LabApi } from '../api/api.ts'
import { explain } from './errors.ts'
import { notices } from './notices.svelte.ts'
import { Voice } from './voice.ts'

const TICK_MS = 500

export class RecordingState {
  /** Null: nothing is recorded. */
  now = $state.raw<RecordingNow | null>(null)
  /** Since it began; it goes on between the lab's events. */
  elapsed_ms = $state(0)
  /** Our voice is in it. */
  voiced = $state(false)
  /** The user is asked what to record. */
  asking = $state(false)
  /** It is being begun or ended. */
  busy = $state(false)
  readonly #api: LabApi
  #voice: Voice | null = null
  #told = { duration_ms: 0, atMs: 0 }
  #stopping = false

  constructor(api: LabApi) {
    this.#api = api
  }

  /** Listens; returns what ends that. */
  listen(): () => void {
    const api = this.#api
    const ask = () => {
      // A lab that does not answer says so elsewhere.
      api.call('recordings.status', {}).then(
        (status) => this.#changed(status),
        () => {},
      )
    }
    const offs = [
      api.on('recordings.changed', (status) => this.#changed(status)),
      api.onState((state) => {
        if (state === 'open') ask()
        else if (state === 'closed') this.#over()
      }),
    ]
    if (api.state === 'open') ask()
    const timer = setInterval(() => this.#tick(), TICK_MS)
    return () => {
      clearInterval(timer)
      for (const off of offs) off()
      void this.#endVoice()
    }
  }

  /** What the button and its key do. */
  toggle(): void {
    if (this.now !== null) void this.stop()
    else if (this.#api.state === 'open') this.asking = true
  }

  /** Begins; where the microphone cannot be had, nothing is begun. True: it began. */
  async start(title: string, withVoice: boolean): Promise<boolean> {
    if (this.busy || this.now !== null) return false
    this.busy = true
    try {
      const voice = withVoice ? await Voice.open() : null
      try {
        await this.#api.call('recordings.start', title === '' ? {} : { title })
      } catch (thrown) {
        await voice?.stop()
        throw thrown
      }
      voice?.start(this.#api, (thrown) => this.#voiceFailed(thrown))
      this.#voice = voice
      this.voiced = voice !== null
      this.asking = false
      return true
    } catch (thrown) {
      const { message, todo } = explain(thrown, '')
      notices.show('bad', 'The lab is not recorded', { detail: `${message} ${todo}`.trim() })
      return false
    } finally {
      this.busy = false
    }
  }

  async stop(): Promise<void> {
    if (this.busy || this.now === null) return
    this.busy = true
    this.#stopping = true
    try {
      await this.#endVoice()
      const made = await this.#api.call('recordings.stop', {})
      if (made !== null) notices.show('good', `“${made.title}” was recorded`)
    } catch (thrown) {
      const { message, todo } = explain(thrown, '')
      notices.show('bad', 'The recording was not ended properly', { detail: `${message} ${todo}`.trim() })
    } finally {
      this.busy = false
      this.#stopping = false
    }
  }

  #changed({ recording, failure }: RecordingStatus): void {
    const was = this.now
    if (recording === null) this.#over()
    else {
      this.#told = { duration_ms: recording.duration_ms, atMs: performance.now() }
      this.now = recording
      this.#tick()
    }
    if (was !== null && recording === null && failure !== null && !this.#stopping) {
      notices.show('bad', 'The recording has ended', { detail: failure.message })
    }
  }

  #over(): void {
    this.now = null
    this.elapsed_ms = 0
    if (!this.#stopping) void this.#endVoice()
  }

  #tick(): void {
    if (this.now === null) return
    this.elapsed_ms = this.#told.duration_ms + performance.now() - this.#told.atMs
  }

  #voiceFailed(thrown: unknown): void {
    if (this.#stopping || this.now === null) return
    void this.#endVoice()
    const { message } = explain(thrown, '')
    notices.show('bad', 'Your voice is not recorded any more', { detail: `${message} The lab still is.` })
  }

  async #endVoice(): Promise<void> {
    const voice = this.#voice
    this.#voice = null
    this.voiced = false
    await voice?.stop()
  }
}
