/** Bounds that a field's width does not give: those that a reader relies on as a length or an index. */
import { FerryError } from '../util/errors.ts'
import { PCI_FUNCTIONS, PS2_QUEUE, SERIAL_QUEUE } from './devices.ts'
import type { MachineState } from './state.ts'

/** Throws `vmstate.value`, naming the field, for a state that cannot be. */
export function checkState(state: MachineState): void {
  const { serial, keyboard, pci, cpu, pit, ide } = state
  atMost('serial.rxLength', serial.rxLength, SERIAL_QUEUE)
  atMost('keyboard.keyboardQueueLength', keyboard.keyboardQueueLength, PS2_QUEUE)
  atMost('keyboard.mouseQueueLength', keyboard.mouseQueueLength, PS2_QUEUE)
  atMost('pci.count', pci.count, PCI_FUNCTIONS)
  atMost('cpu.cpl', cpu.cpl, 3)
  atMost('vga.dacReadIndex', state.vga.dacReadIndex, 767)
  atMost('vga.dacWriteIndex', state.vga.dacWriteIndex, 767)
  for (const channel of pit.channels) {
    atMost('pit.channels.mode', channel.mode, 5)
    atMost('pit.channels.accessMode', channel.accessMode, 3)
    atMost('pit.channels.latchedBytes', channel.latchedBytes, 2)
  }
  for (const channel of ide.channels) atMost('ide.channels.unit', channel.unit, 1)
}

function atMost(field: string, value: number, limit: number): void {
  if (value <= limit) return
  throw new FerryError('vmstate.value', `${field} is ${value}; at most ${limit} is possible.`, { field, value, limit })
}
