/**
 * The memory of devices, which QEMU tells only together with their state: as it was known last, and as it was given out
 * last. A difference between the two counts as a change.
 */
import { pageDigests } from '../machine/digest.ts'
import type { PageBatch, PageSet } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, type BlockId, type BlockInfo, PAGE_SIZE } from '../vmstate/blocks.ts'
import { isZero, splitZeros } from '../vmstate/zero-pages.ts'

interface Copies {
  /** How often `known` was written to. */
  writes: number
  readonly known: Uint8Array<ArrayBuffer>
  readonly given: Uint8Array<ArrayBuffer>
}

export class DeviceBlocks {
  readonly #copies: ReadonlyMap<BlockId, Copies>

  /** @param blocks of the machine; RAM is left out */
  constructor(blocks: readonly BlockInfo[]) {
    this.#copies = new Map(
      blocks
        .filter(({ id }) => id !== BLOCK.ram)
        .map(({ id, bytes }) => [id, { writes: 0, known: new Uint8Array(bytes), given: new Uint8Array(bytes) }]),
    )
  }

  /** What a block holds, as far as it is known; not to be written to. @throws FerryError `machine.block` */
  bytes(block: BlockId): Uint8Array<ArrayBuffer> {
    return this.#of(block).known
  }

  /** How often a block was written to: as often, and it holds the same. @throws FerryError `machine.block` */
  writes(block: BlockId): number {
    return this.#of(block).writes
  }

  /** The device's memory was told. */
  learn(block: BlockId, bytes: Uint8Array): void {
    const copies = this.#of(block)
    copies.known.set(bytes)
    copies.writes++
  }

  /** @throws FerryError `machine.block`, `machine.page-range`, `machine.page-data`; nothing is written then */
  write({ block, pages, zeroPages, data }: PageBatch): void {
    const copies = this.#of(block)
    const { known } = copies
    check(block, pages, known)
    check(block, zeroPages, known)
    if (data.length !== pages.length * PAGE_SIZE) {
      const message = `${pages.length} pages came with ${data.length} bytes.`
      throw new FerryError('machine.page-data', message, { pages: pages.length, bytes: data.length })
    }
    pages.forEach((page, i) => known.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
    for (const page of zeroPages) known.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    copies.writes++
  }

  /** Gives pages out. @throws FerryError `machine.block`, `machine.page-range` */
  read({ block, pages }: PageSet): PageBatch {
    const { known, given } = this.#of(block)
    check(block, pages, known)
    const bytes = new Uint8Array(pages.length * PAGE_SIZE)
    pages.forEach((page, i) => {
      const content = known.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
      bytes.set(content, i * PAGE_SIZE)
      given.set(content, page * PAGE_SIZE)
    })
    return splitZeros(block, pages, bytes)
  }

  /** Pages that are not as they were given out, by block; only blocks with some. */
  changed(): PageSet[] {
    return [...this.#copies].flatMap(([block, { known, given }]) => {
      const pages: number[] = []
      for (let page = 0; page < known.length / PAGE_SIZE; page++) {
        const [from, to] = [page * PAGE_SIZE, (page + 1) * PAGE_SIZE]
        if (Buffer.compare(known.subarray(from, to), given.subarray(from, to)) !== 0) pages.push(page)
      }
      return pages.length === 0 ? [] : [{ block, pages: Uint32Array.from(pages) }]
    })
  }

  /** Every page of every block. */
  all(): PageSet[] {
    return [...this.#copies].map(([block, { known }]) => ({
      block,
      pages: Uint32Array.from({ length: known.length / PAGE_SIZE }, (_, page) => page),
    }))
  }

  /** From now on changes are told from what is known now. */
  settle(): void {
    for (const { known, given } of this.#copies.values()) given.set(known)
  }

  digests(block: BlockId): BigUint64Array<ArrayBuffer> {
    return pageDigests(this.#of(block).known)
  }

  zeros(block: BlockId, first: number, count: number): Uint8Array<ArrayBuffer> {
    const { known } = this.#of(block)
    check(block, Uint32Array.of(first + count - 1), known)
    return Uint8Array.from({ length: count }, (_, i) => Number(isZero(known, (first + i) * PAGE_SIZE)))
  }

  #of(block: BlockId): Copies {
    const copies = this.#copies.get(block)
    if (copies === undefined)
      throw new FerryError('machine.block', `The machine has no memory block ${block}.`, { block })
    return copies
  }
}

function check(block: BlockId, pages: Uint32Array, { length }: Uint8Array): void {
  const beyond = pages.find((page) => page >= length / PAGE_SIZE)
  if (beyond === undefined) return
  const message = `Page ${beyond} is outside of memory block ${block}.`
  throw new FerryError('machine.page-range', message, { page: beyond, pages: length / PAGE_SIZE })
}
