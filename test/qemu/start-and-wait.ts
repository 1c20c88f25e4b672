/** A program of its own for a test that kills it: starts a QEMU, tells its process id and folder, and waits. */
import { machineArguments } from '../../engine/hypervisors/qemu/machine-arguments.ts'
import { requireQemu } from '../../engine/qemu/find.ts'
import { QemuProcess } from '../../engine/qemu/process.ts'

const MIB = 2 ** 20
const { pid, folder } = await QemuProcess.start({
  program: await requireQemu(),
  disk: null,
  command: (netdev, _drive, further) =>
    machineArguments({
      ...{ ramBytes: 16 * MIB, vgaBytes: MIB, mac: '02:fe:00:00:01:01', netdev, disk: null },
      further: [...further, '-S'],
    }),
  onSerial: () => undefined,
  onFrame: () => undefined,
  onExit: () => undefined,
})
process.stdout.write(`${JSON.stringify({ pid, folder })}\n`)
setInterval(() => undefined, 1000)
