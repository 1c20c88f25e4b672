/**
 * A machine: one emulated PC on its own thread, seen from the thread that owns the I/O. This is the whole contract;
 * nobody above this folder knows which emulator is behind it.
 *
 * All calls are carried out in the order in which they were made, between two instructions of the guest.
 */
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { FerryError } from '../util/errors.ts'

/** Memory, ports and registers to start from, without a BIOS. The boot plans of `images/` have this shape. */
export interface DirectBoot {
  readonly segments: readonly { readonly address: number; readonly bytes: Uint8Array }[]
  /** A flat GDT that lies in one of the segments: null, null, code at 0x10, data at 0x18. */
  readonly gdt: { readonly address: number; readonly limit: number }
  readonly registers: {
    readonly eax: number
    readonly ebx: number
    readonly ecx: number
    readonly edx: number
    readonly esi: number
    readonly edi: number
    readonly ebp: number
    readonly esp: number
    readonly eip: number
  }
  /** 8-bit port writes that firmware would have made, in order; `read`: the port is read instead. */
  readonly ports: readonly { readonly port: number; readonly value: number; readonly read?: true }[]
}

export interface MachineConfig {
  /** Multiple of 1 MiB, 8–1024 MiB. */
  readonly ramBytes: number
  /** Frame buffer, a power of two from 256 KiB. */
  readonly vgaBytes: number
  /** Locally administered address, `02:…`. */
  readonly mac: string
  /** The shared disk's bytes (multiple of 512), or null. All machines given the same buffer share the disk. */
  readonly disk: SharedArrayBuffer | null
  /** Local APIC and I/O APIC present and enabled. */
  readonly apic: boolean
}

/** Pages of one block on their way. `data` holds the pages of `pages`, in order; `zeroPages` are all zero. */
export interface PageBatch {
  readonly block: BlockId
  readonly pages: Uint32Array<ArrayBuffer>
  readonly zeroPages: Uint32Array<ArrayBuffer>
  readonly data: Uint8Array<ArrayBuffer>
}

/** Page numbers, ascending, of one block. */
export interface PageSet {
  readonly block: BlockId
  readonly pages: Uint32Array<ArrayBuffer>
}

/** A stretch of pages of one block. */
export interface PageRange {
  readonly block: BlockId
  readonly first: number
  readonly count: number
}

/** Times are milliseconds of `nowMs()`. */
export interface StopReport {
  /** When the order was taken up, `nowMs()`. */
  readonly beganMs: number
  /** When the vCPU stopped: no instruction runs after it. */
  readonly pausedAtMs: number
  /** Time taken, in ms, to stop, to collect the last pages, and to capture the state. */
  readonly pauseMs: number
  readonly lastPagesMs: number
  readonly captureMs: number
  /** Dirty pages that were more than `inlinePages` in total: to be read with `readPages`. Otherwise empty. */
  readonly remaining: readonly PageSet[]
  /** The dirty pages themselves, where they were few enough. */
  readonly batches: readonly PageBatch[]
  /** With `leaveRam`: the pages of RAM that changed since they were read last, which are in neither of the two. */
  readonly leftRam: PageSet | null
  /** Pages of RAM that the guest has used since `useWatch`, ascending: it will need them first. */
  readonly used: Uint32Array<ArrayBuffer>
  readonly state: MachineState
}

export interface StopOptions {
  /** Most dirty pages that come along in the report. */
  readonly inlinePages: number
  /** Pages of RAM are only named: they travel after the switch-over. */
  readonly leaveRam?: boolean | undefined
}

export interface LoadReport {
  /** When it was taken up, `nowMs()`. */
  readonly beganMs: number
  readonly pagesMs: number
  readonly restoreMs: number
}

/** An access of the guest to a page that had not come yet. */
export interface FaultRecord {
  readonly page: number
  /** `nowMs()` at the access. */
  readonly atMs: number
  /** How long the vCPU waited, ms. */
  readonly stallMs: number
  /** Whether the vCPU had to wait until it came; else it came in that moment. */
  readonly requested: boolean
}

/** The screen as the guest shows it. `text`: rows of characters with attributes; `graphics`: RGBA pixels. */
export type ScreenImage =
  | { readonly kind: 'text'; readonly columns: number; readonly rows: number; readonly lines: readonly string[] }
  | {
      readonly kind: 'graphics'
      readonly width: number
      readonly height: number
      readonly rgba: Uint8ClampedArray<ArrayBuffer>
    }

