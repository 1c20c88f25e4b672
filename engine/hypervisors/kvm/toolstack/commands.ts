/** The commands of `virsh`: options and help, and the reading of a command line, in virsh's words. */
import { FerryError } from '../../../util/errors.ts'
import type { Grammar, Place } from '../../toolstack/complete.ts'
import { type OptionSpec, parseOptions } from '../../toolstack/getopt.ts'

/** As `virsh help` groups them, by their keywords. */
const GROUPS = {
  domain: 'Domain Management',
  monitor: 'Domain Monitoring',
  host: 'Host and Hypervisor',
  virsh: 'Virsh itself',
} as const
type Group = keyof typeof GROUPS

interface CommandSpec {
  readonly help: string
  /** Absent: of domains. */
  readonly group?: Group
  /** Names of its operands. */
  readonly operands: readonly string[]
  /** Whether the last operand may be left out. */
  readonly optional?: true
  /** What the operand `domain` is; absent: one that runs. */
  readonly domain?: Place
  readonly options: readonly OptionSpec[]
}

const flag = (long: string, help: string): OptionSpec => ({ long, help })
const DOMAIN = ['domain']

export const VIRSH_COMMANDS = {
  console: { help: 'connect to the guest console', operands: DOMAIN, options: [] },
  define: { help: "define (but don't start) a domain from an XML file", operands: ['file'], options: [] },
  destroy: { help: 'destroy (stop) a domain', operands: DOMAIN, options: [] },
  domid: { help: 'convert a domain name or UUID to domain id', operands: DOMAIN, options: [] },
  dominfo: { help: 'domain information', group: 'monitor', operands: DOMAIN, domain: 'any-domain', options: [] },
  domjobabort: { help: 'abort active domain job', operands: DOMAIN, options: [] },
  domjobinfo: { help: 'domain job information', operands: DOMAIN, options: [] },
  domname: { help: 'convert a domain id or UUID to domain name', operands: DOMAIN, domain: 'any-domain', options: [] },
  domstate: { help: 'domain state', group: 'monitor', operands: DOMAIN, domain: 'any-domain', options: [] },
  domuuid: { help: 'convert a domain name or id to domain UUID', operands: DOMAIN, domain: 'any-domain', options: [] },
  dumpxml: { help: 'domain information in XML', operands: DOMAIN, domain: 'any-domain', options: [] },
  help: { help: 'print help', group: 'virsh', operands: ['command'], optional: true, options: [] },
  list: {
    help: 'list domains',
    group: 'monitor',
    operands: [],
    options: [flag('all', 'list inactive & active domains'), flag('inactive', 'list inactive domains')],
  },
  migrate: {
    help: 'migrate domain to another host',
    operands: ['domain', 'desturi'],
    options: [
      flag('live', 'live migration'),
      flag('postcopy', 'enable post-copy migration'),
      flag('postcopy-after-precopy', 'automatically switch to post-copy migration after one pass of pre-copy'),
      flag('auto-converge', 'force convergence during live migration'),
      flag('compressed', 'compress repeated pages during live migration'),
      flag('persistent', 'persist VM on destination'),
      flag('undefinesource', 'undefine VM on source'),
      flag('verbose', 'display the progress of migration'),
      { long: 'bandwidth', value: 'number', help: 'migration bandwidth limit in MiB/s' },
      { long: 'migrateuri', value: 'string', help: 'migration URI, e.g. tcp://HOST:PORT' },
    ],
  },
  'migrate-setmaxdowntime': { help: 'set maximum tolerable downtime', operands: ['domain', 'downtime'], options: [] },
  'migrate-setspeed': { help: 'Set the maximum migration bandwidth', operands: ['domain', 'bandwidth'], options: [] },
  nodeinfo: { help: 'node information', group: 'host', operands: [], options: [] },
  resume: { help: 'resume a domain', operands: DOMAIN, options: [] },
  start: {
    help: 'start a (previously defined) inactive domain',
    operands: DOMAIN,
    domain: 'defined',
    options: [
      flag('console', 'attach to console after creation'),
      flag('paused', 'leave the guest paused after creation'),
    ],
  },
  suspend: { help: 'suspend a domain', operands: DOMAIN, options: [] },
  undefine: { help: 'undefine a domain', operands: DOMAIN, domain: 'any-domain', options: [] },
  version: { help: 'show version', group: 'host', operands: [], options: [] },
} as const satisfies Record<string, CommandSpec>

export type VirshName = keyof typeof VIRSH_COMMANDS

const PLACES: Readonly<Record<string, Place>> = {
  file: 'file',
  desturi: 'uri',
  command: [...Object.keys(VIRSH_COMMANDS), ...Object.keys(GROUPS)],
}

