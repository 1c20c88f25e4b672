/** The PICs: vmstate `i8259` version 1 (hw/intc/i8259_common.c). Instance 0 is the master. */
import { record, u8 } from '../../util/record.ts'
import type { Pic } from '../../vmstate/chips.ts'
import type { MachineState } from '../../vmstate/state.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { packPicRegisters, picFields, unpackPicRegisters } from '../i8259.ts'
import type { NativeReader, NativeWriter } from '../records.ts'
import { asksForInterrupt, deviceLevels, IRQ } from './lines.ts'
import type { TimerLine } from './pit.ts'

export const i8259 = record('i8259', 'be', { ...picFields, single_mode: u8, elcr: u8 })

const LEVELS = 'The levels of the inputs are those that the devices of QEMU put out.'
export const picNotRepresentable: readonly NotRepresentable[] = [
  { section: 'picMaster', path: 'lastIrr', reason: LEVELS },
  { section: 'picSlave', path: 'lastIrr', reason: LEVELS },
]

const bit = (set: boolean, position: number): number => (set ? 1 << position : 0)
const OWN_MASTER = bit(true, IRQ.timer) | bit(true, IRQ.keyboard) | bit(true, IRQ.cascade) | bit(true, IRQ.serial)
const OWN_SLAVE = bit(true, IRQ.clock) | bit(true, IRQ.mouse)

/**
 * The PICs as QEMU must find them. Our machines raise a line again and again until the guest has served the device; QEMU's
 * PIC takes an edge. So what is up but neither requested nor in service is requested.
 */
export function picsFor(state: MachineState, timer: TimerLine): { master: Pic; slave: Pic } {
  const { picMaster: m, picSlave: s } = state
  const levels = deviceLevels(state)
  const slave = {
    ...s,
    lastIrr: (s.lastIrr & ~OWN_SLAVE) | bit(levels.clock, IRQ.clock) | bit(levels.mouse, IRQ.mouse),
  }
  const cascade = asksForInterrupt(slave, false)
  const unserved = (up: boolean, position: number): number => bit(up, position) & ~m.isr
  const irr = m.irr | bit(timer.due, IRQ.timer) | unserved(levels.serial, IRQ.serial) | unserved(cascade, IRQ.cascade)
  const lastIrr =
    (m.lastIrr & ~OWN_MASTER) |
    bit(timer.high, IRQ.timer) |
    bit(levels.keyboard, IRQ.keyboard) |
    bit(cascade, IRQ.cascade) |
    bit(levels.serial, IRQ.serial)
  return { master: { ...m, irr, lastIrr }, slave }
}

/** Writes both PICs. */
export function packPics(out: NativeWriter, { master, slave }: { master: Pic; slave: Pic }): void {
  ;[master, slave].forEach((p, i) => out.put(i8259, { ...packPicRegisters(p), single_mode: 0 }, i))
}

/** Reads both PICs. The timer's level is low: our machines lower the line before they raise it. */
export function unpackPics(input: NativeReader): Pick<MachineState, 'picMaster' | 'picSlave'> {
  const master = unpackPicRegisters(input.one(i8259, 0))
  const timer = 1 << IRQ.timer
  return {
    picMaster: { ...master, lastIrr: master.lastIrr & ~timer },
    picSlave: unpackPicRegisters(input.one(i8259, 1)),
  }
}
