/** Machine states that QEMU's machine can be in: `arbitraryState`, and what its own devices ask for beyond. */
import fc from 'fast-check'
import { fromQemuPci } from '../../../engine/hypervisors/qemu/pci.ts'
import type { IdeDrive, Pci } from '../../../engine/vmstate/devices.ts'
import { pciFunction } from '../../../engine/vmstate/devices.ts'
import type { MachineState } from '../../../engine/vmstate/state.ts'
import { arbitraryState } from '../../vmstate/arbitrary-state.ts'

/** Timer, cascade and serial port: what is up is requested, so that packing has nothing to request. */
const REQUESTED = 0b10101
const DRQ = 0x08
const TRANSMITTER_EMPTY = 0x40
/** Device and function number of QEMU's functions. */
const QEMU_DEVFNS = [0x00, 0x08, 0x09, 0x28, 0x90]

function drive(d: IdeDrive, present: boolean, atapi: boolean): IdeDrive {
  return { ...d, present, atapi, sectorSize: atapi ? 2048 : 512, status: d.status & ~DRQ }
}

const NETWORK_DEVFN = 0x28
/** Ports of the card: apart from all others, a multiple of 256. */
function withPorts(config: Uint8Array): Uint8Array {
  const out = config.slice()
  const bar = new DataView(out.buffer)
  bar.setUint32(0x10, (bar.getUint32(0x10, true) & 0xef00) | 0x1001, true)
  return out
}

/** The machine's own functions, with noise in what a guest writes. */
function bus(pci: Pci): Pci {
  const functions = pci.functions.map((f, i) => {
    const devfn = QEMU_DEVFNS[i]
    if (devfn === undefined) return pciFunction.zero()
    return { devfn, config: devfn === NETWORK_DEVFN ? withPorts(f.config) : f.config, intx: false }
  })
  return fromQemuPci({ ...pci, count: QEMU_DEVFNS.length, functions })
}

function possibleInQemu(state: MachineState): MachineState {
  const { lapic: _lapic, ioapic: _ioapic, ...rest } = state
  const [first, second] = rest.ide.channels
  if (first === undefined || second === undefined) throw new Error('no channels')
  const unit = (channel: typeof first, i: number): IdeDrive => {
    const d = channel.drives[i]
    if (d === undefined) throw new Error('no drive')
    return d
  }
  return {
    ...rest,
    cpu: { ...rest.cpu, tscKHz: 1_000_000, efer: 0n },
    picMaster: { ...rest.picMaster, irr: rest.picMaster.irr | REQUESTED },
    serial: { ...rest.serial, iir: rest.serial.iir & 0x0f, lsr: rest.serial.lsr | TRANSMITTER_EMPTY },
    ide: {
      channels: [
        {
          ...first,
          drives: [drive(unit(first, 0), unit(first, 0).present, false), drive(unit(first, 1), false, false)],
        },
        { ...second, drives: [drive(unit(second, 0), true, true), drive(unit(second, 1), false, false)] },
      ],
    },
    pci: bus(rest.pci),
  }
}

export const qemuState: fc.Arbitrary<MachineState> = arbitraryState
  .filter(({ nic }) => nic !== undefined)
  .map(possibleInQemu)

/** One state, always the same for a seed. */
export function sampleQemuState(seed = 1): MachineState {
  const [state] = fc.sample(qemuState, { numRuns: 1, seed })
  if (state === undefined) throw new Error('fast-check gave no sample')
  return state
}
