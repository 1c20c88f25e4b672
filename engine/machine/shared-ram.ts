/**
 * A machine's RAM, seen from the thread that has the connections: pages of a guest that stands, or whose changes are logged,
 * are read, and pages of one that does not run yet, or waits for them, are written, without a message to the vCPU's thread.
 */
import { FerryError } from '../util/errors.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { PageBatch, PageSet } from './machine.ts'
import { MissingMap } from './missing-map.ts'
import { RamPages, type RamPlace } from './ram-pages.ts'

/** What the vCPU's thread tells of its memory. */
export interface SharedRamPlace extends RamPlace {
  /** Address of the map of missing pages. */
  readonly missing: number
}

export class SharedRam {
  readonly #ram: RamPages
  readonly #missing: MissingMap
  readonly #pages: number

  constructor(place: SharedRamPlace) {
    this.#pages = place.pages
    this.#ram = new RamPages(place)
    this.#missing = new MissingMap(place.memory, place.missing, place.pages, this.#ram)
  }

  /**
   * @param place where the data may be put, if it fits
   * @throws FerryError `machine.page-range`
   */
  read({ pages }: PageSet, place?: Uint8Array<ArrayBuffer>): PageBatch {
    checkPages(pages, this.#pages, 'ram')
    return this.#ram.read(pages, place)
  }

  /** Pages that were never written, ascending. */
  unwritten(): Uint32Array<ArrayBuffer> {
    return this.#ram.unwritten()
  }

  /** Of these pages, those that are in the dirty log. @throws FerryError `machine.page-range` */
  dirtyAmong({ pages }: PageSet): Uint32Array<ArrayBuffer> {
    checkPages(pages, this.#pages, 'ram')
    return this.#ram.dirtyAmong(pages)
  }

  /** @throws FerryError `machine.page-range`, `machine.page-data`; both before anything is written */
  write(batch: PageBatch): void {
    for (const numbers of [batch.pages, batch.zeroPages]) checkPages(numbers, this.#pages, 'ram')
    checkData(batch)
    this.#ram.fill(batch)
  }

  /**
   * Brings missing pages of RAM.
   * @returns how many are missing still
   * @throws FerryError `machine.page-data` when the bytes are not those of as many pages
   */
  supply(batch: PageBatch): number {
    checkData(batch)
    return this.#missing.supply(batch)
  }
}

/** @throws FerryError `machine.page-range` when a page is not one of the block's */
export function checkPages(pages: Uint32Array, limit: number, name: string): void {
  for (const page of pages) {
    if (page < limit) continue
    throw new FerryError('machine.page-range', `Page ${page} is outside of memory block ${name}.`, {
      page,
      pages: limit,
    })
  }
}

/** @throws FerryError `machine.page-data` when the bytes are not those of as many pages */
export function checkData({ pages, data }: PageBatch): void {
  if (data.length === pages.length * PAGE_SIZE) return
  throw new FerryError('machine.page-data', `${pages.length} pages came with ${data.length} bytes.`, {
    pages: pages.length,
    bytes: data.length,
  })
}
