/**
 * Memory as KVM sees it: slots (`struct kvm_userspace_memory_region`, linux/kvm.h), each a stretch of guest-physical
 * addresses backed by the process's own memory. With KVM_MEM_LOG_DIRTY_PAGES a slot has a bitmap of its own, which
 * KVM_GET_DIRTY_LOG returns and clears.
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { HostMemory, Reservation } from '../memory.ts'
import type { LogStats, MemoryRow, MemoryView } from '../memory-view.ts'
import { PageBitmap } from '../page-bitmap.ts'

/** `KVM_MEM_LOG_DIRTY_PAGES`. */
export const KVM_MEM_LOG_DIRTY_PAGES = 1

/** Field names of the C struct; addresses and size in bytes. */
export interface MemorySlot {
  readonly slot: number
  readonly flags: number
  readonly guest_phys_addr: number
  readonly memory_size: number
  readonly userspace_addr: number
}

const KIB = 1024
const MIB = KIB * KIB
/** Frame buffer of the VGA card, a PCI resource above the RAM. */
const VGA_ADDRESS = 0xe0000000
/** First address of the process's guest memory; a plausible mmap area of a 64-bit Linux. */
const USERSPACE_BASE = 0x7f0000000000

interface Slot {
  readonly index: number
  readonly name: string
  readonly firstPage: number
  readonly pageCount: number
  readonly userspace: number
  log: PageBitmap | null
  faults: number
}

export class MemorySlots implements MemoryView {
  readonly kind = 'kvm'
  readonly pages: number
  private readonly host: HostMemory
  private readonly reservation: Reservation
  private readonly table: readonly Slot[]

  /**
   * A PC: conventional memory up to 640 KiB, the window of VGA and ROMs up to 1 MiB, the rest of the RAM, and the frame
   * buffer. Reserves the host's frames for RAM and frame buffer. Throws `host.out-of-memory`.
   * @param pages pages of RAM
   * @param vgaPages pages of the frame buffer
   */
  constructor(host: HostMemory, pages: number, vgaPages = 0) {
    this.host = host
    this.pages = pages
    this.reservation = host.reserve(pages + vgaPages)
    const stretches: { name: string; from: number; to: number }[] = [
      { name: 'RAM below 640 KiB', from: 0, to: 640 * KIB },
      { name: 'VGA window and ROMs', from: 640 * KIB, to: MIB },
      { name: 'RAM from 1 MiB', from: MIB, to: pages * PAGE_SIZE },
      { name: 'VGA frame buffer', from: VGA_ADDRESS, to: VGA_ADDRESS + vgaPages * PAGE_SIZE },
    ]
    let userspace = USERSPACE_BASE
    this.table = stretches
      .map((s) => (s.from < VGA_ADDRESS ? { ...s, to: Math.min(s.to, pages * PAGE_SIZE) } : s))
      .filter((s) => s.to > s.from)
      .map((s, index): Slot => {
        const pageCount = (s.to - s.from) / PAGE_SIZE
        const slot = { index, name: s.name, firstPage: s.from / PAGE_SIZE, pageCount, userspace, log: null, faults: 0 }
        // A guard page between the areas, so that slots never look like one.
        userspace += (pageCount + 1) * PAGE_SIZE
        return slot
      })
  }

  readonly frames = null

  get stretches(): number {
    return this.table.length
  }

  get mode(): 'plain' | 'logging' {
    return this.table.some((s) => s.log !== null) ? 'logging' : 'plain'
  }

  /** The slots as KVM_SET_USER_MEMORY_REGION was given them. */
  slots(): MemorySlot[] {
    return this.table.map((s) => ({
      slot: s.index,
      flags: s.log === null ? 0 : KVM_MEM_LOG_DIRTY_PAGES,
      guest_phys_addr: s.firstPage * PAGE_SIZE,
      memory_size: s.pageCount * PAGE_SIZE,
      userspace_addr: s.userspace,
    }))
  }

  /** Sets or clears the log flag of one slot. Throws `memory.slot`. */
  setFlags(slot: number, flags: number): void {
    const s = this.slot(slot)
    const logging = (flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0
    if (logging === (s.log !== null)) return
    s.log = logging ? new PageBitmap(s.pageCount) : null
    s.faults = 0
  }

  /** KVM_GET_DIRTY_LOG: the bitmap of one slot, bit 0 = its first page; clears it. Throws `memory.not-logging`. */
  getDirtyLog(slot: number): Uint8Array<ArrayBuffer> {
    const s = this.slot(slot)
    if (s.log === null) throw notLogging()
    const bitmap = s.log.toBytes()
    clear(s)
    return bitmap
  }

  startLog(): void {
    for (const s of this.table) this.setFlags(s.index, KVM_MEM_LOG_DIRTY_PAGES)
  }

  stopLog(): void {
    for (const s of this.table) this.setFlags(s.index, 0)
  }

  record(pages: Uint32Array): void {
    let last: Slot | undefined
    for (const gfn of pages) {
      // Pages come in ascending order, mostly: the last slot is the likely one.
      const slot: Slot | undefined =
        last !== undefined && holds(last, gfn) ? last : this.table.find((s) => holds(s, gfn))
      if (slot === undefined) throw new FerryError('memory.page', `The guest has no page ${gfn}.`, { page: gfn })
      if (slot.log?.add(gfn - slot.firstPage) === true) slot.faults += 1
      last = slot
    }
  }

  fetch(clearLog: boolean): Uint32Array<ArrayBuffer> {
    if (this.mode === 'plain') throw notLogging()
    const result = new Uint32Array(this.stats().dirtyCount)
    let n = 0
    for (const s of this.table) {
      if (s.log === null) continue
      for (const page of s.log.toPages()) result[n++] = s.firstPage + page
      if (clearLog) clear(s)
    }
    return result
  }

  stats(): LogStats {
    return {
      faultCount: this.table.reduce((sum, s) => sum + s.faults, 0),
      dirtyCount: this.table.reduce((sum, s) => sum + (s.log?.count ?? 0), 0),
    }
  }

  describe(limit = 64): MemoryRow[] {
    return this.table.slice(0, limit).map((s) => ({
      name: `slot ${s.index}: ${s.name}`,
      guestAddress: s.firstPage * PAGE_SIZE,
      bytes: s.pageCount * PAGE_SIZE,
      target: `userspace_addr 0x${s.userspace.toString(16)}`,
      logged: s.log !== null,
      dirtyPages: s.log?.count ?? 0,
    }))
  }

  release(): void {
    this.stopLog()
    this.host.release(this.reservation)
  }

  private slot(index: number): Slot {
    const s = this.table[index]
    if (s === undefined) throw new FerryError('memory.slot', `There is no memory slot ${index}.`, { slot: index })
    return s
  }
}

function holds(s: Slot, gfn: number): boolean {
  return gfn >= s.firstPage && gfn < s.firstPage + s.pageCount
}

function clear(s: Slot): void {
  s.log?.clear()
  s.faults = 0
}

function notLogging(): FerryError {
  return new FerryError('memory.not-logging', 'No memory slot has KVM_MEM_LOG_DIRTY_PAGES set.')
}
