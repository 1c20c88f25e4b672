/** The terminals of a lab's hosts: one session each, made when it is first asked for, gone with its host. */
import type { CommandResult } from '../../contract/toolstack.ts'
import { splitWords } from '../../hypervisors/toolstack/words.ts'
import { FerryError } from '../../util/errors.ts'
import type { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import { initialFiles, settingsOf } from './configuration.ts'
import { DomainIds } from './domain-ids.ts'
import { HostFiles } from './files.ts'
import { failed, type Outcome, printed, type Session } from './session.ts'
import { SHELL_COMMANDS } from './shell.ts'
import { virsh } from './virsh.ts'
import { xm } from './xm.ts'

const MAX_HISTORY = 500

export class Toolstacks {
  readonly #lab: Lab
  readonly #runs: Runs
  readonly #ids: DomainIds
  readonly #sessions = new WeakMap<Host, Session>()

  constructor(lab: Lab, runs: Runs) {
    this.#lab = lab
    this.#runs = runs
    this.#ids = new DomainIds(lab)
  }

  /** @throws FerryError `host.unknown` */
  session(name: string): Session {
    const host = this.#lab.host(name)
    const known = this.#sessions.get(host)
    if (known !== undefined) return known
    const files = new HostFiles(name, initialFiles(host), ['/root', '/etc/xen', '/etc/libvirt/qemu', '/tmp'], (path) =>
      settingsOf(this.#lab, host, path),
    )
    const session: Session = {
      lab: this.#lab,
      runs: this.#runs,
      ids: this.#ids,
      host,
      files,
      directory: '/root',
      history: [],
      waiting: new Set(),
      filesOf: (other) => this.session(other).files,
      reconfigure: async () => {
        for (const { path } of files.list) await settingsOf(this.#lab, host, path)?.(files.read(path).text, path)
      },
    }
    this.#sessions.set(host, session)
    return session
  }

  /** Carries out a line. Whatever the command has to complain about is in its output. @throws FerryError `host.unknown` */
  async run(name: string, line: string): Promise<CommandResult> {
    const session = this.session(name)
    const { history } = session
    if (line.trim() !== '' && history.at(-1) !== line) history.push(line)
    if (history.length > MAX_HISTORY) history.shift()
    const outcome = await carryOut(session, line)
    return { ...outcome, directory: session.directory }
  }

  /** Cancels what commands of the host are waiting for. @returns how many migrations end by that */
  interrupt(name: string): number {
    return [...this.session(name).waiting].filter((run) => run.cancel()).length
  }
}

async function carryOut(session: Session, line: string): Promise<Outcome> {
  try {
    const [command, ...words] = splitWords(line)
    if (command === undefined) return printed('')
    if (command === 'help') return printed(help(session))
    if (command === 'xm' && session.host.kind === 'xen') return await xm(session, words)
    if (command === 'virsh' && session.host.kind === 'kvm') return await virsh(session, words)
    if (command === 'service' || command === 'systemctl') return await service(session, command, words)
    if (Object.hasOwn(SHELL_COMMANDS, command)) return await SHELL_COMMANDS[command].run(session, words)
    return failed(`bash: ${command}: command not found\n`, 127)
  } catch (thrown) {
    const { code, message } = FerryError.from(thrown)
    return failed(
      code === 'toolstack.syntax' ? `bash: ${message}\n` : `${message}\n`,
      code === 'toolstack.syntax' ? 2 : 1,
    )
  }
}

/** The daemon of each kind of host, which reads the configuration. */
const DAEMON = { xen: { unit: 'xend', title: 'xend daemon' }, kvm: { unit: 'libvirtd', title: 'libvirtd daemon' } }

/** `service xend restart`, `systemctl restart libvirtd`. */
async function service(session: Session, command: string, words: readonly string[]): Promise<Outcome> {
  const [unit, verb] = command === 'service' ? words : [words[1], words[0]]
  const daemon = DAEMON[session.host.kind]
  if (unit === undefined || verb === undefined) {
    return failed(
      command === 'service' ? 'Usage: service SERVICE restart|status\n' : 'Usage: systemctl restart|status UNIT\n',
      2,
    )
  }
  if (unit.replace(/\.service$/, '') !== daemon.unit) return failed(`${unit}: unrecognized service\n`, 1)
  if (verb === 'status') return printed(`${daemon.unit} is running\n`)
  if (!['restart', 'reload', 'force-reload'].includes(verb)) {
    return failed(
      `ferry: ${daemon.unit} of this lab can be restarted; it is not stopped, for its guests would be lost.\n`,
    )
  }
  await session.reconfigure()
  return printed(command === 'service' ? `Restarting ${daemon.title}: ${daemon.unit}.\n` : '')
}

function help({ host }: Session): string {
  const tool = host.kind === 'xen' ? 'xm' : 'virsh'
  const first = `  ${`${tool} SUBCOMMAND`.padEnd(30)} the toolstack; \`${tool} help\` lists its subcommands`
  const unit = DAEMON[host.kind].unit
  const shell = Object.entries(SHELL_COMMANDS).map(
    ([name, { usage, help: what }]) => `  ${`${name} ${usage}`.padEnd(30)} ${what}`,
  )
  const restart = `  ${`service ${unit} restart`.padEnd(30)} read the configuration files again`
  return [`Commands of ${host.name}:`, '', first, ...shell, restart, ''].join('\n')
}
