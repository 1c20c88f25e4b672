/** Completion of a line of a host's terminal: the grammar of its commands, and what there is in the lab. */
import { VIRSH_GRAMMAR } from '../../hypervisors/kvm/toolstack/commands.ts'
import { type Completed, complete, type Grammar, type Surroundings } from '../../hypervisors/toolstack/complete.ts'
import { XM_GRAMMAR } from '../../hypervisors/xen/toolstack/commands.ts'
import type { Host } from '../host.ts'
import { DOMAINS_XML, DOMAINS_XEN, HOME, normalPath } from './files.ts'
import { serviceGrammar } from './services.ts'
import type { Session } from './session.ts'
import { SHELL_COMMANDS } from './shell.ts'
import { uriOf } from './virsh-migration.ts'

/** @param cursor in UTF-16 units */
export function completeLine(session: Session, line: string, cursor: number): Completed {
  return complete(line, cursor, grammarOf(session.host), surroundings(session))
}

const SHELL_GRAMMARS = Object.entries(SHELL_COMMANDS).map(([name, { takes }]): [string, Grammar] => [
  name,
  { operands: takes, repeats: true },
])

function grammarOf({ kind }: Host): Grammar {
  return {
    operands: [],
    commands: {
      ...Object.fromEntries(SHELL_GRAMMARS),
      ...(kind === 'xen' ? { xm: XM_GRAMMAR } : kind === 'kvm' ? { virsh: VIRSH_GRAMMAR } : {}),
      help: { operands: [] },
      service: serviceGrammar(kind, 'service'),
      systemctl: serviceGrammar(kind, 'systemctl'),
    },
  }
}

function surroundings(session: Session): Surroundings {
  const { lab, host, files, directory } = session
  const running = [...host.guests.values()].map(({ identity }) => identity.name)
  const definitions = files.names(DOMAINS_XML).flatMap((name) => (name.endsWith('.xml') ? [name.slice(0, -4)] : []))
  const others = [...lab.hosts.values()].filter(({ name }) => name !== host.name)
  return {
    domains: running,
    defined: definitions.filter((name) => !running.includes(name)),
    hosts: others.map(({ name }) => name),
    uris: others.map(uriOf),
    configs: DOMAINS_XEN,
    names: (path, of) =>
      of === undefined ? files.names(normalPath(path, directory)) : session.filesOf(of).names(normalPath(path, HOME)),
  }
}