/** What a machine tells, by name: what its listeners get. */
export interface MachineEvents {
  /** Bytes that the guest wrote to its first serial port. */
  readonly serial: Uint8Array
  /** An Ethernet frame that the guest sent. */
  readonly frame: Uint8Array
  /** The guest waits for this page of RAM: `supply` it. */
  readonly fault: number
  /** The vCPU has stopped in front of an instruction that would have written this page, which was taken. */
  readonly guarded: number
  /** The thread ended: on `close()` without an error, else with one. No further event follows. */
  readonly exit: FerryError | null
}

/** How a guest left by its hypervisor's own migration. */
export interface NativeDeparture {
  /** When the vCPU stopped, `nowMs()`. */
  readonly pausedAtMs: number
  /** Input to its serial port that it has not taken. */
  readonly typed: Uint8Array<ArrayBuffer>
  /** As the hypervisor counts them: pages sent, those of zeros among them, and passes over memory. */
  readonly pages: number
  readonly zeroPages: number
  readonly rounds: number
  /** The largest share of its time that the vCPU was to sleep, and how long that was in all, by the hypervisor's own figures. */
  readonly throttleMax: number
  readonly throttledMs: number
}

/** Slowing a guest down that changes its memory faster than it travels: shares of its vCPU's time, 0–0.99. */
export interface NativeThrottle {
  readonly initial: number
  readonly step: number
  readonly cap: number
}

/** The migration that the machine's hypervisor has of its own: a stream that only another of the same kind understands. */
export interface NativeMigration {
  /**
   * Sends the guest by the hypervisor's own rules: it runs until the hypervisor stops it for the last of it. Its serial port
   * takes no input meanwhile. Afterwards `resume` would let it go on here; where this fails, it goes on by itself.
   * @param send takes the stream, piece by piece; where it rejects, the guest stays
   * @param onStopped the guest has stopped
   * @param throttle null: the guest is not slowed down
   */
  depart(
    send: (bytes: Uint8Array) => Promise<void>,
    onStopped: () => void,
    throttle: NativeThrottle | null,
  ): Promise<NativeDeparture>
  /** Takes a piece of such a stream, on a machine that was made for it. */
  arrive(bytes: Uint8Array): Promise<void>
  /** The stream is complete: resolves when the guest is there, and does not run yet. @param typed as it left with it */
  arrived(typed: Uint8Array): Promise<void>
}

export interface Machine {
  /** Absent: its hypervisor has none, or none that is known here. */
  readonly native?: NativeMigration | undefined
  readonly config: MachineConfig
  readonly blocks: readonly BlockInfo[]
  /** Subscribes; returns the function that unsubscribes. */
  on<E extends keyof MachineEvents>(event: E, listener: (told: MachineEvents[E]) => void): () => void

  /** Loads memory and registers for a start without BIOS. The machine must not be running. */
  boot(plan: DirectBoot): Promise<void>
  /** Starts or continues the vCPU. Resolves with the time (`nowMs()`) just before its first instruction. */
  resume(): Promise<{ runAtMs: number; resumeMs: number }>
  /** Stops the vCPU between two instructions; idempotent. */
  pause(): Promise<{ pausedAtMs: number }>

  /**
   * Input to the first serial port. Resolves with how many bytes were taken, the first ones: those are in the UART, and
   * so in any state captured from then on. The UART takes little; offer the rest again a little later. After `stop()`
   * nothing is taken until `resume()`, so that no byte ends in a machine that will not run again.
   */
  serialWrite(bytes: Uint8Array): Promise<number>
  /** An Ethernet frame for the guest's card. */
  frameReceive(frame: Uint8Array): void
  /** Presses and releases keys: PS/2 set-1 scan codes. */
  keyWrite(scanCodes: Uint8Array): void
  screen(): Promise<ScreenImage>

  /**
   * Reads pages as they are now. Zero pages are told apart, so that their bytes need not travel. RAM of a guest that stands is
   * read before this returns; so is that of one that runs with its dirty log on, and what it changes meanwhile is in the log:
   * such a page may be half old and half new.
   * @param place where the data may be put, if it fits
   */
  readPages(set: PageSet, place?: Uint8Array<ArrayBuffer>): Promise<PageBatch>
  /**
   * Writes pages; the batch's buffers are not to be touched until it resolves, and may have been transferred by then. Not
   * awaited by the caller in bulk.
   */
  writePages(batch: PageBatch): Promise<void>

