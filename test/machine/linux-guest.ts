/** The Linux guest on a machine of its own, at its prompt. */
import type { LoadedGuest } from '../../images/guest.ts'
import type { Machine, MachineConfig } from '../../engine/machine/machine.ts'
import { bootOf, Console, machine, MIB } from './helpers.ts'

/** @returns the machine, its console, and what a second machine for it has to be like */
export async function bootLinux(
  linux: LoadedGuest,
): Promise<{ first: Machine; console: Console; changes: Partial<MachineConfig> }> {
  const memoryMb = Math.max(64, linux.minimumMb)
  const changes = { ramBytes: memoryMb * MIB, disk: new SharedArrayBuffer(8 * MIB) }
  const first = await machine(changes)
  const console = new Console(first, 60_000)
  await first.boot(bootOf(linux.plan({ memoryMb, address: '10.0.0.2/24' })))
  await first.resume()
  await console.waitFor(linux.ready ?? /# $/)
  return { first, console, changes }
}
