/** The terminals of a lab's hosts, each made when it is first asked for, gone with its host. */
import type { HostKind } from '../../contract/report.ts'
import type { CommandResult } from '../../contract/toolstack.ts'
import { splitWords } from '../../hypervisors/toolstack/words.ts'
import { FerryError } from '../../util/errors.ts'
import type { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import { initialFiles, settingsOf } from './configuration.ts'
import { DomainIds } from './domain-ids.ts'
import { DOMAINS_XEN, DOMAINS_XML, HOME, HostFiles } from './files.ts'
import { failed, type Outcome, printed, type Session, type Toolstack } from './session.ts'
import { DAEMON, service } from './services.ts'
import { SHELL_COMMANDS } from './shell.ts'
import { virsh } from './virsh.ts'
import { xm } from './xm.ts'

const MAX_HISTORY = 500
/** Of a host, that are remembered. */
const MAX_TERMINALS = 32
/** There even while nothing is in them. */
const DIRECTORIES = [HOME, DOMAINS_XEN, DOMAINS_XML, '/tmp']

interface OfHost {
  readonly toolstack: Toolstack
  readonly terminals: Map<string, Session>
}

export class Toolstacks {
  readonly #lab: Lab
  readonly #runs: Runs
  readonly #ids: DomainIds
  readonly #hosts = new WeakMap<Host, OfHost>()

  constructor(lab: Lab, runs: Runs) {
    this.#lab = lab
    this.#runs = runs
    this.#ids = new DomainIds(lab)
  }

  /** What a host's terminals have in common. @throws FerryError `host.unknown` */
  toolstack(host: string): Toolstack {
    return this.#of(host).toolstack
  }

  /** One of its terminals. @throws FerryError `host.unknown` */
  session(host: string, terminal: string): Session {
    const { toolstack, terminals } = this.#of(host)
    const session = terminals.get(terminal) ?? { ...toolstack, directory: HOME, waiting: new Set() }
    // The one that was used longest ago is forgotten first: all that is lost is where it was.
    terminals.delete(terminal)
    terminals.set(terminal, session)
    for (const [name, { waiting }] of terminals) {
      if (terminals.size <= MAX_TERMINALS) break
      if (waiting.size === 0) terminals.delete(name)
    }
    return session
  }

  /** Carries out a line. Whatever the command has to complain about is in its output. @throws FerryError `host.unknown` */
  async run(host: string, terminal: string, line: string): Promise<CommandResult> {
    const session = this.session(host, terminal)
    const { history } = session
    if (line.trim() !== '' && history.at(-1) !== line) history.push(line)
    if (history.length > MAX_HISTORY) history.shift()
    const outcome = await carryOut(session, line)
    return { ...outcome, directory: session.directory }
  }

  /** Cancels what commands of the terminal are waiting for. @returns how many migrations end by that */
  interrupt(host: string, terminal: string): number {
    return [...this.session(host, terminal).waiting].filter((run) => run.cancel()).length
  }

  #of(name: string): OfHost {
    const host = this.#lab.host(name)
    const known = this.#hosts.get(host)
    if (known !== undefined) return known
    const files = new HostFiles(name, initialFiles(host), DIRECTORIES, (path) => settingsOf(this.#lab, host, path))
    const toolstack: Toolstack = {
      lab: this.#lab,
      runs: this.#runs,
      ids: this.#ids,
      host,
      files,
      history: [],
      filesOf: (other) => this.toolstack(other).files,
      reconfigure: async () => {
        for (const { path } of files.list) await settingsOf(this.#lab, host, path)?.(files.read(path).text, path)
      },
    }
    const made = { toolstack, terminals: new Map<string, Session>() }
    this.#hosts.set(host, made)
    return made
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

/** What each kind of host calls its toolstack. */
const TOOL: Readonly<Partial<Record<HostKind, string>>> = { xen: 'xm', kvm: 'virsh' }

function help({ host }: Session): string {
  const [tool, daemon] = [TOOL[host.kind], DAEMON[host.kind]]
  const line = (command: string, what: string): string => `  ${command.padEnd(30)} ${what}`
  const shell = Object.entries(SHELL_COMMANDS).map(([name, { usage, help: what }]) => line(`${name} ${usage}`, what))
  return [
    ...[`Commands of ${host.name}:`, ''],
    ...(tool === undefined
      ? []
      : [line(`${tool} SUBCOMMAND`, `the toolstack; \`${tool} help\` lists its subcommands`)]),
    ...shell,
    ...(daemon === undefined ? [] : [line(`service ${daemon.unit} restart`, 'read the configuration files again')]),
    '',
  ].join('\n')
}
