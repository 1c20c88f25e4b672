/**
 * Memory as a QEMU process sees it: named blocks (`RAMBlock` of include/exec/ramblock.h), each with a place in one space of
 * addresses, `ram_addr_t`, over which its dirty bitmaps run. `info ramblock` on its monitor lists them.
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { HostMemory, Reservation } from '../memory.ts'
import type { LogStats, MemoryRow, MemoryView } from '../memory-view.ts'
import { PageBitmap } from '../page-bitmap.ts'

/** PCI resource of the VGA card, above the RAM. */
const VGA_ADDRESS = 0xe0000000
/** What QEMU keeps between the RAM and the video memory: 256 KiB of BIOS and 128 KiB of expansion ROMs (hw/i386/pc.c). */
const ROM_BYTES = (256 + 128) * 1024

export class RamBlocks implements MemoryView {
  readonly kind = 'qemu'
  readonly pages: number
  readonly frames = null
  readonly #host: HostMemory
  readonly #reservation: Reservation
  readonly #vgaPages: number
  #log: PageBitmap | null = null
  #faults = 0

  /**
   * Reserves the host's frames for RAM and video memory. Throws `host.out-of-memory`.
   * @param pages pages of RAM
   * @param vgaPages pages of video memory
   */
  constructor(host: HostMemory, pages: number, vgaPages = 0) {
    this.#host = host
    this.pages = pages
    this.#vgaPages = vgaPages
    this.#reservation = host.reserve(pages + vgaPages)
  }

  get stretches(): number {
    return this.#vgaPages === 0 ? 1 : 2
  }

  get mode(): 'plain' | 'logging' {
    return this.#log === null ? 'plain' : 'logging'
  }

  startLog(): void {
    this.#log ??= new PageBitmap(this.pages)
  }

  stopLog(): void {
    this.#log = null
    this.#faults = 0
  }

  record(pages: Uint32Array): void {
    for (const page of pages) {
      if (page >= this.pages) throw new FerryError('memory.page', `The guest has no page ${page}.`, { page })
      if (this.#log?.add(page) === true) this.#faults++
    }
  }

  fetch(clear: boolean): Uint32Array<ArrayBuffer> {
    if (this.#log === null) throw new FerryError('memory.not-logging', 'The dirty bitmap of pc.ram is off.')
    const pages = this.#log.toPages()
    if (clear) {
      this.#log.clear()
      this.#faults = 0
    }
    return pages
  }

  stats(): LogStats {
    return { faultCount: this.#faults, dirtyCount: this.#log?.count ?? 0 }
  }

  describe(limit = 64): MemoryRow[] {
    const bytes = this.pages * PAGE_SIZE
    const place = (address: number): string => `ram_addr 0x${address.toString(16)}`
    const ram = { name: 'pc.ram', guestAddress: 0, bytes, target: place(0) }
    const vga = {
      name: '0000:00:12.0/vga.vram',
      guestAddress: VGA_ADDRESS,
      bytes: this.#vgaPages * PAGE_SIZE,
      target: place(bytes + ROM_BYTES),
    }
    const logged = this.#log !== null
    const rows = [
      { ...ram, logged, dirtyPages: this.#log?.count ?? 0 },
      { ...vga, logged, dirtyPages: 0 },
    ]
    return rows.slice(0, Math.min(limit, this.stretches))
  }

  release(): void {
    this.stopLog()
    this.#host.release(this.#reservation)
  }
}