  /**
   * From now on pages that `takePages` reads are not written any more: in front of the first instruction that would, the
   * vCPU stops, and the event `guarded` tells. `guardStop` or `stop` ends it.
   */
  guardStart(): Promise<void>
  /**
   * Reads pages of RAM, which stay as they are from then on.
   * @param place where the data may be put, if it fits
   * @throws FerryError `machine.guard-off`
   */
  takePages(set: PageSet, place?: Uint8Array<ArrayBuffer>): Promise<PageBatch>
  guardStop(): Promise<void>

  /** Starts logging pages changed from now on, by the CPU or a device, in all blocks. */
  dirtyLogStart(): Promise<void>
  /** The pages changed since the start or the last call; clears them when `clear` is true (else a peek). */
  dirtyLogFetch(clear: boolean): Promise<readonly PageSet[]>
  /** Of these pages, those that are in the dirty log now; of RAM, told before this returns. @throws FerryError `machine.log-off` */
  dirtyAmong(set: PageSet): Promise<Uint32Array<ArrayBuffer>>
  dirtyLogStop(): Promise<void>

  /** From now on until it stops it is noted which pages the guest uses. */
  useWatch(): Promise<void>
  /** CPU and devices, without memory blocks. Allowed while running (taken between two instructions). */
  capture(): Promise<MachineState>
  /** Loads CPU and devices. `continue`: guest time includes the time since the capture; `freeze`: it does not. */
  restore(state: MachineState, clock: 'continue' | 'freeze'): Promise<void>
  /** Pause, last dirty pages and capture in one step. Without a dirty log all pages count as remaining. */
  stop(options: StopOptions): Promise<StopReport>
  /**
   * Last pages and state in one step. Buffers are transferred.
   * @param missing pages of RAM that come later, by `supply`: the guest may run, and waits where it accesses one. One bit
   *   for each page, the first page in bit 0 of the first byte
   */
  load(
    batches: readonly PageBatch[],
    state: MachineState,
    clock: 'continue' | 'freeze',
    missing?: Uint8Array<ArrayBuffer>,
  ): Promise<LoadReport>
  /**
   * Tries what `load` will do with such a state, on a machine whose guest still runs elsewhere: proves that it can be
   * loaded, and warms the code. What it leaves behind, `load` replaces.
   */
  rehearse(state: MachineState, clock: 'continue' | 'freeze', missing?: Uint8Array<ArrayBuffer>): Promise<void>
  /**
   * Brings missing pages: they are written before this returns, while the vCPU runs or waits for one of them. Pages that
   * are not missing are left as they are.
   * @returns how many pages are missing still
   */
  supply(batch: PageBatch): Promise<number>
  /** The faults since the last call, the oldest first; at most 65,536 are kept. */
  faults(): Promise<readonly FaultRecord[]>

  /** A 64-bit digest of every page of a block (digest.ts). The machine should be paused. */
  digests(block: BlockId): Promise<BigUint64Array<ArrayBuffer>>
  /** Which pages hold nothing but zeros: a byte each, 1 where it is so. Ask for a few thousand pages at a time. */
  zeroPages(range: PageRange): Promise<Uint8Array<ArrayBuffer>>
  /** Pages of RAM that were never written, ascending: they hold zeros, and nobody has to look. Some may be left out. */
  unwrittenPages(): Promise<Uint32Array<ArrayBuffer>>
  /** How many pages of RAM the guest has said are free, and has not used again: they hold zeros. */
  freePages(): Promise<number>
  /** Instructions executed so far, modulo 2^32. */
  instructions(): Promise<number>
  /** Whether the vCPU stands at a HLT, waiting for an interrupt. */
  halted(): Promise<boolean>
  /**
   * From now on the vCPU sleeps this share of its time, between two slices of the guest; 0 = not at all.
   * @param share 0–0.99
   * @returns how long it has slept for that so far, ms
   */
  throttle(share: number): Promise<number>
  /** CPU time that its thread has used so far, ms. */
  cpuTimeMs(): Promise<number>
  /** Ends the thread. Safe at any time; pending calls are refused with `machine.closed`. */
  close(): Promise<void>
}
