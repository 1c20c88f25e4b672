/** How a machine in QEMU comes to be: a process with the command line of our PC that waits for a guest. */
import { machineArguments } from '../hypervisors/qemu/machine-arguments.ts'
import type { Machine, MachineConfig } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import { Arrival, type Way } from './arrival.ts'
import type { QemuProgram } from './find.ts'
import { QemuProcess } from './process.ts'
import { memoryTrapRefusal } from './memory-trap.ts'
import { QemuMachine, type QemuParts } from './qemu-machine.ts'
import { GuestRam, ramArguments } from './ram.ts'

/** QEMU would end its stream with a description of all devices, which it writes, and Ferry reads, while the guest stands still. */
const NO_DESCRIPTION = ['-machine', 'suppress-vmdesc=on']

/**
 * @param firmware carries out boot plans: a machine of another kind
 * @param way how the guest comes
 * @throws FerryError `machine.config` for what QEMU's machine has not, `qemu.userfaultfd` where no memory may come late,
 *   `qemu.start`, `qemu.*`; nothing is left behind
 */
export async function createQemuMachine(
  config: MachineConfig,
  program: QemuProgram,
  firmware: QemuParts['firmware'],
  way: Way = 'whole',
): Promise<Machine> {
  if (config.apic) throw new FerryError('machine.config', "QEMU's machine has no APIC; the guest's has one.")
  const refusal = way === 'late' ? memoryTrapRefusal() : null
  if (refusal !== null) throw new FerryError('qemu.userfaultfd', refusal)
  const { ramBytes, vgaBytes, mac, disk } = config
  let machine: QemuMachine | null = null
  const process = await QemuProcess.start({
    program,
    disk,
    command: (netdev, drive, further) =>
      machineArguments({
        ...{ ramBytes, vgaBytes, mac, netdev, disk: drive },
        further: [...ramArguments(ramBytes), ...NO_DESCRIPTION, ...further, '-incoming', 'defer', '-S'],
      }),
    onSerial: (bytes) => machine?.wrote(bytes),
    onFrame: (frame) => machine?.sent(frame),
    onExit: (error) => machine?.processEnded(error),
  })
  try {
    const arrival = await Arrival.open({ qmp: process.qmp, folder: process.folder, ramBytes, vgaBytes, way })
    const ram = GuestRam.open(process.pid, ramBytes)
    machine = new QemuMachine(config, { process, arrival, ram, firmware })
    return machine
  } catch (thrown) {
    await process.end()
    throw thrown
  }
}
