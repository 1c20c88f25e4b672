/**
 * PCI interrupt wires of a PC: from the INTx output of a function through the four PIRQ links of the PIIX3 to an ISA
 * interrupt. Both hypervisors store these levels beside the devices' own; they follow from the devices' state.
 */
import type { MachineState } from '../vmstate/state.ts'

/** INTx pin of a function from its configuration space (register 0x3D: 1 = A … 4 = D), counted from 0. */
export function intxPin(config: Uint8Array): number {
  const pin = config[0x3d] ?? 0
  return pin >= 1 && pin <= 4 ? pin - 1 : 0
}

/** Present functions whose INTx is asserted. */
export function assertedPins(state: MachineState): { device: number; pin: number }[] {
  const asserted: { device: number; pin: number }[] = []
  for (let i = 0; i < state.pci.count; i++) {
    const f = state.pci.functions[i]
    if (f?.intx === true) asserted.push({ device: f.devfn >> 3, pin: intxPin(f.config) })
  }
  return asserted
}

/** PIRQ routing registers (0x60–0x63) of the PIIX3: the ISA interrupt of each link, bit 7 = not routed. */
export function pirqRoutes(state: MachineState): readonly number[] {
  for (let i = 0; i < state.pci.count; i++) {
    const config = state.pci.functions[i]?.config
    // Vendor 8086h, device 7000h: the PIIX3's ISA bridge.
    if (config?.[0] === 0x86 && config[1] === 0x80 && config[2] === 0x00 && config[3] === 0x70) {
      return [config[0x60] ?? 0x80, config[0x61] ?? 0x80, config[0x62] ?? 0x80, config[0x63] ?? 0x80]
    }
  }
  return [0x80, 0x80, 0x80, 0x80]
}
