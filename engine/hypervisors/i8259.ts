/**
 * The registers of an 8259 as both KVM (`struct kvm_pic_state`, asm/kvm.h) and QEMU (vmstate `i8259`, hw/intc/i8259_common.c)
 * keep them: the same bytes with the same names, up to the edge/level register, in almost the same order.
 */
import type { Pic } from '../vmstate/chips.ts'
import { u8 } from '../util/record.ts'

/** Fields shared by both, in order, without the last ones. */
export const picFields = {
  last_irr: u8,
  irr: u8,
  imr: u8,
  isr: u8,
  priority_add: u8,
  irq_base: u8,
  read_reg_select: u8,
  poll: u8,
  special_mask: u8,
  /** ICWs received: 0 = operational. */
  init_state: u8,
  auto_eoi: u8,
  rotate_on_auto_eoi: u8,
  special_fully_nested_mode: u8,
  init4: u8,
} as const

export type NativePic = { [K in keyof typeof picFields]: number } & { elcr: number }

/** Neutral → native. */
export function packPicRegisters(p: Pic): NativePic {
  return {
    last_irr: p.lastIrr,
    irr: p.irr,
    imr: p.imr,
    isr: p.isr,
    priority_add: p.priorityAdd,
    irq_base: p.irqBase,
    read_reg_select: p.readIsr ? 1 : 0,
    poll: p.poll ? 1 : 0,
    special_mask: p.specialMask ? 1 : 0,
    init_state: p.initState === 0 ? 0 : p.initState - 1,
    auto_eoi: p.autoEoi ? 1 : 0,
    rotate_on_auto_eoi: p.rotateOnAutoEoi ? 1 : 0,
    special_fully_nested_mode: p.specialFullyNested ? 1 : 0,
    init4: p.expectIcw4 ? 1 : 0,
    elcr: p.elcr,
  }
}

/** Native → neutral. */
export function unpackPicRegisters(p: NativePic): Pic {
  return {
    irr: p.irr,
    imr: p.imr,
    isr: p.isr,
    irqBase: p.irq_base,
    lastIrr: p.last_irr,
    elcr: p.elcr,
    priorityAdd: p.priority_add,
    readIsr: p.read_reg_select !== 0,
    poll: p.poll !== 0,
    specialMask: p.special_mask !== 0,
    initState: p.init_state === 0 ? 0 : p.init_state + 1,
    expectIcw4: p.init4 !== 0,
    autoEoi: p.auto_eoi !== 0,
    rotateOnAutoEoi: p.rotate_on_auto_eoi !== 0,
    specialFullyNested: p.special_fully_nested_mode !== 0,
  }
}
