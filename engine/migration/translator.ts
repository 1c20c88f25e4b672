/**
 * The way between a machine's state and the bytes that travel, as the migration sees it. `hypervisors/translate.ts`
 * is the real one; tests bring a stub.
 */
import type { Hypervisor, NativeRecord } from '../hypervisors/hypervisor.ts'
import type { MachineState } from '../vmstate/state.ts'

export interface Translator {
  /** State → the host's native records → common format. */
  toCommon(hypervisor: Hypervisor, state: MachineState): { native: readonly NativeRecord[]; bytes: Uint8Array }
  /**
   * Common format → the host's native records → state.
   * @throws FerryError when the bytes, or the records made of them, would be refused
   */
  fromCommon(hypervisor: Hypervisor, bytes: Uint8Array): { native: readonly NativeRecord[]; state: MachineState }
  /** Offset in the container at which the device sections begin: CPU_BEG carries what is before it. Default 0. */
  deviceOffset?(bytes: Uint8Array): number
}