/** For completion of what follows `virsh`. */
export const VIRSH_GRAMMAR: Grammar = {
  operands: [],
  commands: Object.fromEntries(
    Object.entries<CommandSpec>(VIRSH_COMMANDS).map(([name, spec]) => [name, grammarOf(spec)]),
  ),
}

function grammarOf({ operands, domain = 'domain', options }: CommandSpec): Grammar {
  const places = operands.map((operand): Place => (operand === 'domain' ? domain : (PLACES[operand] ?? [])))
  const named = operands.map((long, i) => ({ long, value: 'string', place: places[i] }))
  return { operands: places, options: [...options, ...named] }
}

export interface VirshCommand {
  readonly name: Exclude<VirshName, 'help'>
  readonly options: ReadonlyMap<string, string | true>
  readonly operands: readonly string[]
}

/** What help is wanted for; null: for all. */
export type VirshTopic = VirshName | Group | null

const isName = (word: string): word is VirshName => Object.hasOwn(VIRSH_COMMANDS, word)
const isGroup = (word: string): word is Group => Object.hasOwn(GROUPS, word)

/** What follows `virsh`. @throws FerryError `toolstack.usage`, whose message is what virsh prints */
export function parseVirsh(words: readonly string[]): VirshCommand | { readonly helpFor: VirshTopic } {
  const [name, ...rest] = words
  if (name === undefined || name === '--help' || name === '-h') return { helpFor: null }
  if (!isName(name)) throw usage(`unknown command: '${name}'`)
  if (rest.includes('--help')) return { helpFor: name }
  const spec: CommandSpec = VIRSH_COMMANDS[name]
  // An operand may be given by its name too: --domain NAME.
  const named = spec.operands.map((long): OptionSpec => ({ long, value: 'string', help: '' }))
  const { options, operands } = parsed(rest, [...spec.options, ...named], name)
  const left = [...operands]
  const values = spec.operands.flatMap((operand) => {
    const given = options.get(operand)
    const value = typeof given === 'string' ? given : left.shift()
    if (value === undefined && spec.optional !== true) throw usage(`command '${name}' requires <${operand}> option`)
    return value ?? []
  })
  if (left.length > 0) throw usage(`unexpected data '${left[0]}'`)
  if (name === 'help') return { helpFor: topicOf(values[0]) }
  return { name, options, operands: values }
}

function topicOf(word: string | undefined): VirshTopic {
  if (word === undefined) return null
  // Neither is the name of the other.
  if (isName(word) || isGroup(word)) return word
  throw usage(`command or command group '${word}' doesn't exist`)
}

function parsed(words: readonly string[], specs: readonly OptionSpec[], name: string) {
  try {
    return parseOptions(words, specs)
  } catch (thrown) {
    const option = /option (-\S+) not recognized/.exec(FerryError.from(thrown).message)?.[1]
    if (option !== undefined) throw usage(`command '${name}' doesn't support option ${option}`)
    throw usage(`expected syntax: ${FerryError.from(thrown).message}`)
  }
}

/** Help for a command, for a group of them, or for all. */
export function virshHelp(topic: VirshTopic): string {
  if (topic === null) {
    const groups = Object.keys(GROUPS).filter(isGroup).map(groupHelp)
    return ['Grouped commands:\n', ...groups, ''].join('\n')
  }
  return isGroup(topic) ? groupHelp(topic) : commandHelp(topic)
}

function groupHelp(group: Group): string {
  const members = Object.entries<CommandSpec>(VIRSH_COMMANDS).filter(([, spec]) => (spec.group ?? 'domain') === group)
  const lines = members.map(([command, { help }]) => `    ${command.padEnd(30)} ${help}`)
  return [` ${GROUPS[group]} (help keyword '${group}'):`, ...lines, ''].join('\n')
}

function commandHelp(name: VirshName): string {
  const { help, operands, options, optional }: CommandSpec = VIRSH_COMMANDS[name]
  const synopsis = [
    name,
    ...operands.map((o) => (optional === true ? `[<${o}>]` : `<${o}>`)),
    ...options.map((o) => `[--${o.long}${o.value === undefined ? '' : ` <${o.value}>`}]`),
  ]
  const lines = [
    ...operands.map((o) => `    ${`[--]${o} <string>`.padEnd(28)} `.trimEnd()),
    ...options.map((o) => `    ${`--${o.long}${o.value === undefined ? '' : ` <${o.value}>`}`.padEnd(28)} ${o.help}`),
  ]
  const rest = lines.length === 0 ? [] : ['', '  OPTIONS', ...lines]
  return ['  NAME', `    ${name} - ${help}`, '', '  SYNOPSIS', `    ${synopsis.join(' ')}`, ...rest, ''].join('\n')
}

const usage = (message: string) => new FerryError('toolstack.usage', message)
