/** The commands of `xm`: their options and help, and the reading of a command line, in the words of xm's main.py. */
import { FerryError } from '../../../util/errors.ts'
import type { Grammar, Place } from '../../toolstack/complete.ts'
import { type OptionSpec, parseOptions } from '../../toolstack/getopt.ts'

interface CommandSpec {
  readonly usage: string
  readonly help: string
  /** Fewest and most operands. */
  readonly operands: readonly [number, number]
  /** What they are. */
  readonly places: readonly Place[]
  readonly options: readonly OptionSpec[]
}

const QUIET: OptionSpec = { long: 'quiet', short: 'q', help: 'Quiet.' }
const LONG: OptionSpec = { long: 'long', short: 'l', help: 'Output all VM details in SXP.' }

const DOMAIN: readonly Place[] = ['domain']

export const XM_COMMANDS = {
  console: { usage: '<Domain>', help: "Attach to <Domain>'s console", operands: [1, 1], places: DOMAIN, options: [] },
  create: {
    usage: '<ConfigFile> [options] [vars]',
    help: 'Create a domain based on <ConfigFile>',
    operands: [1, 1],
    places: ['config'],
    options: [
      QUIET,
      { long: 'paused', short: 'p', help: 'Leave the domain paused after it is created.' },
      { long: 'console_autoconnect', short: 'c', help: 'Connect to the console after the domain is created.' },
      { long: 'dryrun', short: 'n', help: 'Dry run - prints the resulting configuration but does not create it.' },
    ],
  },
  destroy: { usage: '<Domain>', help: 'Terminate a domain immediately', operands: [1, 1], places: DOMAIN, options: [] },
  domid: {
    usage: '<DomainName>',
    help: 'Convert a domain name to domain id',
    operands: [1, 1],
    places: DOMAIN,
    options: [],
  },
  domname: { usage: '<DomId>', help: 'Convert a domain id to domain name', operands: [1, 1], places: [], options: [] },
  info: { usage: '', help: 'Get information about Xen host', operands: [0, 0], places: [], options: [] },
  list: {
    usage: '[options] [Domain, ...]',
    help: 'List information about all/some domains',
    operands: [0, 64],
    places: DOMAIN,
    options: [LONG],
  },
  migrate: {
    usage: '<Domain> <Host>',
    help: 'Migrate a domain to another machine',
    operands: [2, 2],
    places: ['domain', 'host'],
    options: [
      { long: 'live', short: 'l', help: 'Use live migration.' },
      { long: 'port', short: 'p', value: 'portnum', help: 'Use specified port for migration.' },
    ],
  },
  pause: { usage: '<Domain>', help: 'Pause execution of a domain', operands: [1, 1], places: DOMAIN, options: [] },
  unpause: { usage: '<Domain>', help: 'Unpause a paused domain', operands: [1, 1], places: DOMAIN, options: [] },
} as const satisfies Record<string, CommandSpec>

export type XmName = keyof typeof XM_COMMANDS

/** For completion of what follows `xm`. */
export const XM_GRAMMAR: Grammar = {
  operands: [],
  commands: {
    ...Object.fromEntries(
      Object.entries<CommandSpec>(XM_COMMANDS).map(([name, { places, operands, options }]) => [
        name,
        { operands: places, repeats: operands[1] > places.length, options },
      ]),
    ),
    help: { operands: [Object.keys(XM_COMMANDS)] },
  },
}

export interface XmCommand {
  readonly name: XmName
  readonly options: ReadonlyMap<string, string | true>
  readonly operands: readonly string[]
  /** What was taken as something else than it says, for the user to learn. */
  readonly notes: readonly string[]
}

const isName = (word: string): word is XmName => Object.hasOwn(XM_COMMANDS, word)

/**
 * What follows `xm`. Null: help was asked for, which `xmHelp` has.
 * @throws FerryError `toolstack.usage`, whose message is what xm prints
 */
export function parseXm(words: readonly string[]): XmCommand | { readonly helpFor: XmName | null } {
  const [word, ...rest] = words
  if (word === undefined || word === '--help' || word === '-h') return { helpFor: null }
  if (word === 'help') return { helpFor: rest[0] !== undefined && isName(rest[0]) ? rest[0] : null }
  // As xm has them: "li" and "ls" are list, "vcpu-list" is none of ours.
  const name = ALIASES[word] ?? word
  if (!isName(name)) throw usage(`Error: Sub Command '${word}' not found!\n\n${xmHelp(null)}`)
  if (rest.includes('--help') || rest.includes('-h')) return { helpFor: name }
  const spec: CommandSpec = XM_COMMANDS[name]
  const notes: string[] = []
  // In the literature the option has one dash only.
  const options = rest.map((option) => {
    if (name !== 'migrate' || option !== '-live') return option
    notes.push('ferry: "-live" was taken as "--live", which is how xm writes it.')
    return '--live'
  })
  const parsed = parsedOf(options, spec, name)
  const [fewest, most] = spec.operands
  if (parsed.operands.length < fewest || parsed.operands.length > most) {
    const some =
      fewest === most ? String(fewest) : parsed.operands.length < fewest ? `at least ${fewest}` : `at most ${most}`
    throw usage(`Error: 'xm ${name}' requires ${some} argument${some.endsWith('1') ? '' : 's'}!\n\n${xmHelp(name)}`)
  }
  return { name, notes, ...parsed }
}

const ALIASES: Readonly<Record<string, XmName>> = { li: 'list', ls: 'list' }

function parsedOf(words: readonly string[], spec: CommandSpec, name: XmName) {
  try {
    return parseOptions(words, spec.options)
  } catch (thrown) {
    throw usage(`Error: ${FerryError.from(thrown).message}\n\n${xmHelp(name)}`)
  }
}

/** Help for a command, or for all. */
export function xmHelp(name: XmName | null): string {
  if (name === null) {
    const helps = { ...XM_COMMANDS, help: { help: 'Display this message' } }
    const lines = Object.entries(helps).map(([command, { help }]) => ` ${command.padEnd(20)} ${help}.`)
    return [
      'Usage: xm <subcommand> [args]',
      '',
      'Control, list, and manipulate Xen guest instances.',
      '',
      'xm subcommand list:',
      '',
      ...lines.sort(),
      '',
      '<Domain> can either be the Domain Name or Id.',
      "For more help on 'xm' see the xm(1) man page.",
      '',
    ].join('\n')
  }
  const { usage: words, help, options }: CommandSpec = XM_COMMANDS[name]
  const lines = options.map(({ long, short, value, help: what }) => {
    const names = [...(short === undefined ? [] : [`-${short}`]), `--${long}${value === undefined ? '' : `=${value}`}`]
    return `  ${names.join(', ').padEnd(30)} ${what}`
  })
  return [`Usage: xm ${name} ${words}`.trimEnd(), '', `${help}.`, ...(lines.length > 0 ? ['', ...lines] : []), ''].join(
    '\n',
  )
}

const usage = (text: string) => new FerryError('toolstack.usage', text)
