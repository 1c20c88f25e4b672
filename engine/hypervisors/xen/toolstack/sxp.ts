/** S-expressions as xend reads its configuration: `(name value …)`, quotes, `#` comments to the end of the line. */
import { syntaxError } from '../../toolstack/relocation.ts'

export interface SxpEntry {
  readonly name: string
  /** Its plain values; a nested expression is left out. */
  readonly values: readonly string[]
  /** Where it begins, from 1. */
  readonly line: number
}

interface Token {
  readonly text: string
  readonly kind: 'open' | 'close' | 'atom'
  readonly line: number
}

/**
 * The entries at the top of a file, in order.
 * @param path for messages
 * @throws FerryError `config.syntax` with the line
 */
export function parseSxp(text: string, path: string): SxpEntry[] {
  const entries: SxpEntry[] = []
  let depth = 0
  let current: { values: string[]; line: number } = { values: [], line: 1 }
  for (const { text: token, kind, line } of tokens(text, path)) {
    if (kind === 'open') {
      if (depth === 0) current = { values: [], line }
      depth++
    } else if (kind === 'close') {
      if (depth === 0) throw syntaxError(path, line, 'a closing parenthesis that nothing opens.')
      depth--
      if (depth > 0) continue
      if (current.values.length === 0) throw syntaxError(path, current.line, 'an entry without a name.')
      const [name, ...values] = current.values
      entries.push({ name, values, line: current.line })
    } else if (depth === 0) {
      throw syntaxError(path, line, `"${token}" stands outside of parentheses. A comment begins with #.`)
    } else if (depth === 1) {
      current.values.push(token)
    }
  }
  if (depth > 0) throw syntaxError(path, current.line, 'the parenthesis opened here is not closed.')
  return entries
}

function* tokens(text: string, path: string): Generator<Token> {
  let line = 1
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '\n') line++
    else if (c === '(') yield { text: c, kind: 'open', line }
    else if (c === ')') yield { text: c, kind: 'close', line }
    else if (c === '#') {
      while (i + 1 < text.length && text[i + 1] !== '\n') i++
    } else if (c === "'" || c === '"') {
      let value = ''
      const begin = line
      for (i++; text[i] !== c; i++) {
        if (i >= text.length || text[i] === '\n') throw syntaxError(path, begin, 'a quote is opened and not closed.')
        // `\\.` of the file is `\.` of the expression, as for xend.
        if (text[i] === '\\' && i + 1 < text.length && text[i + 1] !== '\n') i++
        value += text[i]
      }
      yield { text: value, kind: 'atom', line: begin }
    } else if (!/\s/.test(c)) {
      const begin = i
      while (i + 1 < text.length && !/[\s()'"#]/.test(text[i + 1])) i++
      yield { text: text.slice(begin, i + 1), kind: 'atom', line }
    }
  }
}

/** A string as `parseSxp` reads it back. It has no line breaks. */
export const quoteSxp = (value: string): string => `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`
