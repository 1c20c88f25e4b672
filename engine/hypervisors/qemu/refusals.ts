/** What QEMU's machine cannot be, though ours can. Asked before a migration, and by `pack`. */
import { FerryError } from '../../util/errors.ts'
import type { MachineState } from '../../vmstate/state.ts'
import type { Refusal } from '../hypervisor.ts'
import { networkPortsFit, pciMismatch } from './pci.ts'
import { TSC_KHZ } from './timer.ts'

const STATUS_DRQ = 0x08
const LSR_TRANSMITTER_EMPTY = 0x40

/** Whether the first drives of both channels are what QEMU's machine has, and nobody else is there. */
function drivesFit({ ide }: MachineState): boolean {
  const [first, second] = ide.channels
  const disk = first?.drives[0]
  const cd = second?.drives[0]
  if (disk?.atapi === true || cd?.present !== true || !cd.atapi) return false
  return first?.drives[1]?.present !== true && second?.drives[1]?.present !== true
}

/** Everything for which a guest in this state cannot go to QEMU; empty: it can. */
export function refusals(state: MachineState): Refusal[] {
  const found: Refusal[] = []
  const unless = (fits: boolean, what: string, why: string): void => {
    if (!fits) found.push({ what, why })
  }
  const { cpu, ide, serial, pci } = state
  unless(
    state.lapic === undefined && state.ioapic === undefined,
    'apic',
    "The guest's machine has a local APIC and an I/O APIC; QEMU's has none, so that interrupts go through the PIC.",
  )
  unless(cpu.efer === 0n, 'efer', 'The guest has set EFER, which the stream of a 32-bit QEMU does not have.')
  unless(
    cpu.tscKHz === TSC_KHZ,
    'tsc-rate',
    `The guest's time stamp counter runs at ${cpu.tscKHz} kHz; QEMU's runs at ${TSC_KHZ} kHz.`,
  )
  unless(state.nic !== undefined, 'network-card', "The guest's machine has no network card; QEMU's has one.")
  unless(
    drivesFit(state),
    'drives',
    "The guest's machine has other drives than QEMU's: a disk or none, and a CD-ROM drive.",
  )
  const transferring = ide.channels.some(({ drives }) => drives.some(({ status }) => (status & STATUS_DRQ) !== 0))
  unless(!transferring, 'disk-transfer', 'A transfer through the data port of a drive is half done; try again.')
  unless(
    (serial.lsr & LSR_TRANSMITTER_EMPTY) !== 0,
    'serial-transmitter',
    'The serial port has a byte to send that the state does not tell.',
  )
  unless(
    networkPortsFit(pci),
    'network-ports',
    "The network card's ports lie among those of other devices: QEMU's card takes 256 of them. Start the guest anew.",
  )
  const bus = pciMismatch(pci)
  unless(bus === undefined, 'pci-function', bus ?? '')
  return found
}

/** Throws `native.<what>` for the first refusal. */
export function refuseWhatCannotBe(state: MachineState): void {
  const [first] = refusals(state)
  if (first === undefined) return
  throw new FerryError(`native.${first.what}`, `${first.why} The guest stays where it is.`, { what: first.what })
}
