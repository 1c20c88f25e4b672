/**
 * Where the copy of every page stands, on its way from one host to another: kept by the mechanism that moves the pages,
 * read by whoever wants to see it. States and their numbers are those of the contract.
 */
import { PAGE_STATE } from '../contract/pages.ts'
import type { PageSet } from '../machine/machine.ts'
import { Bitmap } from '../util/bitmap.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'

export class PageMap {
  /** One byte for each page of each block. */
  readonly #states: ReadonlyMap<BlockId, Uint8Array<ArrayBuffer>>
  /** Pages of which some version was sent. */
  readonly #sent: ReadonlyMap<BlockId, Bitmap>
  /** The guest runs on the target: what arrives is live. */
  #running = false

  /** All pages are missing on the target. */
  constructor(blocks: readonly BlockInfo[]) {
    const states = blocks.map(({ id, bytes }) => {
      return [id, new Uint8Array(bytes / PAGE_SIZE).fill(PAGE_STATE.missing)] as const
    })
    this.#states = new Map(states)
    this.#sent = new Map(blocks.map(({ id, bytes }) => [id, new Bitmap(bytes / PAGE_SIZE)]))
  }

  /** These pages are to be sent: what the target has of them is out of date. */
  changed(sets: readonly PageSet[]): void {
    for (const { block, pages } of sets) {
      const states = this.#states.get(block)
      if (states === undefined) continue
      for (const page of pages) if (states[page] !== PAGE_STATE.missing) states[page] = PAGE_STATE.dirty
    }
  }

  /** @returns how many of the pages had been sent before */
  sent(block: BlockId, pages: Uint32Array): number {
    const states = this.#states.get(block)
    const sent = this.#sent.get(block)
    if (states === undefined || sent === undefined) return 0
    let before = 0
    for (const page of pages) {
      const again = sent.has(page)
      if (again) before++
      else sent.add(page)
      states[page] = this.#running ? PAGE_STATE.live : again ? PAGE_STATE.resent : PAGE_STATE.sent
    }
    return before
  }

  /** Pages of a block of which no version was sent. */
  unsent(block: BlockId): Bitmap {
    const sent = this.#sent.get(block) ?? new Bitmap(0)
    const unsent = new Bitmap(sent.length)
    for (let page = 0; page < sent.length; page++) if (!sent.has(page)) unsent.add(page)
    return unsent
  }

  /** These pages of RAM follow after the switch-over: the target has not their last version. */
  leave(missing: Bitmap): void {
    const states = this.#ram
    for (const page of missing.numbers()) states[page] = PAGE_STATE.missing
  }

  /** The guest runs on the target, with all that is not missing there. */
  run(): void {
    this.#running = true
    for (const states of this.#states.values()) {
      states.forEach((state, page) => {
        if (state !== PAGE_STATE.missing) states[page] = PAGE_STATE.live
      })
    }
  }

  /** The states of all pages of RAM, a copy. */
  ram(): Uint8Array<ArrayBuffer> {
    return this.#ram.slice()
  }

  get #ram(): Uint8Array<ArrayBuffer> {
    return this.#states.get(BLOCK.ram) ?? new Uint8Array(0)
  }
}
