/** Bytes of the serial line that belong to a guest's state: those that were typed and that its UART has not taken yet. */
import { SERIAL_QUEUE } from '../vmstate/devices.ts'
import type { MachineState } from '../vmstate/state.ts'

/** The state with bytes behind those that wait in it already. What has no room is left out: nobody types so far ahead. */
export function withTyped(state: MachineState, bytes: Uint8Array): MachineState {
  if (bytes.length === 0) return state
  const { serial } = state
  const taken = bytes.subarray(0, SERIAL_QUEUE - serial.rxLength)
  const rx = serial.rx.slice()
  rx.set(taken, serial.rxLength)
  return { ...state, serial: { ...serial, rx, rxLength: serial.rxLength + taken.length } }
}
