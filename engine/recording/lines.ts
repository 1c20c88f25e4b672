/**
 * Entries ↔ lines of JSON. An answer that was given before is told by what changed since (`changes` in place of `result`),
 * and not at all if nothing did; whole again once a minute, so that a damaged part of the file takes little with it.
 */
import * as v from 'valibot'
import type { MethodName } from '../contract/lab.ts'
import { changes, changesBetween, withChanges } from './changes.ts'
import { type AnswerEntry, type Entry, parseEntry } from './entries.ts'

const WHOLE_EVERY_MS = 60_000
/** Changes that take more than this part of the whole answer are not worth it. */
const WORTH = 0.5
/** What all answers of a file may come to once their changes are carried out, characters: a file must not fill the memory. */
const MAX_CARRIED_OUT = 512 << 20

const keyOf = ({ answer, input }: { readonly answer: string; readonly input: unknown }): string =>
  `${answer} ${JSON.stringify(input)}`

interface Told {
  readonly method: MethodName
  readonly input: unknown
  readonly result: unknown
  /** Time and length of the last time that it was told as a whole. */
  readonly whole_ms: number
  readonly length: number
}

export class LineWriter {
  readonly #told = new Map<string, Told>()

  /** @returns null: an answer that is as it was; nothing is to be written */
  line(entry: Entry): string | null {
    return 'answer' in entry ? this.#answer(entry) : JSON.stringify(entry)
  }

  #answer(entry: AnswerEntry): string | null {
    const { t, answer, input, result } = entry
    const key = keyOf(entry)
    const before = this.#told.get(key)
    const changed = before === undefined ? null : changesBetween(before.result, result)
    if (changed?.length === 0) return null
    if (before !== undefined && changed !== null && t - before.whole_ms < WHOLE_EVERY_MS) {
      const line = JSON.stringify({ t, answer, input, changes: changed })
      if (line.length < WORTH * before.length) {
        this.#told.set(key, { ...before, result })
        return line
      }
    }
    const line = JSON.stringify(entry)
    this.#told.set(key, { method: answer, input, result, whole_ms: t, length: line.length })
    return line
  }

  /** Answers about what is gone (a guest, say) will not be given again. */
  forget(isGone: (method: MethodName, input: unknown) => boolean): void {
    for (const [key, { method, input }] of this.#told) if (isGone(method, input)) this.#told.delete(key)
  }
}

const changedAnswer = v.object({ t: v.number(), answer: v.string(), input: v.unknown(), changes })

export class LineReader {
  readonly #told = new Map<string, unknown>()
  #carriedOut = 0

  /** @returns null: this version of the contract does not understand the line, or it changes what was lost */
  entry(line: string): Entry | null {
    const value = parseJson(line)
    const parsed = v.safeParse(changedAnswer, value)
    const entry = parseEntry(parsed.success ? this.#carryOut(parsed.output, line.length) : value)
    if (entry !== null && 'answer' in entry) this.#told.set(keyOf(entry), entry.result)
    return entry
  }

  /** Lines are missing here: what they said is not known. */
  lost(): void {
    this.#told.clear()
  }

  #carryOut({ changes: told, ...entry }: v.InferOutput<typeof changedAnswer>, length: number): unknown {
    const before = this.#told.get(keyOf(entry))
    if (before === undefined) return undefined
    const result = withChanges(before, told)
    this.#carriedOut += length + newLengthOf(told, result)
    if (this.#carriedOut > MAX_CARRIED_OUT) return undefined
    return { ...entry, result }
  }
}

/** Characters of the strings that were put together anew. */
function newLengthOf(told: v.InferOutput<typeof changes>, result: unknown): number {
  let length = 0
  for (const [path, news] of told) {
    if (typeof news !== 'object' || news === null) continue
    let at: unknown = result
    for (const name of path) at = typeof at === 'object' && at !== null ? at[name as keyof typeof at] : undefined
    if (typeof at === 'string') length += at.length
  }
  return length
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
