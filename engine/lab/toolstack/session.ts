/** What a command of a host's terminal has to do with, and what it gives back. */
import type { CommandResult } from '../../contract/toolstack.ts'
import type { ActiveRun } from '../active-run.ts'
import type { Guest } from '../guest.ts'
import type { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import type { DomainIds } from './domain-ids.ts'
import type { HostFiles } from './files.ts'

/** What all terminals of one host have in common. */
export interface Toolstack {
  readonly lab: Lab
  readonly runs: Runs
  readonly host: Host
  readonly files: HostFiles
  readonly ids: DomainIds
  /** Lines given, the oldest first. */
  readonly history: string[]
  /** Files of another host. @throws FerryError `host.unknown` */
  filesOf(host: string): HostFiles
  /** Reads the configuration files of the host again, as restarting its daemon does. @throws FerryError `config.*` */
  reconfigure(): Promise<void>
}

/** A terminal. */
export interface Session extends Toolstack {
  /** Working directory. */
  directory: string
  /** Migrations that a command is waiting for. */
  readonly waiting: Set<ActiveRun>
}

export type Outcome = Omit<CommandResult, 'directory'>

export const printed = (output: string): Outcome => ({ output, status: 0, next: null })
export const failed = (output: string, status = 1): Outcome => ({ output, status, next: null })

/** A guest of the session's host, by name or domain id. */
export function findGuest({ host, ids }: Session, nameOrId: string): Guest | undefined {
  const guests = [...host.guests.values()]
  return (
    guests.find(({ identity }) => identity.name === nameOrId) ??
    guests.find((guest) => String(ids.of(guest)) === nameOrId)
  )
}
