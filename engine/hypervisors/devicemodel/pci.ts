/**
 * PCI as QEMU saves it: vmstate `PCIHost` version 1, `PCIBUS` version 1, `PIIX3` version 3 and a `PCIDevice` version 2
 * for each function (instance = devfn; QEMU nests it in the record of the device that the function belongs to).
 */
import { array, bytes, record, s32, u32 } from '../../util/record.ts'
import { PCI_FUNCTIONS, pciFunction, type Pci } from '../../vmstate/devices.ts'
import type { MachineState } from '../../vmstate/state.ts'
import { assertedPins, intxPin } from '../pci-interrupts.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

const PIRQS = 4
const DEVICE_VERSION = 2

export const pciHost = record('PCIHost', 'be', { config_reg: u32 })
/** `irq_count`: how many functions pull each of the four PIRQ wires. */
export const pciBus = record('PCIBUS', 'be', { nirq: s32, irq_count: array(s32, PIRQS) })
export const piix3 = record('PIIX3', 'be', { pci_irq_levels: array(s32, PIRQS) })
/** `irq_state`: levels of INTA–INTD. */
export const pciDevice = record('PCIDevice', 'be', {
  version_id: s32,
  config: bytes(256),
  irq_state: array(u32, PIRQS),
})

export const pciLayouts = [pciHost, pciBus, piix3, pciDevice] as const

/** Writes the bus and its functions, in their order. */
export function packPci(out: NativeWriter, state: MachineState): void {
  const wires = [0, 0, 0, 0]
  for (const { device, pin } of assertedPins(state)) {
    // PIIX3: device 1 INTA is PIRQA, and each device starts one wire further.
    const wire = (pin + device + 3) & 3
    wires[wire] = (wires[wire] ?? 0) + 1
  }
  out.put(pciHost, { config_reg: state.pci.address })
  out.put(pciBus, { nirq: PIRQS, irq_count: wires })
  out.put(piix3, { pci_irq_levels: wires.map((count) => (count > 0 ? 1 : 0)) })
  for (let i = 0; i < state.pci.count; i++) {
    const f = state.pci.functions[i]
    if (f === undefined) break
    const levels = [0, 0, 0, 0]
    if (f.intx) levels[intxPin(f.config)] = 1
    out.put(pciDevice, { version_id: DEVICE_VERSION, config: f.config, irq_state: levels }, f.devfn)
  }
}

/** Reads the bus and its functions. */
export function unpackPci(input: NativeReader): Pci {
  input.one(pciBus)
  input.one(piix3)
  const present = input.instances(pciDevice.name)
  if (present.length > PCI_FUNCTIONS) {
    refuse('pci-functions', `The bus has ${present.length} functions; ${PCI_FUNCTIONS} can be migrated.`)
  }
  const functions = present.map((devfn) => {
    const d = input.one(pciDevice, devfn)
    return { devfn, config: d.config, intx: d.irq_state.some((level) => level !== 0) }
  })
  while (functions.length < PCI_FUNCTIONS) functions.push(pciFunction.zero())
  return { address: input.one(pciHost).config_reg, count: present.length, functions }
}
