/**
 * What changed from one answer to the next: only leaves (strings, numbers, truth values, null) of a value whose shape
 * stays. Of a long string, only the stretches that changed: pages of a guest and pictures of a screen are base64, of
 * which a little changes at a time.
 */
import * as v from 'valibot'

/** From there on a string is told by its stretches. */
const LONG = 64
/** Stretches that are so near each other are one: to tell two costs about as many characters. */
const NEAR = 6
const MAX_CHANGES = 100_000
const MAX_DEPTH = 16

/** In turn: how many characters stay as they are, and what stands in place of those that follow. */
const stretches = v.array(v.union([v.pipe(v.number(), v.integer(), v.minValue(0)), v.string()]))
const leaf = v.union([v.string(), v.number(), v.boolean(), v.null()])
const key = v.union([v.string(), v.number()])

export const changes = v.pipe(
  v.array(v.tuple([v.pipe(v.array(key), v.maxLength(MAX_DEPTH)), v.union([leaf, v.object({ patch: stretches })])])),
  v.maxLength(MAX_CHANGES),
)
/** Each: the way to a leaf, and its new value, or how the string there changed. */
export type Changes = v.InferOutput<typeof changes>
type Key = v.InferOutput<typeof key>
type Stretches = v.InferOutput<typeof stretches>

const isLeaf = (value: unknown): value is v.InferOutput<typeof leaf> => v.is(leaf, value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @returns null: the shape is another one, so that the whole value has to be told */
export function changesBetween(before: unknown, after: unknown): Changes | null {
  const found: Changes = []
  return compare(before, after, [], found) && found.length <= MAX_CHANGES ? found : null
}

function compare(before: unknown, after: unknown, path: readonly Key[], found: Changes): boolean {
  if (before === after) return true
  if (path.length > MAX_DEPTH) return false
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length && before.every((item, i) => compare(item, after[i], [...path, i], found))
  }
  if (isObject(before) && isObject(after)) {
    const keys = Object.keys(after)
    if (keys.length !== Object.keys(before).length) return false
    return keys.every(
      (name) => Object.hasOwn(before, name) && compare(before[name], after[name], [...path, name], found),
    )
  }
  if (!isLeaf(before) || !isLeaf(after)) return false
  const isPatch = typeof before === 'string' && typeof after === 'string' && after.length >= LONG
  found.push([
    [...path],
    isPatch && before.length === after.length ? { patch: stretchesBetween(before, after) } : after,
  ])
  return true
}

/** Of two strings of the same length. */
function stretchesBetween(before: string, after: string): Stretches {
  const told: Stretches = []
  let end = 0
  for (let at = 0; at < after.length; at++) {
    if (before.charCodeAt(at) === after.charCodeAt(at)) continue
    const start = at
    let last = at
    for (at++; at < after.length && at - last <= NEAR; at++) {
      if (before.charCodeAt(at) !== after.charCodeAt(at)) last = at
    }
    told.push(start - end, after.slice(start, last + 1))
    end = last + 1
    at = last
  }
  return told
}

/**
 * The value with the changes; parts that did not change are shared with it.
 * @returns undefined: these are no changes of this value
 */
export function withChanges(value: unknown, told: Changes): unknown {
  const copies = new Set<unknown>()
  let changed = value
  for (const [path, news] of told) {
    changed = replaced(changed, path, 0, news, copies)
    if (changed === undefined) return undefined
  }
  return changed
}

/** @param copies objects and arrays that were copied on the way: they are changed in place from then on */
function replaced(
  value: unknown,
  path: readonly Key[],
  depth: number,
  news: Changes[number][1],
  copies: Set<unknown>,
): unknown {
  const name = path[depth]
  if (name === undefined) {
    if (!isLeaf(value)) return undefined
    if (!isObject(news)) return news
    return typeof value === 'string' ? patched(value, news.patch) : undefined
  }
  if (Array.isArray(value)) {
    if (typeof name !== 'number' || !(name in value)) return undefined
    const inner = replaced(value[name], path, depth + 1, news, copies)
    if (inner === undefined) return undefined
    const items: unknown[] = value
    const list = copies.has(items) ? items : [...items]
    copies.add(list)
    list[name] = inner
    return list
  }
  if (!isObject(value) || typeof name !== 'string' || !Object.hasOwn(value, name) || name === '__proto__') {
    return undefined
  }
  const inner = replaced(value[name], path, depth + 1, news, copies)
  if (inner === undefined) return undefined
  const object = copies.has(value) ? value : { ...value }
  copies.add(object)
  object[name] = inner
  return object
}

function patched(text: string, told: Stretches): string | undefined {
  const parts: string[] = []
  let at = 0
  for (const part of told) {
    if (typeof part === 'number') parts.push(text.slice(at, at + part))
    else parts.push(part)
    at += typeof part === 'number' ? part : part.length
    if (at > text.length) return undefined
  }
  return parts.join('') + text.slice(at)
}
