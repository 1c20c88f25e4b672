/**
 * Interrupt lines as QEMU's devices drive them. QEMU keeps their levels in the PIC only, so a stream must have the levels
 * that its devices will lower: a line that is said to be up and that nobody lowers never makes an edge again.
 */
import type { Pic } from '../../vmstate/chips.ts'
import type { MachineState } from '../../vmstate/state.ts'

/** Inputs of the two PICs. */
export const IRQ = { timer: 0, keyboard: 1, cascade: 2, serial: 4, clock: 0, mouse: 4 } as const

const COMMAND_KEYBOARD_INTERRUPT = 1
const COMMAND_MOUSE_INTERRUPT = 2
/** IIR: no interrupt is pending. */
const NO_INTERRUPT = 1
/** Register C of the clock: an interrupt is requested. */
const CLOCK_REQUEST = 0x80

/** Whether a PIC asks for an interrupt (hw/intc/i8259.c, `pic_get_irq`). */
export function asksForInterrupt(p: Pic, master: boolean): boolean {
  const priority = (mask: number): number => {
    for (let i = 0; i < 8; i++) if (((mask >> ((i + p.priorityAdd) & 7)) & 1) !== 0) return i
    return 8
  }
  let inService = p.isr
  if (p.specialMask) inService &= ~p.imr
  if (p.specialFullyNested && master) inService &= ~(1 << IRQ.cascade)
  return priority(p.irr & ~p.imr) < priority(inService)
}

export interface Levels {
  readonly serial: boolean
  readonly keyboard: boolean
  readonly mouse: boolean
  readonly clock: boolean
}

/** Levels that QEMU's devices put out in this state. */
export function deviceLevels({ serial, keyboard: k, rtc }: MachineState): Levels {
  return {
    serial: (serial.iir & NO_INTERRUPT) === 0,
    keyboard: k.outputFull && !k.outputFromMouse && (k.commandByte & COMMAND_KEYBOARD_INTERRUPT) !== 0,
    mouse: k.outputFull && k.outputFromMouse && (k.commandByte & COMMAND_MOUSE_INTERRUPT) !== 0,
    clock: (rtc.registerC & CLOCK_REQUEST) !== 0,
  }
}
