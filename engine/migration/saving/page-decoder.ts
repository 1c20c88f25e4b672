/**
 * The savings at the target: from what travelled to the pages as they are. Deltas apply to what the machine has; it
 * stands still until the switch-over and carries calls out in order, so what it has is what was written last. Nothing of
 * the guest's memory is kept here. What comes out is checked by its CRC: a delta that was made against another version
 * is an error, not a wrong page.
 */
import { crc32 } from 'node:zlib'
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { BlockId } from '../../vmstate/blocks.ts'
import type { Machine, PageBatch } from '../../machine/machine.ts'
import type { Interrupt } from '../interrupt.ts'
import type { PagesBody, PagesEncoding } from '../protocol/binary.ts'
import { decompress } from './compress.ts'
import { decodeSection, isDelta, maxSectionBytes, readSection } from './delta-section.ts'
import type { Saving } from './savings.ts'

export class PageDecoder {
  readonly #machine: Machine
  readonly #interrupt: Interrupt
  readonly #machineMs: number
  readonly #agreed: readonly Saving[]

  /** @param agreed what the source may use */
  constructor(machine: Machine, interrupt: Interrupt, machineMs: number, agreed: readonly Saving[]) {
    this.#machine = machine
    this.#interrupt = interrupt
    this.#machineMs = machineMs
    this.#agreed = agreed
  }

  /**
   * The batch with its pages as they are.
   * @param hasCome whether a version of the page was handed to the machine
   * @throws FerryError `protocol.savings` for what was not agreed on, `protocol.compressed`, `protocol.delta`,
   *   `protocol.delta-base` for a delta to a page that has not come, `protocol.page-crc`, or what the machine says
   */
  async decode(body: PagesBody, hasCome: (block: BlockId, page: number) => boolean): Promise<PageBatch> {
    const { batch, encoding } = body
    admitZeros(batch, this.#agreed)
    if (encoding === undefined) return batch
    this.#admit(encoding)
    const plain = batch.pages.length * PAGE_SIZE
    const most = encoding.deltas ? maxSectionBytes(batch.pages.length) : plain
    const { compression, bytes } = encoding
    const unpacked = compression === null ? bytes : await this.#unpack(compression, bytes, most)
    const data = encoding.deltas ? await this.#patch(batch, unpacked, hasCome) : owned(unpacked)
    if (data.length !== plain) {
      const message = `${data.length} bytes came out of a frame in place of ${plain}.`
      throw new FerryError('protocol.compressed', message, { bytes: data.length, expected: plain })
    }
    if (crc32(data) !== encoding.crc) {
      const message = 'The pages that came out of a frame are not those that went into it.'
      throw new FerryError('protocol.page-crc', message, { block: batch.block, page: batch.pages[0] })
    }
    return { ...batch, data }
  }

  #admit({ deltas, compression }: PagesEncoding): void {
    const used: Saving[] = [...(deltas ? (['delta'] as const) : []), ...(compression === null ? [] : [compression])]
    const stranger = used.find((saving) => !this.#agreed.includes(saving))
    if (stranger === undefined) return
    throw new FerryError('protocol.savings', `Pages came by ${stranger}, which was not agreed on.`, {
      saving: stranger,
    })
  }

  #unpack(...[algorithm, bytes, most]: Parameters<typeof decompress>): ReturnType<typeof decompress> {
    return this.#interrupt.within(decompress(algorithm, bytes, most), this.#machineMs, 'decompression')
  }

  async #patch(
    { block, pages }: PageBatch,
    section: Uint8Array,
    hasCome: (block: BlockId, page: number) => boolean,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bodies = readSection(section, pages.length)
    const changed = pages.filter((_, i) => isDelta(bodies[i]))
    const absent = changed.find((page) => !hasCome(block, page))
    if (absent !== undefined) {
      const message = `A delta came to page ${absent} of block ${block}, which has not come itself.`
      throw new FerryError('protocol.delta-base', message, { block, page: absent })
    }
    if (changed.length === 0) return decodeSection(bodies, () => null)
    // In order behind everything that was handed to the machine before.
    const reading = this.#machine.readPages({ block, pages: changed })
    const old = await this.#interrupt.within(reading, this.#machineMs, 'machine-read')
    const places = new Map(Array.from(old.pages, (page, i) => [page, i * PAGE_SIZE]))
    return decodeSection(bodies, (i) => {
      const at = places.get(pages[i])
      return at === undefined ? null : old.data.subarray(at, at + PAGE_SIZE)
    })
  }
}

/** @throws FerryError `protocol.savings` for pages of zeros that were to travel in full */
export function admitZeros({ zeroPages }: PageBatch, agreed: readonly Saving[]): void {
  if (zeroPages.length === 0 || agreed.includes('zero')) return
  const message = 'Pages of zeros came by their numbers, which was not agreed on.'
  throw new FerryError('protocol.savings', message, { saving: 'zero' })
}

/** With a buffer of its own, which can be handed to the machine's thread. */
function owned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}
