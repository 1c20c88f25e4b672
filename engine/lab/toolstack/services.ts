/** The daemon of a host, as `service` and `systemctl` have it. */
import type { HostKind } from '../../contract/report.ts'
import type { Grammar } from '../../hypervisors/toolstack/complete.ts'
import type { Host } from '../host.ts'
import { failed, type Outcome, printed, type Session } from './session.ts'

/** The daemon of each kind of host, which reads the configuration. */
export const DAEMON: Readonly<Partial<Record<HostKind, { readonly unit: string; readonly title: string }>>> = {
  xen: { unit: 'xend', title: 'xend daemon' },
  kvm: { unit: 'libvirtd', title: 'libvirtd daemon' },
}

const RESTART = ['restart', 'reload', 'force-reload']
/** What can be asked of a daemon. */
const VERBS = [...RESTART, 'status']

/** For completion of what follows the command. */
export function serviceGrammar(kind: Host['kind'], command: 'service' | 'systemctl'): Grammar {
  const unit = DAEMON[kind]?.unit
  const units = unit === undefined ? [] : [unit]
  return { operands: command === 'service' ? [units, VERBS] : [VERBS, units] }
}

/** `service xend restart`, `systemctl restart libvirtd`. */
export async function service(session: Session, command: string, words: readonly string[]): Promise<Outcome> {
  const [unit, verb] = command === 'service' ? words : [words[1], words[0]]
  const daemon = DAEMON[session.host.kind]
  if (unit === undefined || verb === undefined) {
    return failed(
      command === 'service' ? 'Usage: service SERVICE restart|status\n' : 'Usage: systemctl restart|status UNIT\n',
      2,
    )
  }
  if (daemon === undefined || unit.replace(/\.service$/, '') !== daemon.unit)
    return failed(`${unit}: unrecognized service\n`, 1)
  if (verb === 'status') return printed(`${daemon.unit} is running\n`)
  if (!RESTART.includes(verb)) {
    return failed(
      `ferry: ${daemon.unit} of this lab can be restarted; it is not stopped, for its guests would be lost.\n`,
    )
  }
  await session.reconfigure()
  return printed(command === 'service' ? `Restarting ${daemon.title}: ${daemon.unit}.\n` : '')
}
