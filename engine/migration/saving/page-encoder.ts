/**
 * The savings at the source: pages that were read become what travels in their place. Frames are given in the order in
 * which they are sent, and each of them is sent: what is kept here as the last version is what the target has.
 */
import { crc32 } from 'node:zlib'
import { Bitmap } from '../../util/bitmap.ts'
import { nowMs } from '../../util/clock.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { BlockId, BlockInfo } from '../../vmstate/blocks.ts'
import type { PageBatch } from '../../machine/machine.ts'
import type { PagesBody } from '../protocol/binary.ts'
import type { Statistics } from '../statistics.ts'
import { compress } from './compress.ts'
import { CompressionMeter, chooseCompression, makesDeltas } from './compression-policy.ts'
import type { CompressionFacts } from './compression-policy.ts'
import { encodeSection } from './delta-section.ts'
import { isCompression } from './savings.ts'
import type { Compression, Saving, SavingOptions } from './savings.ts'
import { VersionCache } from './version-cache.ts'

/** Versions that are kept for deltas, bytes: what QEMU keeps unless told otherwise. */
const CACHE_BYTES = 64 << 20
/** Weight of the newest frame in the moving average. */
const NEWEST = 0.1

export interface EncoderContext {
  readonly blocks: readonly BlockInfo[]
  readonly wanted: SavingOptions
  /** What the target agreed to. */
  readonly agreed: readonly Saving[]
  readonly statistics: Statistics
  /** Of the link as it is now, bits per second. */
  readonly link_bps: () => number | null
  /** Versions that are kept, bytes. */
  readonly cacheBytes?: number | undefined
}

export class PageEncoder {
  readonly #context: EncoderContext
  readonly #compressions: readonly Compression[]
  readonly #versions: VersionCache | null
  readonly #sentBefore: ReadonlyMap<BlockId, Bitmap>
  readonly #meter = new CompressionMeter()
  #frames = 0
  /** Moving average. */
  #share = 1

  constructor(context: EncoderContext) {
    this.#context = context
    this.#compressions = context.agreed.filter(isCompression)
    this.#versions = context.agreed.includes('delta') ? new VersionCache(context.cacheBytes ?? CACHE_BYTES) : null
    this.#sentBefore = new Map(context.blocks.map(({ id, bytes }) => [id, new Bitmap(bytes / PAGE_SIZE)]))
  }

  /** Share of the pages' bytes that is left to travel, as of late; on an unlimited link, where little is saved, all. */
  get share(): number {
    return this.#context.link_bps() === null ? 1 : this.#share
  }

  /**
   * @param batch of one frame
   * @param moment see `CompressionFacts`; `held` pages are kept back at the target
   */
  async encode(batch: PageBatch, moment: CompressionFacts['moment']): Promise<PagesBody> {
    const plain = { batch, hold: moment === 'held' }
    const section = this.#deltas(batch, moment)
    if (batch.pages.length === 0) return plain
    const compression = this.#choose(moment)
    const packed = compression === null ? null : await this.#compress(compression, section ?? batch.data)
    const bytes = packed ?? section
    this.#share += NEWEST * ((bytes ?? batch.data).length / batch.data.length - this.#share)
    if (bytes === null) return plain
    const deltas = section !== null
    return { ...plain, encoding: { deltas, compression: packed && compression, crc: crc32(batch.data), bytes } }
  }

  /** The pages with deltas; null where none is shorter than its page. Keeps the pages as the last versions. */
  #deltas(batch: PageBatch, moment: CompressionFacts['moment']): Uint8Array<ArrayBuffer> | null {
    const versions = this.#versions
    if (versions === null) return null
    // No delta is made after this: its versions need not be kept either.
    if (!makesDeltas(this.#context.link_bps(), moment)) return null
    const { block, pages, zeroPages, data } = batch
    const { statistics } = this.#context
    const before = this.#sentBefore.get(block)
    const again = pages.map((page) => Number(before?.add(page) === false))
    const section = encodeSection(data, (i) => {
      const old = versions.get(block, pages[i])
      if (old === undefined && again[i] === 1) statistics.delta_misses++
      return old
    })
    pages.forEach((page, i) => {
      versions.put(block, page, data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), again[i] === 1)
    })
    for (const page of zeroPages) {
      before?.add(page)
      versions.zero(block, page)
    }
    if (section.bytes.length >= data.length) return null
    statistics.delta_pages += section.deltas
    statistics.delta_saved_B += data.length - section.bytes.length
    return section.bytes
  }

  #choose(moment: CompressionFacts['moment']): Compression | null {
    const { wanted, link_bps } = this.#context
    return chooseCompression({
      wanted: wanted.compress,
      agreed: this.#compressions,
      link_bps: link_bps(),
      moment,
      speed: this.#meter.speed,
      frame: this.#frames++,
    })
  }

  /** Null where it is not shorter. */
  async #compress(algorithm: Compression, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer> | null> {
    const { statistics } = this.#context
    const startMs = nowMs()
    const packed = await compress(algorithm, bytes)
    this.#meter.took(algorithm, bytes.length, packed.length, nowMs() - startMs)
    if (packed.length >= bytes.length) return null
    statistics.compressed_frames++
    statistics.compressed_in_B += bytes.length
    statistics.compressed_out_B += packed.length
    return packed
  }
}
