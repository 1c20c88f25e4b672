/** What a recording holds: entries in the order of their times, what it was made with, and an instructor's annotations. */
import * as v from 'valibot'
import { EVENTS, type EventName, type LabEvents, METHODS } from '../contract/lab.ts'
import type { MethodInput, MethodName, MethodOutput } from '../contract/lab.ts'
import type { Annotations } from '../contract/recordings.ts'

const time_ms = v.pipe(v.number(), v.finite(), v.minValue(0))
const text = (length: number) => v.pipe(v.string(), v.maxLength(length))

/** The lab told something. */
export type EventEntry = {
  [E in EventName]: { readonly t: number; readonly event: E; readonly payload: LabEvents[E] }
}[EventName]

/** What the lab would have answered at that time, until it is said anew. */
export type AnswerEntry = {
  [M in MethodName]: {
    readonly t: number
    readonly answer: M
    readonly input: MethodInput<M>
    readonly result: MethodOutput<M>
  }
}[MethodName]

/** Somebody asked the lab to do something: which of its methods, with what; and how that failed, if it did. */
export interface ActionEntry {
  readonly t: number
  readonly action: MethodName
  readonly input: unknown
  /** The code of the error; null: it was done. */
  readonly failed: string | null
}

/** `t`: milliseconds since the recording began. */
export type Entry = EventEntry | AnswerEntry | ActionEntry

const isMethod = (name: string): name is MethodName => Object.hasOwn(METHODS, name)
const isEvent = (name: string): name is EventName => Object.hasOwn(EVENTS, name)

const shape = v.union([
  v.object({ t: time_ms, event: v.pipe(v.string(), v.check(isEvent)), payload: v.unknown() }),
  v.object({ t: time_ms, answer: v.pipe(v.string(), v.check(isMethod)), input: v.unknown(), result: v.unknown() }),
  v.object({
    t: time_ms,
    action: v.pipe(v.string(), v.check(isMethod)),
    input: v.unknown(),
    failed: v.nullable(text(64)),
  }),
])

/**
 * A line of a file as an entry, checked against the contract. What the contract has got since, and gives a default, has it.
 * @returns null: not one, or of another version of the contract
 */
export function parseEntry(value: unknown): Entry | null {
  const parsed = v.safeParse(shape, value)
  if (!parsed.success) return null
  const entry = parsed.output
  const checked = 'event' in entry ? checkedEvent(entry) : checkedCall(entry)
  // Its parts were checked against the schemas of this very event or method.
  return checked as Entry | null
}

function checkedEvent(entry: { readonly event: string; readonly payload: unknown }): object | null {
  const schemas: Readonly<Record<string, v.GenericSchema>> = EVENTS
  const schema = schemas[entry.event]
  if (schema === undefined) return null
  const payload = v.safeParse(schema, entry.payload)
  return payload.success ? { ...entry, payload: payload.output } : null
}

function checkedCall(
  entry: { readonly input: unknown } & ({ answer: string; result: unknown } | { action: string }),
): object | null {
  const { input, output }: { input: v.GenericSchema; output: v.GenericSchema } =
    METHODS[('answer' in entry ? entry.answer : entry.action) as MethodName]
  const asked = v.safeParse(input, entry.input)
  if (!asked.success) return null
  if (!('answer' in entry)) return { ...entry, input: asked.output }
  const result = v.safeParse(output, entry.result)
  return result.success ? { ...entry, input: asked.output, result: result.output } : null
}

export const about = v.object({
  format: v.literal('ferry.recording/1'),
  ferry_version: text(64),
  /** ISO 8601. */
  began_at: text(40),
  title: text(200),
  /** Operating system, processor, cores: what the figures were measured on. */
  machine: v.record(v.string(), v.unknown()),
})
export type About = v.InferOutput<typeof about>

export { annotations, type Annotations } from '../contract/recordings.ts'
export const NO_ANNOTATIONS: Annotations = { bookmarks: [], captions: [] }

export const end = v.object({ duration_ms: time_ms, entries: v.pipe(v.number(), v.integer(), v.minValue(0)) })
export type End = v.InferOutput<typeof end>
