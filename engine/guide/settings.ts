/** Lines of `key: value`, as in an exercise's head and in its directives. */
import * as v from 'valibot'
import type { Problems } from './problem.ts'

export interface Setting {
  readonly value: string
  /** Of the file, from 1. */
  readonly line: number
}

/**
 * Empty lines and lines that begin with `#` are left out.
 * @param firstLine of the file, from 1
 */
export function readSettings(lines: readonly string[], firstLine: number, problems: Problems): Map<string, Setting> {
  const settings = new Map<string, Setting>()
  for (const [i, text] of lines.entries()) {
    if (text.trim() === '' || text.trimStart().startsWith('#')) continue
    const line = firstLine + i
    const match = /^\s*([a-z_A-Z]+):\s*(.*?)\s*$/.exec(text)
    if (match === null) problems.add(line, `"${text.trim().slice(0, 60)}" is not of the form \`key: value\``)
    else if (settings.has(match[1])) problems.add(line, `\`${match[1]}\` is there twice`)
    else settings.set(match[1], { value: match[2], line })
  }
  return settings
}

/**
 * The settings as `schema` has them; null where they do not fit, and the problems say why.
 * @param line where the settings begin, for what is missing
 */
export function checkSettings<S extends v.GenericSchema>(
  schema: S,
  settings: ReadonlyMap<string, Setting>,
  line: number,
  problems: Problems,
): v.InferOutput<S> | null {
  const plain = Object.fromEntries([...settings].map(([key, { value }]) => [key, value]))
  const parsed = v.safeParse(schema, plain)
  if (parsed.success) return parsed.output
  for (const issue of parsed.issues) {
    const found = issue.path?.[0]?.key
    const key = typeof found === 'string' ? found : ''
    const setting = settings.get(key)
    const unknown = issue.expected === 'never'
    const missing = setting === undefined && !unknown
    const reason = missing
      ? `\`${key}\` is missing`
      : unknown
        ? `there is no setting \`${key}\` here`
        : `\`${key}\`: ${issue.message}`
    problems.add(setting?.line ?? line, reason)
  }
  return null
}

/** A whole number, written as text. */
export const wholeText = (least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, 'expected a whole number'),
    v.transform(Number),
    v.minValue(least, `at least ${least}`),
    v.maxValue(most, `at most ${most}`),
  )
