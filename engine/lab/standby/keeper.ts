/**
 * Which machines the hosts of a lab hold ready, and when they are made: one for each host that has room for it, of the
 * shape of the guest that came or moved last, and only while nothing is under way that it could disturb.
 */
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { MachineShape } from '../../machine/blank-machine.ts'
import type { Standby } from './standby.ts'

/** A host, as far as it matters here. */
export interface StandbyHost {
  readonly name: string
  readonly standby: Standby
  /** Whether its machine memory has room for a guest of this shape. */
  hasRoom(shape: MachineShape): boolean
}

/** What a guest that comes next will probably need. */
export interface Wanted {
  readonly shape: MachineShape
  /** Where the guest is that this was learnt from: it can only go elsewhere. */
  readonly host: string
  /** The pages of RAM that it has written so far. */
  pages(): Promise<Uint32Array<ArrayBuffer>>
}

export interface KeeperOptions {
  /** False: no host ever holds one. */
  readonly enabled: boolean
  /** The lab's hosts as they are now. */
  readonly hosts: () => readonly StandbyHost[]
  /** Null: the lab has no guest, and none is expected. */
  readonly wanted: () => Wanted | null
}

/** Most memory that is made ready in a machine that nobody needs yet. */
const MOST_TOUCHED_BYTES = 128 * 2 ** 20

export class StandbyKeeper {
  readonly #options: KeeperOptions
  #holds = 0
  #again = false
  #tending: Promise<void> | null = null
  #closed = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /**
   * Something begins that is measured or that somebody waits for: until it ends no machine is made ready.
   * @returns to be called when it ends
   */
  hold(): () => void {
    this.#holds++
    for (const { standby } of this.#options.hosts()) standby.rest()
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--this.#holds === 0) this.look()
    }
  }

  /** Something has changed: looks what is to be made ready, in the background. */
  look(): void {
    if (!this.#options.enabled) return
    this.#again = true
    this.#tending ??= this.#tend().finally(() => {
      this.#tending = null
      // What changed while it was giving up for something that has ended by now.
      if (this.#again && this.#idle) this.look()
    })
  }

  /** Resolves when all that is to be ready is, or cannot be for now, or when something else has begun. */
  async settled(): Promise<void> {
    while (this.#tending !== null) await this.#tending
  }

  /** Makes nothing ready any more; the machines are closed with their hosts. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#tending
  }

  get #idle(): boolean {
    return this.#holds === 0 && !this.#closed
  }

  async #tend(): Promise<void> {
    while (this.#again && this.#idle) {
      this.#again = false
      const wanted = this.#options.wanted()
      const hosts = this.#options.hosts()
      if (wanted === null) {
        for (const { standby } of hosts) await standby.drop()
        continue
      }
      // A guest that is here already comes to the others first.
      const order = [...hosts].sort((a, b) => Number(a.name === wanted.host) - Number(b.name === wanted.host))
      const pages = await wanted.pages().catch(() => new Uint32Array(0))
      for (const host of order) {
        const { standby } = host
        if (!this.#idle) return
        if (!host.hasRoom(wanted.shape)) await standby.drop()
        else if (await standby.prepare(wanted.shape)) this.#touch(standby, pages)
      }
    }
  }

  #touch(standby: Standby, pages: Uint32Array<ArrayBuffer>): void {
    if (this.#idle) standby.touch(pages.slice(0, MOST_TOUCHED_BYTES / PAGE_SIZE))
  }
}
