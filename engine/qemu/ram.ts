/**
 * The guest's RAM from outside of QEMU. It is an anonymous file of shared memory (`memory-backend-memfd`), which Linux lets
 * the process's owner open through /proc: so pages are read at any time, as they are, without asking QEMU.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { pageDigests } from '../machine/digest.ts'
import type { PageBatch } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import { isZero, splitZeros } from '../vmstate/zero-pages.ts'

const MIB = 2 ** 20
/** QEMU's name of it, as /proc shows it (backends/hostmem-memfd.c). */
const LINK = '/memfd:memory-backend-memfd'
/** Pages looked at between two turns of the event loop: a millisecond. */
const CHUNK_PAGES = 256

/** Arguments of QEMU: the machine's RAM lies in such a file, under the name that it has in the stream without one. */
export const ramArguments = (ramBytes: number): string[] => [
  '-object',
  `memory-backend-memfd,id=pc.ram,size=${ramBytes / MIB}M,share=on,x-use-canonical-path-for-ramblock-id=off`,
  '-machine',
  'memory-backend=pc.ram',
]

export class GuestRam {
  readonly pages: number
  readonly #file: number
  readonly #chunk = Buffer.alloc(CHUNK_PAGES * PAGE_SIZE)
  #closed = false

  private constructor(file: number, pages: number) {
    this.#file = file
    this.pages = pages
  }

  /** @throws FerryError `qemu.memory` where the process has no such file, or does not let it be opened */
  static open(pid: number, ramBytes: number): GuestRam {
    const folder = `/proc/${pid}/fd`
    try {
      const name = readdirSync(folder).find((each) => linkOf(`${folder}/${each}`).startsWith(LINK))
      if (name !== undefined) return new GuestRam(openSync(`${folder}/${name}`, 'r'), ramBytes / PAGE_SIZE)
    } catch (thrown) {
      throw new FerryError('qemu.memory', "QEMU's memory could not be opened; no guest was started.", { pid }, thrown)
    }
    throw new FerryError('qemu.memory', 'QEMU has no shared memory for its guest; no guest was started.', { pid })
  }

  /** Pages as they are now, zero pages apart. @throws FerryError `machine.page-range`, `machine.closed` */
  read(pages: Uint32Array): PageBatch {
    this.check(pages)
    const bytes = Buffer.alloc(pages.length * PAGE_SIZE)
    for (const { first, count, at } of runs(pages)) {
      this.#readAt(bytes.subarray(at * PAGE_SIZE, (at + count) * PAGE_SIZE), first)
    }
    return splitZeros(BLOCK.ram, pages, bytes)
  }

  /** The bytes of one page as it is now. @throws FerryError `machine.closed` */
  page(page: number): Uint8Array {
    const bytes = Buffer.alloc(PAGE_SIZE)
    this.#readAt(bytes, page)
    return bytes
  }

  /** @throws FerryError `machine.page-range` for a page that the guest has not */
  check(pages: Uint32Array): void {
    const beyond = pages.find((page) => page >= this.pages)
    if (beyond === undefined) return
    const message = `Page ${beyond} is outside of memory block ram.`
    throw new FerryError('machine.page-range', message, { page: beyond, pages: this.pages })
  }

  /** A digest of every page. The machine should be paused. */
  async digests(): Promise<BigUint64Array<ArrayBuffer>> {
    const out = new BigUint64Array(this.pages)
    await this.each((first, bytes) => out.set(pageDigests(bytes), first))
    return out
  }

  /** Which pages of a stretch hold nothing but zeros: 1 where it is so. */
  zeros(first: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = Buffer.alloc(count * PAGE_SIZE)
    this.#readAt(bytes, first)
    return Uint8Array.from({ length: count }, (_, i) => Number(isZero(bytes, i * PAGE_SIZE)))
  }

  /**
   * Gives a stretch of bytes after the other to `visit`, valid during the call; others get their turn in between.
   * @param skip whether a stretch need not be read
   */
  async each(
    visit: (firstPage: number, bytes: Uint8Array<ArrayBuffer>) => void,
    skip: (firstPage: number, count: number) => boolean = () => false,
  ): Promise<void> {
    for (let first = 0; first < this.pages; first += CHUNK_PAGES) {
      const count = Math.min(CHUNK_PAGES, this.pages - first)
      if (skip(first, count)) continue
      const bytes = this.#chunk.subarray(0, count * PAGE_SIZE)
      this.#readAt(bytes, first)
      visit(first, bytes)
      await setImmediate()
    }
  }

  close(): void {
    if (!this.#closed) closeSync(this.#file)
    this.#closed = true
  }

  #readAt(into: Uint8Array, firstPage: number): void {
    if (this.#closed) throw new FerryError('machine.closed', 'The machine has been shut down.')
    for (let done = 0; done < into.length;) {
      const length = readSync(this.#file, into, done, into.length - done, firstPage * PAGE_SIZE + done)
      if (length === 0) throw new FerryError('qemu.memory', "QEMU's memory is shorter than the guest's RAM.")
      done += length
    }
  }
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    // Closed meanwhile.
    return ''
  }
}

/** Stretches of pages that follow each other; `at`: index of the first in the list. */
function* runs(pages: Uint32Array): Generator<{ first: number; count: number; at: number }> {
  for (let at = 0; at < pages.length;) {
    const first = pages[at] ?? 0
    let count = 1
    while (pages[at + count] === first + count) count++
    yield { first, count, at }
    at += count
  }
}
