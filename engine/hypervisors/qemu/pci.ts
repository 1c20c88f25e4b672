/**
 * PCI: what a guest may write in the configuration space is the same in both machines; what it may only read is each
 * machine's own, and QEMU refuses a stream where it differs (hw/pci/pci.c, `get_pci_config_device`). Our disk controller is
 * in slot 30, QEMU's is function 1 of the ISA bridge; its ports are the same.
 */
import { pciFunction, type Nic, type Pci } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { refuse } from '../records.ts'

export const pciNotRepresentable: readonly NotRepresentable[] = [
  { section: 'pci', path: 'functions.*.intx', reason: "QEMU's lines follow from the devices that drive them." },
]

/** Bytes of configuration space, as hexadecimal. */
type Place = readonly [offset: number, hex: string]
interface PciDevice {
  readonly ours: number
  readonly theirs: number
  readonly name: string
  /** What is not zero after reset in our machine and in QEMU, and the ranges that a guest writes. */
  readonly own: readonly Place[]
  readonly qemu: readonly Place[]
  readonly writable: readonly (readonly [offset: number, length: number])[]
}

const NETWORK = 'the network card'
const NETWORK_DEVFN = 0x05 << 3
const SUBSYSTEM: Place = [0x2c, 'f41a0011']

/** Configuration spaces after reset, as QEMU 7.2 and our machine have them. */
const DEVICES: readonly PciDevice[] = [
  {
    ours: 0x00,
    theirs: 0x00,
    name: 'the host bridge',
    own: [
      [0x00, '86803712'],
      [0x08, '02000006'],
      [0x59, '10'],
    ],
    // The areas below 1 MB are RAM, as in our machine, which has no BIOS (82441FX, PAM registers, 3.2.18).
    qemu: [[0x00, '86803712'], [0x08, '02000006'], SUBSYSTEM, [0x57, '02'], [0x59, '30333333333333'], [0x72, '02']],
    writable: [],
  },
  {
    ours: 0x08,
    theirs: 0x08,
    name: 'the ISA bridge',
    own: [[0x00, '8680007000000002000001060000800000']],
    qemu: [
      [0x00, '8680007000000002000001060000800000'],
      SUBSYSTEM,
      [0x4c, '4d0003'],
      [0x69, '02'],
      [0x70, '80'],
      [0x76, '0c0c02'],
      [0xa0, '08'],
      [0xa8, '0f'],
    ],
    writable: [[0x60, 4]],
  },
  {
    ours: 0x1e << 3,
    theirs: 0x09,
    name: 'the disk controller',
    own: [
      [0x00, '868010700000a00200800101'],
      [0x10, 'f1010000f70300007101000077030000'],
      [0x2c, '4310d482'],
      [0x3d, '01'],
    ],
    qemu: [[0x00, '868010700000800200800101'], SUBSYSTEM],
    writable: [
      [0x20, 4],
      [0x3c, 1],
      [0x40, 4],
    ],
  },
  {
    ours: NETWORK_DEVFN,
    theirs: NETWORK_DEVFN,
    name: NETWORK,
    own: [[0x00, 'ec1029800001000000000002'], SUBSYSTEM, [0x30, '0000b8fe'], [0x3d, '01']],
    qemu: [[0x00, 'ec1029800000000000000002'], SUBSYSTEM, [0x3d, '01']],
    writable: [
      [0x10, 4],
      [0x3c, 1],
    ],
  },
  {
    ours: 0x12 << 3,
    theirs: 0x12 << 3,
    name: 'the VGA',
    own: [[0x00, '341211110001000000000003'], [0x18, '0000bffe'], SUBSYSTEM, [0x30, '0000befe']],
    qemu: [[0x00, '341211110000000002000003'], SUBSYSTEM],
    writable: [[0x10, 4]],
  },
]
const COMMAND = 0x04
/** I/O, memory and bus master: the bits of the command register that all these functions have. */
const COMMAND_MASK = 0x07
/** DP8390: reset status is no cause of an interrupt. */
const NIC_CAUSES = 0x7f

function spaceFrom(places: readonly Place[], device: PciDevice, config: Uint8Array): Uint8Array {
  const out = new Uint8Array(256)
  for (const [offset, hex] of places) out.set(Buffer.from(hex, 'hex'), offset)
  for (const [offset, length] of device.writable) out.set(config.subarray(offset, offset + length), offset)
  out[COMMAND] = (out[COMMAND] ?? 0) | ((config[COMMAND] ?? 0) & COMMAND_MASK)
  return out
}

/** Functions of our machine that QEMU's has not, and the reverse, in words. */
export function pciMismatch({ functions, count }: Pci): string | undefined {
  const present = new Set(functions.slice(0, count).map(({ devfn }) => devfn))
  const missing = DEVICES.find(({ ours }) => !present.delete(ours))
  if (missing !== undefined) return `The guest's machine lacks ${missing.name}.`
  const [stranger] = present
  return stranger === undefined
    ? undefined
    : `The guest has a PCI device in slot ${stranger >> 3} that QEMU's machine lacks.`
}

/** Ports of QEMU's card (hw/net/ne2000-pci.c), and the end of those that other devices of a PC have. */
const NETWORK_PORTS = 0x100
const FIXED_PORTS = 0x1000
const BASE_ADDRESS = 0x10
/** Ports of an I/O base address: bits 0 and 1 are no part of it. */
const PORT_MASK = 0xfffc

/** Whether the card's ports are apart from all others, were there as many as QEMU's card has. */
export function networkPortsFit({ functions, count }: Pci): boolean {
  const card = functions.slice(0, count).find(({ devfn }) => devfn === NETWORK_DEVFN)
  if (card === undefined) return true
  const base = new DataView(card.config.buffer, card.config.byteOffset).getUint16(BASE_ADDRESS, true) & PORT_MASK
  return base >= FIXED_PORTS && base % NETWORK_PORTS === 0
}

/** Our bus as QEMU has it. */
export function toQemuPci(pci: Pci, nic: Nic): Pci {
  const functions = pci.functions.map((f, i) => {
    const device = i < pci.count ? DEVICES.find(({ ours }) => ours === f.devfn) : undefined
    if (device === undefined) return f
    const intx = device.name === NETWORK && (nic.interruptStatus & nic.interruptMask & NIC_CAUSES) !== 0
    return { devfn: device.theirs, config: spaceFrom(device.qemu, device, f.config), intx }
  })
  return { ...pci, functions }
}

/** QEMU's bus as ours. Throws `native.pci-function` for one that our machine lacks. */
export function fromQemuPci(pci: Pci): Pci {
  const functions = pci.functions.map((f, i) => {
    if (i >= pci.count) return pciFunction.zero()
    const device = DEVICES.find(({ theirs }) => theirs === f.devfn)
    if (device === undefined) {
      return refuse('pci-function', `QEMU has a PCI device at ${f.devfn >> 3}.${f.devfn & 7} that our machine lacks.`, {
        devfn: f.devfn,
      })
    }
    return { devfn: device.ours, config: spaceFrom(device.own, device, f.config), intx: f.intx }
  })
  return { ...pci, functions }
}
