/**
 * What a machine in QEMU cannot do: what algorithms need that pull pages, or send each one once. Hosts do not offer those,
 * so that nobody should see these errors.
 */
import type { FaultRecord, PageBatch } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'

/** @param what as the subject of a sentence */
export function unsupported(what: string): FerryError {
  const message = `${what} is not possible for a guest in QEMU. The guest goes on where it is; choose another algorithm.`
  return new FerryError('machine.unsupported', message, { what })
}

const refuse = (what: string): Promise<never> => Promise.reject(unsupported(what))

export abstract class UnpulledMachine {
  useWatch(): Promise<void> {
    return refuse('Watching which pages the guest uses')
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
  supply(): Promise<number> {
    return refuse('Memory that comes after its guest runs')
  }
  /** There were none. */
  faults(): Promise<readonly FaultRecord[]> {
    return Promise.resolve([])
  }
}
