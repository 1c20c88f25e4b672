/** From a domain's configuration, whatever its syntax, to a guest of the lab. */
import { loadManifest } from '../../../images/manifest.ts'
import type { GuestView } from '../../contract/lab.ts'
import type { Extra } from '../../hypervisors/toolstack/extra.ts'
import { FerryError } from '../../util/errors.ts'
import type { Session } from './session.ts'

/** Size of a disk that a configuration names, MiB. */
const DISK_MB = 16

export interface Domain extends Extra {
  readonly name: string
  readonly kernel: string
  readonly memoryMb: number | undefined
  readonly hasDisk: boolean
}

/** The image that a kernel's path means: `/boot/labos` is LabOS. @throws FerryError `toolstack.kernel` */
export async function imageOf(kernel: string): Promise<string> {
  const name = (kernel.split('/').at(-1) ?? '').replace(/\.(elf|gz|bin)$/, '').replace(/^vmlinuz-/, '')
  const known = (await loadManifest()).images.map((image) => image.name)
  if (known.includes(name)) return name
  const there = known.map((image) => `/boot/${image}`).join(', ')
  throw new FerryError('toolstack.kernel', `Kernel image does not exist: ${kernel}. There are: ${there}.`)
}

/** Creates the guest on the session's host. @throws FerryError `toolstack.*`, and what `Lab.createGuest` throws */
export async function createDomain({ lab, host }: Session, domain: Domain): Promise<GuestView> {
  const { name, kernel, memoryMb, hasDisk, workload, heartbeatMs } = domain
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    const message = `"${name}" cannot name a domain of this lab: a name has 1 to 32 of a-z, 0-9 and -.`
    throw new FerryError('toolstack.name', message, { name })
  }
  if (heartbeatMs !== undefined && !(Number.isInteger(heartbeatMs) && heartbeatMs >= 0 && heartbeatMs <= 60_000)) {
    throw new FerryError('toolstack.heartbeat', 'hb= is a number of milliseconds from 0 to 60000.')
  }
  if (memoryMb !== undefined && memoryMb > 1024) {
    throw new FerryError('toolstack.memory', 'A guest of this lab has at most 1024 MiB of memory.')
  }
  const taken = [...lab.guests.values()].find(({ identity }) => identity.name === name)
  if (taken !== undefined) {
    const where = taken.residence.host
    const message = `There is a guest named ${name} on ${where} already, and names are one in the whole lab. Destroy it there, or give this domain another name in its file.`
    throw new FerryError('toolstack.name', message, { name, host: where })
  }
  return lab.createGuest({
    image: await imageOf(kernel),
    host: host.name,
    name,
    disk_MB: hasDisk ? DISK_MB : 0,
    ...(memoryMb === undefined ? {} : { ram_MB: memoryMb }),
    ...(workload === undefined ? {} : { workload }),
    ...(heartbeatMs === undefined ? {} : { heartbeat_ms: heartbeatMs }),
  })
}
