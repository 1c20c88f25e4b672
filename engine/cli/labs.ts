/** The labs that run on this computer, for the commands that act on one of them. */
import { type ControlClient, runningLabs } from '../lab/control-client.ts'
import { FerryError } from '../util/errors.ts'
import { usageError } from './errors.ts'

/** Connects to all labs for as long as the work lasts. */
export async function withLabs<T>(work: (labs: ControlClient[]) => Promise<T>): Promise<T> {
  const labs = await runningLabs()
  try {
    return await work(labs)
  } finally {
    for (const lab of labs) lab.close()
  }
}

/** Does something with the lab that has such a host. @throws FerryError `host.unknown`, `usage` where two labs have one */
export function withHost<T>(name: string, work: (lab: ControlClient) => Promise<T>): Promise<T> {
  return withLabs(async (labs) => work(await labOf(labs, name)))
}

async function labOf(labs: readonly ControlClient[], name: string): Promise<ControlClient> {
  const found: ControlClient[] = []
  for (const lab of labs) if ((await lab.call('hosts.list', {})).some((host) => host.name === name)) found.push(lab)
  if (found.length === 1) return found[0]
  if (found.length > 1) throw usageError(`More than one running lab has a host "${name}". End one of them.`)
  const message = `No running lab has a host "${name}". \`ferry hosts\` lists those there are.`
  throw new FerryError('host.unknown', message, { host: name })
}
