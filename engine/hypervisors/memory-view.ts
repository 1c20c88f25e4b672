/**
 * How a hypervisor sees the memory of one guest: where its pages lie, and which of them changed. The log is fed from
 * outside with the pages that the machine reports; no emulator is in here.
 */
import type { HypervisorKind } from './hypervisor.ts'

/** Xen: `direct`, and `shadow` while logging. KVM: `plain`, and `logging`. */
export type MemoryMode = 'direct' | 'shadow' | 'plain' | 'logging'

/** Counters of the log since it was last cleared. */
export interface LogStats {
  /** First writes to a clean page: each is a fault that the hypervisor takes. */
  readonly faultCount: number
  /** Pages in the log now. */
  readonly dirtyCount: number
}

/** A stretch of guest memory, for an inspector. */
export interface MemoryRow {
  readonly name: string
  /** Guest-physical address and size, in bytes. */
  readonly guestAddress: number
  readonly bytes: number
  /** Where it lies in the host, as the hypervisor says it. */
  readonly target: string
  readonly logged: boolean
  /** Pages in the log. */
  readonly dirtyPages: number
}

export interface MemoryView {
  readonly kind: HypervisorKind
  /** Pages of RAM. */
  readonly pages: number
  readonly mode: MemoryMode
  /** Starts logging; the log is empty then. Does nothing where it runs already. */
  startLog(): void
  /** Stops logging and drops the log. */
  stopLog(): void
  /**
   * Reports changed pages (guest frame numbers). Without a log running they are forgotten.
   * Throws `memory.page` for a page that the guest does not have.
   */
  record(pages: Uint32Array): void
  /**
   * Pages in the log, ascending.
   * @param clear also empties the log
   * Throws `memory.not-logging`.
   */
  fetch(clear: boolean): Uint32Array<ArrayBuffer>
  stats(): LogStats
  /** Stretches that `describe` knows, without a limit. */
  readonly stretches: number
  /** Machine frame of each guest frame; null where the hypervisor has no such table. Not to be written to. */
  readonly frames: Uint32Array<ArrayBuffer> | null
  /** @param limit rows at most */
  describe(limit?: number): MemoryRow[]
  /** Gives the host's memory back. The view is of no use afterwards. */
  release(): void
}
