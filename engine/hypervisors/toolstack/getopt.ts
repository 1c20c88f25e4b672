/** Options of a command, by the rules of `getopt_long`: `-p 1`, `-p1`, `--port 1`, `--port=1`, `--` ends them. */
import { FerryError } from '../../util/errors.ts'

export interface OptionSpec {
  /** Without dashes, e.g. `live`. */
  readonly long: string
  /** One letter. */
  readonly short?: string
  /** How help names its value; absent: it has none. */
  readonly value?: string
  readonly help: string
}

export interface Parsed {
  /** Values by long name; `true` for an option without one. */
  readonly options: ReadonlyMap<string, string | true>
  readonly operands: readonly string[]
}

/**
 * Options may stand behind operands.
 * @throws FerryError `toolstack.option`, in the words of Python's getopt, which xm prints as they are
 */
export function parseOptions(words: readonly string[], specs: readonly OptionSpec[]): Parsed {
  const options = new Map<string, string | true>()
  const operands: string[] = []
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      operands.push(...rest.splice(0))
    } else if (word.startsWith('--')) {
      const [name, value] = splitOnce(word.slice(2), '=')
      const spec = specs.find(({ long }) => long === name)
      if (spec === undefined) throw bad(`option --${name} not recognized`)
      if (spec.value === undefined && value !== undefined) throw bad(`option --${name} must not have an argument`)
      options.set(spec.long, spec.value === undefined ? true : (value ?? argument(rest, `--${name}`)))
    } else if (word.startsWith('-') && word.length > 1) {
      const letters = word.slice(1)
      for (let i = 0; i < letters.length; i++) {
        const spec = specs.find(({ short }) => short === letters[i])
        if (spec === undefined) throw bad(`option -${letters[i]} not recognized`)
        if (spec.value === undefined) {
          options.set(spec.long, true)
          continue
        }
        const attached = letters.slice(i + 1)
        options.set(spec.long, attached === '' ? argument(rest, `-${letters[i]}`) : attached)
        break
      }
    } else {
      operands.push(word)
    }
  }
  return { options, operands }
}

function argument(rest: string[], option: string): string {
  const value = rest.shift()
  if (value === undefined) throw bad(`option ${option} requires argument`)
  return value
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const bad = (message: string) => new FerryError('toolstack.option', message)
