/**
 * The part of Python that domain configurations are written in: `name = value`, one assignment a line, where a value is
 * a string, a number, True, False, None, or a list of values, which may go over several lines.
 */
import { syntaxError } from '../../toolstack/relocation.ts'

export type PythonValue = string | number | boolean | null | readonly PythonValue[]

export interface Assignment {
  readonly name: string
  readonly value: PythonValue
  /** From 1. */
  readonly line: number
}

/** Lists deeper than this are nobody's configuration. */
const MAX_DEPTH = 8

/** In order. @param path for messages. @throws FerryError `config.syntax` with the line */
export function parseAssignments(text: string, path: string): Assignment[] {
  return new Reader(text, path).assignments()
}

class Reader {
  readonly #text: string
  readonly #path: string
  #at = 0
  #line = 1

  constructor(text: string, path: string) {
    this.#text = text.replaceAll('\r\n', '\n')
    this.#path = path
  }

  assignments(): Assignment[] {
    const all: Assignment[] = []
    for (this.#blank(true); this.#at < this.#text.length; this.#blank(true)) {
      const line = this.#line
      const name = this.#match(/[A-Za-z_]\w*/y)
      if (name === null) throw this.#error('a line is NAME = VALUE, or a comment that begins with #.')
      this.#blank(false)
      if (this.#match(/=(?!=)/y) === null) throw this.#error(`"${name}" is not followed by "=".`)
      this.#blank(false)
      all.push({ name, value: this.#value(0), line })
      this.#blank(false)
      if (this.#at < this.#text.length && this.#match(/[\n;]/y, false) === null) {
        throw this.#error('something stands behind the value.')
      }
    }
    return all
  }

  #value(depth: number): PythonValue {
    const quote = this.#match(/["']/y)
    if (quote !== null) return this.#string(quote)
    const number = this.#match(/-?(?:0[xX][\da-fA-F]+|\d+(?:\.\d+)?)(?![\w.])/y)
    if (number !== null) return Number(number)
    const word = this.#match(/(?:True|False|None)(?!\w)/y)
    if (word !== null) return word === 'None' ? null : word === 'True'
    if (this.#match(/\[/y) !== null) return this.#list(depth)
    throw this.#error('a value is a string in quotes, a number, or a list in brackets.')
  }

  #list(depth: number): PythonValue[] {
    if (depth >= MAX_DEPTH) throw this.#error('lists are too deep.')
    const values: PythonValue[] = []
    for (;;) {
      this.#blank(true)
      if (this.#match(/\]/y) !== null) return values
      values.push(this.#value(depth + 1))
      this.#blank(true)
      if (this.#match(/,/y) === null && this.#match(/\]/y, false) === null) {
        throw this.#error('values of a list are parted by commas, and a list ends with "]".')
      }
    }
  }

  #string(quote: string): string {
    let value = ''
    for (;;) {
      const c = this.#text.at(this.#at)
      if (c === undefined || c === '\n') throw this.#error('a quote is opened and not closed.')
      this.#at++
      if (c === quote) return value
      const escaped = c === '\\' ? this.#match(/[\\'"]/y) : null
      value += escaped ?? c
    }
  }

  /** Goes over spaces and comments; over line ends too, where those mean nothing. */
  #blank(lines: boolean): void {
    const blanks = lines ? /(?:\s|;|#[^\n]*|\\\n)+/y : /(?:[^\S\n]|#[^\n]*|\\\n)+/y
    const gone = this.#match(blanks) ?? ''
    this.#line += gone.split('\n').length - 1
  }

  #match(pattern: RegExp, take = true): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? null
    if (found !== null && take) this.#at += found.length
    return found
  }

  #error(what: string) {
    return syntaxError(this.#path, this.#line, what)
  }
}
