/** Completion of a command line: what may stand at a place of it, by the grammar of commands. Pure. */
import type { OptionSpec } from './getopt.ts'
import { escapeWord, unfinishedLine } from './words.ts'

/** What an operand is; a list has its words. */
export type Place =
  /** One that runs here. */
  | 'domain'
  /** One that is defined here, and does not run. */
  | 'defined'
  | 'any-domain'
  | 'host'
  /** Of the libvirt, or the xend, of another host. */
  | 'uri'
  | 'file'
  | 'directory'
  /** A file here or in the folder of domains' configurations. */
  | 'config'
  /** A file here, or `root@HOST:FILE`. */
  | 'remote-file'
  | readonly string[]

export interface Grammar {
  readonly operands: readonly Place[]
  /** The last operand may come again and again. */
  readonly repeats?: boolean
  readonly options?: readonly (Pick<OptionSpec, 'long' | 'short' | 'value'> & { readonly place?: Place })[]
  readonly commands?: Readonly<Record<string, Grammar>>
}

/** What there is, at the host whose line it is. */
export interface Surroundings {
  readonly domains: readonly string[]
  readonly defined: readonly string[]
  /** The other hosts. */
  readonly hosts: readonly string[]
  readonly uris: readonly string[]
  /** Where {@link Place} `config` is looked for, beside here. */
  readonly configs: string
  /** Names in a directory, relative to the terminal's own or, on another host, to its user's; those of directories end in `/`. */
  names(directory: string, host?: string): readonly string[]
}

export interface Completed {
  /** Where the word begins. */
  readonly from: number
  /** From there to the cursor, whichever candidate is meant; a space behind it where that is all. */
  readonly common: string
  readonly candidates: readonly string[]
}

/** @param cursor in UTF-16 units; what stands behind it is not looked at */
export function complete(line: string, cursor: number, root: Grammar, around: Surroundings): Completed {
  const before = line.slice(0, cursor)
  const unfinished = unfinishedLine(before)
  if (unfinished === null) return { from: before.length, common: '', candidates: [] }
  const { words, word, from } = unfinished
  const found = [...new Set(candidatesOf(words, word, root, around))].filter((c) => c.startsWith(word)).sort()
  if (found.length === 0) return { from, common: before.slice(from), candidates: [] }
  const candidates = found.map(escapeWord)
  // What goes on is not ended: a directory, `HOST:`.
  const ended = found.length === 1 && !/[/:=]$/.test(found[0])
  return { from, common: ended ? `${candidates[0]} ` : escapeWord(commonPrefix(found)), candidates }
}

function commonPrefix(words: readonly string[]): string {
  const [first, ...others] = words
  let length = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--
  return first.slice(0, length)
}

function candidatesOf(
  words: readonly string[],
  word: string,
  grammar: Grammar,
  around: Surroundings,
): readonly string[] {
  const { commands, options = [], operands, repeats = false } = grammar
  const [command, ...rest] = words
  if (commands !== undefined && command !== undefined) {
    return Object.hasOwn(commands, command) ? candidatesOf(rest, word, commands[command], around) : []
  }
  const { count, value, ended } = operandsOf(words, options)
  if (value !== null) return value === undefined ? [] : inPlace(value, word, around)
  if (!ended && word.startsWith('-')) {
    const [name, given] = [word.slice(2).split('=', 1)[0], word.indexOf('=')]
    const place = options.find(({ long }) => long === name)?.place
    if (given < 0) return [...options.map(({ long }) => `--${long}`), '--help']
    if (place === undefined) return []
    return inPlace(place, word.slice(given + 1), around).map((text) => `${word.slice(0, given + 1)}${text}`)
  }
  if (commands !== undefined) return Object.keys(commands)
  const place = operands[count] ?? (repeats ? operands.at(-1) : undefined)
  return place === undefined ? [] : inPlace(place, word, around)
}

interface Counted {
  /** Operands so far. */
  readonly count: number
  /** What the value of the option in front is; undefined: anything; null: there is no such option. */
  readonly value: Place | undefined | null
  /** `--` was there. */
  readonly ended: boolean
}

/** As `parseOptions` takes words, whatever they are worth. */
function operandsOf(words: readonly string[], options: NonNullable<Grammar['options']>): Counted {
  let count = 0
  let ended = false
  let value: Place | undefined | null = null
  for (const word of words) {
    if (value !== null) value = null
    else if (ended || !word.startsWith('-') || word === '-') count++
    else if (word === '--') ended = true
    else {
      const option = options.find(({ long, short }) => word === `--${long}` || word === `-${short}`)
      if (option?.value !== undefined) value = option.place
    }
  }
  return { count, value, ended }
}

function inPlace(place: Place, word: string, around: Surroundings): readonly string[] {
  const { domains, defined, hosts, uris, configs } = around
  switch (place) {
    case 'domain':
      return domains
    case 'defined':
      return defined
    case 'any-domain':
      return [...domains, ...defined]
    case 'host':
      return hosts
    case 'uri':
      return uris
    case 'file':
      return files(word, around)
    case 'directory':
      return files(word, around).filter((name) => name.endsWith('/'))
    case 'config':
      return word.includes('/') ? files(word, around) : [...files(word, around), ...around.names(configs)]
    case 'remote-file': {
      const [, user = '', host, path = ''] = /^([^@/:]+@)?([^@/:]+):(.*)$/.exec(word) ?? []
      if (host === undefined) return [...files(word, around), ...hosts.map((name) => `root@${name}:`)]
      return hosts.includes(host) ? files(path, around, host).map((name) => `${user}${host}:${name}`) : []
    }
    default:
      return place
  }
}

/** In the directory that a path leads to so far. */
function files(path: string, around: Surroundings, host?: string): string[] {
  const directory = path.slice(0, path.lastIndexOf('/') + 1)
  return around.names(directory, host).map((name) => `${directory}${name}`)
}
