/** The states of a guest's pages, asked for while somebody looks. */
import type { PagesView } from '../../../../engine/contract/pages.ts'
import type { LabApi } from '../../api/api.ts'
import { onNews } from '../../api/news.ts'
import { fromBase64 } from '../../data/bytes.ts'

/** Between two looks: at a migration, and at a guest at rest, whose pages are scanned each time. */
const MOVING_MS = 250
const RESTING_MS = 1500

export interface PagesNow extends Omit<PagesView, 'states'> {
  readonly states: Uint8Array
}

export class PageWatch {
  now = $state.raw<PagesNow | null>(null)
  problem = $state('')
  readonly #api: LabApi
  readonly #guest: string
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking = false
  /** Wished for while another answer was awaited. */
  #again = false
  #ended = false

  constructor(api: LabApi, guest: string) {
    this.#api = api
    this.#guest = guest
  }

  /** Looks again and again; returns what ends that. */
  start(): () => void {
    const off = this.#api.on('guests.changed', ({ id }) => {
      if (id === this.#guest) void this.look()
    })
    const end = onNews(this.#api, ['guests.pages'], () => void this.look())
    void this.look()
    return () => {
      end()
      this.#ended = true
      clearTimeout(this.#timer)
      off()
    }
  }

  async look(): Promise<void> {
    this.#again = this.#asking
    if (this.#asking) return
    this.#asking = true
    clearTimeout(this.#timer)
    try {
      // A window that nobody sees asks nothing.
      if (!document.hidden) {
        const { states, ...view } = await this.#api.call('guests.pages', { guest: this.#guest })
        if (!this.#ended) this.now = { ...view, states: fromBase64(states) }
        this.problem = ''
      }
    } catch (error) {
      // What was known is of another time.
      if (this.#api.recorded !== undefined) this.now = null
      this.problem = `The pages could not be read: ${error instanceof Error ? error.message : String(error)}`
    }
    this.#asking = false
    if (this.#ended) return
    if (this.#again) return this.look()
    // A recording tells when there are others.
    if (this.#api.recorded !== undefined) return
    const wait = this.now !== null && this.now.run_id !== null ? MOVING_MS : RESTING_MS
    this.#timer = setTimeout(() => void this.look(), wait)
  }
}
