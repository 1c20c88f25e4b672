/**
 * The part of XML that domains are written in: elements, attributes, text, comments, a declaration, the five entities
 * and character references. No document types: nobody's configuration has one, and they are what makes XML unsafe.
 */
import { syntaxError } from '../../toolstack/relocation.ts'

export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** Its own text, without that of its children. */
  readonly text: string
}

interface Open {
  name: string
  attributes: Map<string, string>
  children: XmlElement[]
  text: string
  line: number
}

const MAX_DEPTH = 32
const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<\/\s*([\w.:-]+)\s*>|<([\w.:-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+/y
const ATTRIBUTE = /([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }

/** The root. @param path for messages. @throws FerryError `config.syntax` with the line */
export function parseXml(text: string, path: string): XmlElement {
  const open: Open[] = []
  let root: XmlElement | null = null
  let line = 1
  const fail = (what: string) => syntaxError(path, line, what)
  const end = (element: Open) => {
    const parent = open.at(-1)
    if (parent !== undefined) parent.children.push(element)
    else if (root === null) root = element
    else throw fail('a document has one root element.')
  }
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) throw fail('a tag is not well-formed.')
    const [token, closing, name, attributes = '', empty] = match
    if (closing !== undefined) {
      const element = open.pop()
      if (element === undefined) throw fail(`</${closing}> ends nothing.`)
      if (element.name !== closing) throw fail(`</${closing}> ends <${element.name}> of line ${element.line}.`)
      end(element)
    } else if (name !== undefined) {
      const element: Open = { name, attributes: new Map(), children: [], text: '', line }
      for (const [, key, double, single] of attributes.matchAll(ATTRIBUTE)) {
        if (element.attributes.has(key)) throw fail(`<${name}> has the attribute ${key} twice.`)
        element.attributes.set(key, decode(double ?? single ?? '', fail))
      }
      if (empty === '/') end(element)
      else if (open.push(element) > MAX_DEPTH) throw fail('elements are too deep.')
    } else if (!token.startsWith('<')) {
      const inside = open.at(-1)
      if (inside !== undefined) inside.text += decode(token, fail)
      else if (token.trim() !== '') throw fail('text stands outside of the root element.')
    }
    line += token.split('\n').length - 1
    at += token.length
  }
  const left = open.at(-1)
  if (left !== undefined) throw syntaxError(path, left.line, `<${left.name}> is not closed.`)
  if (root === null) throw fail('the document is empty.')
  return root
}

function decode(text: string, fail: (what: string) => Error): string {
  return text.replaceAll(/&([^;&\s]*);?/g, (all, name: string) => {
    const number = /^#(?:x([\da-fA-F]{1,6})|(\d{1,7}))$/.exec(name)
    const code = number === null ? null : Number.parseInt(number[1] ?? number[2], number[1] === undefined ? 10 : 16)
    if (code !== null && code <= 0x10ffff && all.endsWith(';')) return String.fromCodePoint(code)
    if (!all.endsWith(';') || !Object.hasOwn(ENTITIES, name)) throw fail(`"${all}" is no entity; & is written &amp;.`)
    return ENTITIES[name]
  })
}

/** The first element on a way of names from another one. */
export function element(from: XmlElement, ...names: readonly string[]): XmlElement | undefined {
  let found: XmlElement | undefined = from
  for (const name of names) found = found?.children.find((child) => child.name === name)
  return found
}
