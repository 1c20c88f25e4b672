/** A command line as a shell reads it: words, quotes, backslashes. */
import { FerryError } from '../../util/errors.ts'

/** What a shell would make more than words of; a toolstack's terminal has none of it. */
const OPERATORS = '|&;<>()`$'

interface Scanned {
  readonly words: readonly string[]
  /** The word that the end of the line is in; null: it is between words, or in a comment. */
  readonly last: { readonly text: string; readonly from: number } | null
  /** The quote that is open at the end. */
  readonly quote: string | null
  readonly comment: boolean
}

/** @throws FerryError `toolstack.syntax` for an operator of shells */
function scan(line: string): Scanned {
  const words: string[] = []
  let word: string | null = null
  let from = 0
  let quote: '"' | "'" | null = null
  let comment = false
  const add = (at: number, text: string) => {
    if (word === null) from = at
    word = (word ?? '') + text
  }
  for (let i = 0; i < line.length; i++) {
    const c = line[i]
    if (quote === "'") {
      if (c === quote) quote = null
      else add(i, c)
    } else if (c === '\\' && i + 1 < line.length && (quote === null || '"\\$`'.includes(line[i + 1]))) {
      add(i, line[++i])
    } else if (quote === '"') {
      if (c === quote) quote = null
      else add(i, c)
    } else if (c === '"' || c === "'") {
      quote = c
      add(i, '')
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word)
      word = null
    } else if (c === '#' && word === null) {
      comment = true
      break
    } else if (OPERATORS.includes(c)) {
      throw new FerryError('toolstack.syntax', `syntax error near \`${c}': this shell runs one command a line.`)
    } else {
      add(i, c)
    }
  }
  return { words, last: word === null ? null : { text: word, from }, quote, comment }
}

/**
 * The words of a line. `#` begins a comment where a word would begin.
 * @throws FerryError `toolstack.syntax` for an open quote, or an operator of shells that is not known here
 */
export function splitWords(line: string): string[] {
  const { words, last, quote } = scan(line)
  if (quote !== null) {
    throw new FerryError('toolstack.syntax', `unexpected EOF while looking for matching \`${quote}'`)
  }
  return last === null ? [...words] : [...words, last.text]
}

/** A line that is not written to its end: the words before, and the one that it ends in, which begins at `from`. */
export interface UnfinishedLine {
  readonly words: readonly string[]
  readonly word: string
  readonly from: number
}

/** Null: nothing of a command can come here. */
export function unfinishedLine(line: string): UnfinishedLine | null {
  try {
    const { words, last, comment } = scan(line)
    return comment ? null : { words, word: last?.text ?? '', from: last?.from ?? line.length }
  } catch {
    return null
  }
}

/** The reverse: a word that `splitWords` reads as itself. */
export function quoteWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** The same, so that the beginning of a word becomes the beginning of the other: a backslash before what needs one. */
export const escapeWord = (text: string): string => text.replaceAll(/[^\w./:@%+=,-]/g, String.raw`\$&`)
