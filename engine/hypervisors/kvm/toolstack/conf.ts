/** Configuration files of libvirt (virconf.c): `name = value`, where a value is a number, a string, or a list of strings. */
import { syntaxError } from '../../toolstack/relocation.ts'

export interface ConfEntry {
  readonly value: number | string | readonly string[]
  /** Where it stands, from 1. */
  readonly line: number
}

const NUMBER = /^-?\d+$/
const QUOTED = /^"([^"]*)"$|^'([^']*)'$/
/** An item of a list, and what ends it. */
const ITEM = /\s*(?:"([^"]*)"|'([^']*)')\s*(,|$)/y

/**
 * Entries by name; of two, the last counts. Here a list stands on one line.
 * @param path for messages
 * @throws FerryError `config.syntax` with the line
 */
export function parseConf(text: string, path: string): Map<string, ConfEntry> {
  const entries = new Map<string, ConfEntry>()
  for (const [i, whole] of text.split('\n').entries()) {
    const line = i + 1
    const written = whole.trim()
    if (written === '' || written.startsWith('#')) continue
    const match = /^([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(written)
    if (match === null) throw syntaxError(path, line, 'expecting a name and "=". A comment begins with #.')
    const [, name, behind] = match
    entries.set(name, { value: valueOf(withoutComment(behind), path, line), line })
  }
  return entries
}

function valueOf(text: string, path: string, line: number): ConfEntry['value'] {
  if (NUMBER.test(text)) return Number(text)
  const quoted = QUOTED.exec(text)
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? ''
  const list = text.startsWith('[') && text.endsWith(']') ? listOf(text.slice(1, -1)) : null
  if (list !== null) return list
  throw syntaxError(
    path,
    line,
    `expecting a value: a number, "a string", or [ "a", "list" ], not ${text || 'nothing'}.`,
  )
}

/** A comma may stand behind the last one. Null: it is none. */
function listOf(text: string): string[] | null {
  const items: string[] = []
  for (let at = 0; text.slice(at).trim() !== '';) {
    ITEM.lastIndex = at
    const match = ITEM.exec(text)
    if (match === null) return null
    items.push(match[1] ?? match[2] ?? '')
    at = ITEM.lastIndex
  }
  return items
}

/** A `#` outside of quotes ends the line. */
function withoutComment(text: string): string {
  return /^(?:"[^"]*"|'[^']*'|[^#"'])*/.exec(text)?.[0].trim() ?? ''
}

/** 1 or 0, which is what libvirt takes for a truth. @throws FerryError `config.syntax` */
export function flagOf(entries: ReadonlyMap<string, ConfEntry>, name: string, or: boolean, path: string): boolean {
  const entry = entries.get(name)
  if (entry === undefined) return or
  if (entry.value === 0 || entry.value === 1) return entry.value === 1
  throw syntaxError(path, entry.line, `${name} is 0 or 1.`)
}

/** @throws FerryError `config.syntax` */
export function textOf(entries: ReadonlyMap<string, ConfEntry>, name: string, or: string, path: string): string {
  const entry = entries.get(name)
  if (entry === undefined) return or
  if (typeof entry.value === 'string') return entry.value
  throw syntaxError(path, entry.line, `${name} is a string in quotes.`)
}

/** A port, as a number or, where `tcp_port` has it so, in quotes. @throws FerryError `config.syntax` */
export function portOf(entries: ReadonlyMap<string, ConfEntry>, name: string, or: number, path: string): number {
  const entry = entries.get(name)
  if (entry === undefined) return or
  const port = typeof entry.value === 'string' && NUMBER.test(entry.value) ? Number(entry.value) : entry.value
  if (typeof port === 'number' && port >= 1 && port <= 65_535) return port
  throw syntaxError(path, entry.line, `${name} is a port from 1 to 65535.`)
}
