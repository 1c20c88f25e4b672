/** The recording that is open: it stays where it is while another view is looked at. */
import { readRecording } from '../../../../engine/recording/read.ts'
import type { LabApi } from '../../api/api.ts'
import { Player } from '../../replay/player.svelte.ts'
import { explain, type Explained } from '../../state/errors.ts'
import { VideoExport } from '../../video/video-export.svelte.ts'
import { storedFile } from './stored-file.ts'

export interface Opened {
  /** As its file is called, without `.ferryrec`. */
  readonly name: string
  /** Of one of the lab's; null: it came from a file. */
  readonly id: string | null
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly player: Player
  /** It goes on while another view is looked at. */
  readonly video: VideoExport
  readonly complete: boolean
  readonly not_understood: number
}

class Shelf {
  open = $state.raw<Opened | null>(null)
  /** Name of what is being read; null: nothing is. */
  reading = $state<string | null>(null)
  problem = $state.raw<Explained | null>(null)
  #turn = 0

  async openFile(file: File): Promise<void> {
    const name = file.name.replace(/\.ferryrec$/i, '')
    await this.#read(name, null, async () => new Uint8Array(await file.arrayBuffer()))
  }

  async openStored(api: LabApi, id: string): Promise<void> {
    await this.#read(id, id, () => storedFile(api, id))
  }

  close(): void {
    this.#turn++
    this.open?.video.cancel()
    this.open = this.reading = null
  }

  /** What is opened last counts, whatever is read fastest. */
  async #read(name: string, id: string | null, load: () => Promise<Uint8Array<ArrayBuffer>>): Promise<void> {
    const turn = ++this.#turn
    this.reading = name
    this.problem = null
    try {
      const bytes = await load()
      const recording = await readRecording(bytes)
      if (turn !== this.#turn) return
      const { complete, not_understood } = recording
      const player = new Player(recording)
      this.open = { name, id, bytes, player, video: new VideoExport(player, name), complete, not_understood }
    } catch (thrown) {
      if (turn === this.#turn) this.problem = explain(thrown, `${name} could not be opened`)
    } finally {
      if (turn === this.#turn) this.reading = null
    }
  }
}

export const shelf = new Shelf()
