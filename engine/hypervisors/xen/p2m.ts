/**
 * Memory as Xen sees it: every guest frame (GFN) has a machine frame (MFN) somewhere, both directions are tables.
 * Usually the guest runs on its own tables (direct mode); for the log it runs on shadow tables, in which a clean page is
 * read-only: the first write to it faults, and the fault sets the page's bit in one bitmap over the whole PFN space.
 * Operations and statistics are those of `XEN_DOMCTL_shadow_op` (xen/domctl.h).
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { HostMemory, Reservation } from '../memory.ts'
import type { LogStats, MemoryRow, MemoryView } from '../memory-view.ts'
import { PageBitmap } from '../page-bitmap.ts'

/** `XEN_DOMCTL_SHADOW_OP_*`. */
export const SHADOW_OP = { OFF: 0, ENABLE_LOGDIRTY: 2, CLEAN: 11, PEEK: 12 } as const
export type ShadowOp = keyof typeof SHADOW_OP

/** `xen_domctl_shadow_op_stats`, and the bitmap where the operation returns one. */
export interface ShadowResult {
  readonly bitmap: Uint8Array<ArrayBuffer> | null
  readonly stats: { readonly fault_count: number; readonly dirty_count: number }
}

/** What the table says for a frame that has no counterpart (`INVALID_MFN`, 32 bits). */
export const INVALID_FRAME = 0xffffffff

export class P2m implements MemoryView {
  readonly kind = 'xen'
  readonly pages: number
  private readonly host: HostMemory
  private readonly reservation: Reservation
  private m2p: Uint32Array<ArrayBuffer> | null = null
  private log: PageBitmap | null = null
  private faults = 0

  /** Reserves `pages` frames of the host. Throws `host.out-of-memory`. */
  constructor(host: HostMemory, pages: number) {
    this.host = host
    this.pages = pages
    this.reservation = host.reserve(pages)
  }

  get mode(): 'direct' | 'shadow' {
    return this.log === null ? 'direct' : 'shadow'
  }

  /** Machine frame of a guest frame; INVALID_FRAME where the guest has none. */
  gfnToMfn(gfn: number): number {
    return this.reservation.frames[gfn] ?? INVALID_FRAME
  }

  /** Guest frame of a machine frame; INVALID_FRAME where it is not this guest's. */
  mfnToGfn(mfn: number): number {
    if (this.m2p === null) {
      this.m2p = new Uint32Array(this.host.totalPages).fill(INVALID_FRAME)
      for (let gfn = 0; gfn < this.pages; gfn++) this.m2p[this.gfnToMfn(gfn)] = gfn
    }
    return this.m2p[mfn] ?? INVALID_FRAME
  }

  /** One operation of the log. CLEAN and PEEK throw `memory.not-logging` in direct mode. */
  shadowOp(op: ShadowOp): ShadowResult {
    switch (op) {
      case 'ENABLE_LOGDIRTY':
        if (this.log === null) {
          this.log = new PageBitmap(this.pages)
          this.faults = 0
        }
        return { bitmap: null, stats: this.nativeStats() }
      case 'OFF': {
        const stats = this.nativeStats()
        this.log = null
        this.faults = 0
        return { bitmap: null, stats }
      }
      case 'CLEAN':
      case 'PEEK': {
        const log = this.running()
        const result = { bitmap: log.toBytes(), stats: this.nativeStats() }
        if (op === 'CLEAN') this.clean(log)
        return result
      }
    }
  }

  startLog(): void {
    this.shadowOp('ENABLE_LOGDIRTY')
  }

  stopLog(): void {
    this.shadowOp('OFF')
  }

  record(pages: Uint32Array): void {
    const { log } = this
    for (const gfn of pages) {
      if (gfn >= this.pages) throw new FerryError('memory.page', `The guest has no page ${gfn}.`, { page: gfn })
      if (log?.add(gfn) === true) this.faults += 1
    }
  }

  fetch(clear: boolean): Uint32Array<ArrayBuffer> {
    const log = this.running()
    const pages = log.toPages()
    if (clear) this.clean(log)
    return pages
  }

  stats(): LogStats {
    return { faultCount: this.faults, dirtyCount: this.log?.count ?? 0 }
  }

  get frames(): Uint32Array<ArrayBuffer> {
    return this.reservation.frames
  }

  get stretches(): number {
    const { frames } = this.reservation
    return frames.reduce((sum, mfn, gfn) => sum + (gfn > 0 && mfn === frames[gfn - 1] + 1 ? 0 : 1), 0)
  }

  /** Runs of guest frames whose machine frames follow each other. */
  describe(limit = 64): MemoryRow[] {
    const rows: MemoryRow[] = []
    const dirty = new Set(this.log?.toPages() ?? [])
    for (let gfn = 0; gfn < this.pages && rows.length < limit;) {
      const first = gfn
      const mfn = this.gfnToMfn(first)
      let dirtyPages = 0
      do dirtyPages += dirty.has(gfn) ? 1 : 0
      while (++gfn < this.pages && this.gfnToMfn(gfn) === mfn + gfn - first)
      const count = gfn - first
      rows.push({
        name: count === 1 ? `GFN ${hex(first)}` : `GFN ${hex(first)}–${hex(gfn - 1)}`,
        guestAddress: first * PAGE_SIZE,
        bytes: count * PAGE_SIZE,
        target: count === 1 ? `MFN ${hex(mfn)}` : `MFN ${hex(mfn)}–${hex(mfn + count - 1)}`,
        logged: this.log !== null,
        dirtyPages,
      })
    }
    return rows
  }

  release(): void {
    this.stopLog()
    this.host.release(this.reservation)
  }

  private running(): PageBitmap {
    if (this.log !== null) return this.log
    throw new FerryError('memory.not-logging', 'The guest runs in direct mode: ENABLE_LOGDIRTY comes first.')
  }

  private clean(log: PageBitmap): void {
    log.clear()
    this.faults = 0
  }

  private nativeStats(): ShadowResult['stats'] {
    return { fault_count: this.faults, dirty_count: this.log?.count ?? 0 }
  }
}

function hex(frame: number): string {
  return frame.toString(16)
}
