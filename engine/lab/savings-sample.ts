/** What savings would make of a guest's pages: tried on samples of them, while it runs. */
import type { SavingsSample } from '../contract/prediction.ts'
import type { Machine, PageBatch } from '../machine/machine.ts'
import { compress } from '../migration/saving/compress.ts'
import { encodeDelta } from '../migration/saving/delta.ts'
import type { Compression } from '../migration/saving/savings.ts'
import { nowMs } from '../util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'

/** Enough for a share that is right within a few percent, and 1 MiB: read in a millisecond, packed in a few. */
const COMPRESSED_PAGES = 256
/** Of each step of the measurement. */
const CHANGED_PAGES = 32

export class SavingsSampler {
  readonly #machine: Machine
  readonly #compression: Compression | null
  readonly #delta: boolean
  /** Pages as they were at the end of the last step, of those that had changed in it. */
  #before: ReadonlyMap<number, Uint8Array> = new Map()
  readonly #ratios: number[] = []

  /** @param compression null: none is to be tried */
  constructor(machine: Machine, compression: Compression | null, delta: boolean) {
    this.#machine = machine
    this.#compression = compression
    this.#delta = delta
  }

  /** At the end of a step: pages of RAM that changed in it, ascending. Those that change on and on are looked at. */
  async stepEnded(changed: Uint32Array): Promise<void> {
    if (!this.#delta) return
    const held = this.#before
    const again = changed.filter((page) => held.has(page))
    const fresh = evenly(changed, CHANGED_PAGES)
    const pages = Uint32Array.from(new Set([...again, ...fresh])).sort()
    const now = contents(await this.#read(pages))
    for (const page of again) {
      const [old, next] = [held.get(page), now.get(page)]
      if (old !== undefined && next !== undefined) this.#ratios.push(deltaShare(old, next))
    }
    this.#before = now
  }

  /** @param zero a byte for each page of RAM, 1 where it holds nothing but zeros */
  async sample(zero: Uint8Array): Promise<SavingsSample> {
    const changed_pages = this.#ratios.length
    const sum = this.#ratios.reduce((all, ratio) => all + ratio, 0)
    return {
      ...(await this.#compressed(zero)),
      changed_pages,
      delta_ratio: changed_pages === 0 ? null : sum / changed_pages,
    }
  }

  async #compressed(zero: Uint8Array): Promise<Pick<SavingsSample, 'pages' | 'compression'>> {
    const algorithm = this.#compression
    const full = Uint32Array.from(zero.keys()).filter((page) => zero[page] === 0)
    if (algorithm === null || full.length === 0) return { pages: 0, compression: null }
    const { data } = await this.#read(evenly(full, COMPRESSED_PAGES))
    // All of them may be zeros by now.
    if (data.length === 0) return { pages: 0, compression: null }
    const startMs = nowMs()
    const packed = await compress(algorithm, data)
    const ms = Math.max(0.01, nowMs() - startMs)
    return {
      pages: data.length / PAGE_SIZE,
      compression: { algorithm, ratio: packed.length / data.length, rate_Bps: (data.length * 1000) / ms },
    }
  }

  #read(pages: Uint32Array<ArrayBuffer>): Promise<PageBatch> {
    return this.#machine.readPages({ block: BLOCK.ram, pages })
  }
}

/** At most so many, from all over; ascending as they were. */
function evenly(pages: Uint32Array, most: number): Uint32Array<ArrayBuffer> {
  const step = Math.max(1, pages.length / most)
  return Uint32Array.from({ length: Math.min(pages.length, most) }, (_, i) => pages[Math.floor(i * step)])
}

/** The pages of a batch by their numbers, those of zeros included. */
function contents({ pages, zeroPages, data }: PageBatch): Map<number, Uint8Array> {
  const all = new Map<number, Uint8Array>()
  pages.forEach((page, i) => all.set(page, data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)))
  for (const page of zeroPages) all.set(page, new Uint8Array(PAGE_SIZE))
  return all
}

/** A page whose delta is not shorter travels as it is. */
const deltaShare = (old: Uint8Array, now: Uint8Array): number =>
  (encodeDelta(old, now)?.length ?? PAGE_SIZE) / PAGE_SIZE
