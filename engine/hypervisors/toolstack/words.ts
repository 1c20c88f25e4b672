/** A command line as a shell reads it: words, quotes, backslashes. */
import { FerryError } from '../../util/errors.ts'

/** What a shell would make more than words of; a toolstack's terminal has none of it. */
const OPERATORS = '|&;<>()`$'

/**
 * The words of a line. `#` begins a comment where a word would begin.
 * @throws FerryError `toolstack.syntax` for an open quote, or an operator of shells that is not known here
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote: '"' | "'" | null = null
  for (let i = 0; i < line.length; i++) {
    const c = line[i]
    if (quote === "'") {
      if (c === quote) quote = null
      else word += c
    } else if (c === '\\' && i + 1 < line.length && (quote === null || '"\\$`'.includes(line[i + 1]))) {
      word = (word ?? '') + line[++i]
    } else if (quote === '"') {
      if (c === quote) quote = null
      else word += c
    } else if (c === '"' || c === "'") {
      quote = c
      word ??= ''
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word)
      word = null
    } else if (c === '#' && word === null) {
      break
    } else if (OPERATORS.includes(c)) {
      throw new FerryError('toolstack.syntax', `syntax error near \`${c}': this shell runs one command a line.`)
    } else {
      word = (word ?? '') + c
    }
  }
  if (quote !== null) {
    throw new FerryError('toolstack.syntax', `unexpected EOF while looking for matching \`${quote}'`)
  }
  if (word !== null) words.push(word)
  return words
}

/** The reverse: a word that `splitWords` reads as itself. */
export function quoteWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
