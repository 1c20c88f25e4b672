/**
 * Where the copy of every page stands, on its way from one host to another: kept by the mechanism that moves the pages,
 * read by whoever wants to see it. States and their numbers are those of the contract.
 */
import { PAGE_STATE } from '../contract/pages.ts'
import { Bitmap } from '../util/bitmap.ts'
import type { PageSet } from '../machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'

export class PageMap {
  /** One byte for each page of each block. */
  readonly #states: ReadonlyMap<BlockId, Uint8Array<ArrayBuffer>>

  readonly #unsent: Bitmap

  /** All pages are missing on the target. */
  constructor(blocks: readonly BlockInfo[]) {
    const states = blocks.map(({ id, bytes }) => {
      return [id, new Uint8Array(bytes / PAGE_SIZE).fill(PAGE_STATE.missing)] as const
    })
    this.#states = new Map(states)
    this.#unsent = Bitmap.full(this.#ram.length)
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
    if (states === undefined) return 0
    let before = 0
    for (const page of pages) {
      const first = states[page] === PAGE_STATE.missing
      if (!first) before++
      else if (block === BLOCK.ram) this.#unsent.delete(page)
      states[page] = first ? PAGE_STATE.sent : PAGE_STATE.resent
    }
    return before
  }

  /** Pages of RAM of which no version was sent: kept, and not looked for when the guest stands still. */
  get unsent(): Bitmap {
    return this.#unsent
  }

  /** The guest runs on the target, where these pages of RAM are missing, or are older than here. */
  switchedOver(missing: Bitmap): void {
    this.#ram.forEach((_, page) => {
      if (!missing.has(page)) this.#ram[page] = PAGE_STATE.live
      else if (this.#ram[page] !== PAGE_STATE.missing) this.#ram[page] = PAGE_STATE.dirty
    })
  }

  /** The guest runs on the target with these pages of RAM; without an argument, with all there are. */
  live(pages?: Uint32Array): void {
    if (pages === undefined) for (const states of this.#states.values()) states.fill(PAGE_STATE.live)
    else for (const page of pages) this.#ram[page] = PAGE_STATE.live
  }

  /** The states of all pages of RAM, a copy. */
  ram(): Uint8Array<ArrayBuffer> {
    return this.#ram.slice()
  }

  get #ram(): Uint8Array<ArrayBuffer> {
    return this.#states.get(BLOCK.ram) ?? new Uint8Array(0)
  }
}
