/** What the writer of a file format gets of a guest, and what it gives. */
import type { PageBatch } from '../../machine/machine.ts'
import type { BlockId, BlockInfo } from '../../vmstate/blocks.ts'
import type { MachineState } from '../../vmstate/state.ts'

/** A guest that stands still. */
export interface PausedGuest {
  readonly state: MachineState
  readonly blocks: readonly BlockInfo[]
  readonly read: (block: BlockId, pages: Uint32Array<ArrayBuffer>) => Promise<PageBatch>
}

export interface GuestFile {
  /** The file from its first byte to its last. */
  write(guest: PausedGuest): AsyncIterable<Uint8Array>
  /** Whether the guest's disk goes into a file beside it. */
  readonly withDisk: boolean
  /** What the format has no place for, a sentence each. */
  leftOut(state: MachineState): string[]
  /** What takes the files in, as a line for a shell; null where that is not one program. */
  command(guest: PausedGuest, path: string): string | null
}
