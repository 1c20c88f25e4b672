/**
 * What a machine in QEMU does of what algorithms need that pull pages: it takes pages in while its guest runs, and
 * gives them out when it has stopped. It cannot guard pages that were sent, nor tell which ones its guest uses or has
 * never used.
 */
import type { FaultRecord, MachineEvents, PageBatch } from '../machine/machine.ts'
import { Emitter } from '../util/emitter.ts'
import { FerryError } from '../util/errors.ts'
import type { Following } from './change-log.ts'
import { LateDeparture } from './late-departure.ts'
import { LateMemory, type LateMemoryOptions } from './late-memory.ts'
import { type Snapshot, snapshotOf, type SnapshotOptions } from './snapshot.ts'

/** @param what as the subject of a sentence */
export function unsupported(what: string): FerryError {
  const message = `${what} is not possible for a guest in QEMU. The guest goes on where it is; choose another algorithm.`
  return new FerryError('machine.unsupported', message, { what })
}

const refuse = (what: string): Promise<never> => Promise.reject(unsupported(what))

export abstract class LateMachine {
  protected readonly events = new Emitter<MachineEvents>()
  /** Memory that comes while the guest runs; null: it had come before. */
  protected late: LateMemory | null = null
  /** The guest goes away, and its memory after it; null: it does not. */
  protected departure: LateDeparture | null = null

  on<E extends keyof MachineEvents>(event: E, listener: (told: MachineEvents[E]) => void): () => void {
    return this.events.on(event, listener)
  }

  /** One call after the other. */
  protected abstract turn<T>(work: () => Promise<T>): Promise<T>

  /** A guest comes, and memory of it after it. */
  protected begin(options: Omit<LateMemoryOptions, 'onFault'>): Promise<void> {
    const { late, begun } = LateMemory.begin({ ...options, onFault: (page) => this.events.emit('fault', page) })
    this.late = late
    return begun
  }

  /**
   * Stops the guest, and keeps its RAM until it is read.
   * @param watched some of it was given out: what has changed of that is added to the changes
   */
  protected async leave(
    parts: Omit<SnapshotOptions, 'page'>,
    watched: boolean,
    changes?: Following,
  ): Promise<Snapshot> {
    const { ramBytes, vgaBytes } = parts.config
    const { qmp, folder } = parts.process
    const page = (number: number, bytes: Uint8Array | null) => changes?.page(number, bytes)
    this.departure = await LateDeparture.prepare({
      ...{ qmp, folder, ramBytes, vgaBytes, watched, page },
      video: parts.video,
    })
    const stopped = await this.departure.stop()
    changes?.add(stopped.owed)
    return snapshotOf(parts, stopped)
  }

  guardStart(): Promise<void> {
    return refuse('Guarding pages that were sent')
  }
  takePages(): Promise<PageBatch> {
    return refuse('Guarding pages that were sent')
  }
  guardStop(): Promise<void> {
    return refuse('Guarding pages that were sent')
  }

  /** QEMU tells nobody: no page is known to be used. */
  useWatch(): Promise<void> {
    return this.turn(() => Promise.resolve())
  }

  /** QEMU keeps no such list: nothing is known of any page. */
  unwrittenPages(): Promise<Uint32Array<ArrayBuffer>> {
    return this.turn(() => Promise.resolve(new Uint32Array(0)))
  }

  /** QEMU's machine has no port by which a guest could say so. */
  freePages(): Promise<number> {
    return this.turn(() => Promise.resolve(0))
  }

  /** Not in turn with other calls: those may wait for these pages. */
  supply(batch: PageBatch): Promise<number> {
    return this.late?.supply(batch) ?? Promise.resolve(0)
  }

  faults(): Promise<readonly FaultRecord[]> {
    return Promise.resolve(this.late?.takeFaults() ?? [])
  }
}
