/**
 * Which pages of RAM changed, by their content: a copy of what was seen or given out last is compared with what is there
 * now. QEMU tells nobody its own dirty log but by sending the pages; a comparison is as exact (what was written with the
 * value that it had need not travel), and costs the guest nothing.
 */
import type { PageBatch } from '../machine/machine.ts'
import { Bitmap } from '../util/bitmap.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import { isZero } from '../vmstate/zero-pages.ts'
import type { GuestRam } from './ram.ts'

/** Which pages changed, from what somebody else reads. */
export interface Following {
  /** A page as it was read, null for zeros; valid during the call. */
  page(page: number, bytes: Uint8Array | null): void
  /** These may have changed since they were read. */
  add(pages: Uint32Array): void
  /** All that changed; the guest stands still. */
  pages(): Uint32Array<ArrayBuffer>
}

/** What is needed of it. */
type Ram = Pick<GuestRam, 'pages' | 'each' | 'page'>

export class ChangeLog {
  readonly #ram: Ram
  readonly #copy: Buffer
  /** Pages that were found changed and not fetched yet: they count even if they change back. */
  #changed: Bitmap
  #gave = false

  private constructor(ram: Ram) {
    this.#ram = ram
    this.#copy = Buffer.alloc(ram.pages * PAGE_SIZE)
    this.#changed = new Bitmap(ram.pages)
  }

  /**
   * Pages that change from now on are logged.
   * @param missing pages that come later: `given` tells what each is before the guest has it
   */
  static async start(ram: Ram, missing?: Bitmap): Promise<ChangeLog> {
    const log = new ChangeLog(ram)
    await ram.each(
      (first, bytes) => log.#copy.set(bytes, first * PAGE_SIZE),
      (first, count) => missing?.hasAll(first, count) === true,
    )
    return log
  }

  /** Pages in the log, ascending. @param clear empties it: what is there now is what the next changes are told from */
  async fetch(clear: boolean): Promise<Uint32Array<ArrayBuffer>> {
    await this.#ram.each((first, bytes) => {
      const at = first * PAGE_SIZE
      if (this.#copy.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0) return
      for (let offset = 0; offset < bytes.length; offset += PAGE_SIZE) {
        const [from, to] = [at + offset, at + offset + PAGE_SIZE]
        if (this.#copy.compare(bytes, offset, offset + PAGE_SIZE, from, to) === 0) continue
        this.#changed.add(from / PAGE_SIZE)
        if (clear) this.#copy.set(bytes.subarray(offset, offset + PAGE_SIZE), from)
      }
    })
    const pages = this.#changed.numbers()
    if (clear) this.#changed = new Bitmap(this.#ram.pages)
    return pages
  }

  /** Whether any page was given out since it began: if not, nobody need be told which of them changed. */
  get gave(): boolean {
    return this.#gave
  }

  /** These pages were given out so, or came so: changes are told from that. */
  given({ pages, zeroPages, data }: PageBatch): void {
    this.#gave ||= pages.length + zeroPages.length > 0
    pages.forEach((page, i) => this.#copy.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
    for (const page of zeroPages) this.#copy.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  }

  /**
   * Follows pages as QEMU reads them, each at least once and again where it changed meanwhile. At the end, when the guest stands
   * still, these are all pages in the log, with a further look only at those that QEMU has read again: of such, it misses writes.
   * (Its vCPU looks up whether writes to a page are to be logged, and enters what it found in its TLB, while another thread
   * clears the log and the TLB: `tlb_set_page_with_attrs` and `cpu_physical_memory_sync_dirty_bitmap`. What is entered behind
   * that back is not logged from then on.)
   */
  follow(): Following {
    const found = this.#changed.copy()
    const [seen, again] = [new Bitmap(this.#ram.pages), new Bitmap(this.#ram.pages)]
    return {
      page: (page, bytes) => {
        if (seen.has(page)) again.add(page)
        seen.add(page)
        if (this.#differs(page, bytes)) found.add(page)
        else if (!this.#changed.has(page)) found.delete(page)
      },
      add: (pages) => {
        for (const page of pages) found.add(page)
      },
      pages: () => {
        const doubtful = again.numbers().filter((page) => !found.has(page))
        for (const page of doubtful) if (this.#differs(page, this.#ram.page(page))) found.add(page)
        return found.numbers()
      },
    }
  }

  #differs(page: number, bytes: Uint8Array | null): boolean {
    const from = page * PAGE_SIZE
    if (bytes === null) return !isZero(this.#copy, from)
    return this.#copy.compare(bytes, 0, PAGE_SIZE, from, from + PAGE_SIZE) !== 0
  }
}
