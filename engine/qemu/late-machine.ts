/**
 * What a machine in QEMU does of what algorithms need that pull pages: it takes pages in while its guest runs. It cannot
 * guard pages that were sent, nor tell which ones its guest uses or has never used.
 */
import type { FaultRecord, PageBatch } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import type { LateDeparture } from './late-departure.ts'
import type { LateMemory } from './late-memory.ts'

/** @param what as the subject of a sentence */
export function unsupported(what: string): FerryError {
  const message = `${what} is not possible for a guest in QEMU. The guest goes on where it is; choose another algorithm.`
  return new FerryError('machine.unsupported', message, { what })
}

const refuse = (what: string): Promise<never> => Promise.reject(unsupported(what))

export abstract class LateMachine {
  /** Memory that comes while the guest runs; null: it had come before. */
  protected late: LateMemory | null = null
  /** The guest goes away, and its memory after it; null: it does not. */
  protected departure: LateDeparture | null = null

  /** One call after the other. */
  protected abstract turn<T>(work: () => Promise<T>): Promise<T>

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
