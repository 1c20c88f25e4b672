/**
 * The way of a machine's state between a hypervisor's native records and the common format on the wire. What the native
 * form cannot hold travels beside it as extensions; nothing else bypasses the native form.
 */
import { decodeState, encodeState } from '../vmstate/codec.ts'
import { offsetBehind } from '../vmstate/container.ts'
import { applyExtensions, extensionsOf } from '../vmstate/extensions.ts'
import { type MachineState, SECTIONS } from '../vmstate/state.ts'
import type { Hypervisor, NativeRecord } from './hypervisor.ts'

/** Source side: state → native records → common format. Pure. */
export function toCommon(
  hypervisor: Hypervisor,
  state: MachineState,
): { native: readonly NativeRecord[]; bytes: Uint8Array<ArrayBuffer> } {
  const native = hypervisor.pack(state)
  // The instant of the capture belongs to the container: not every native form has it.
  const told: MachineState = { ...hypervisor.unpack(native), capturedAtNs: state.capturedAtNs }
  return { native, bytes: encodeState(told, extensionsOf(state, hypervisor.notRepresentable)) }
}

/**
 * Target side: common format → native records → state for the machine. Pure.
 * Throws FerryError `vmstate.*` for bytes that are no state, `native.*` for one that the hypervisor refuses to load.
 */
export function fromCommon(
  hypervisor: Hypervisor,
  bytes: Uint8Array,
): { native: readonly NativeRecord[]; state: MachineState } {
  const decoded = decodeState(bytes)
  const arrived = applyExtensions(decoded.state, decoded.extensions)
  const native = hypervisor.pack(arrived)
  const told: MachineState = { ...hypervisor.unpack(native), capturedAtNs: arrived.capturedAtNs }
  return { native, state: applyExtensions(told, extensionsOf(arrived, hypervisor.notRepresentable)) }
}

const CPU_SECTIONS = new Set<number>([SECTIONS.cpu.id, SECTIONS.fpu.id, SECTIONS.events.id])

/** Where the devices begin in a container made by `toCommon`: the vCPU is before it. */
export function deviceOffset(bytes: Uint8Array): number {
  return offsetBehind(bytes, CPU_SECTIONS)
}

/**
 * Runs both ways a number of times, so that the code is compiled before a guest stands still for it.
 * @param rounds about 200 are enough
 */
export function warmUp(hypervisor: Hypervisor, state: MachineState, rounds = 200): void {
  for (let i = 0; i < rounds; i++) fromCommon(hypervisor, toCommon(hypervisor, state).bytes)
}
