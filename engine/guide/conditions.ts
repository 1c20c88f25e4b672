/**
 * What a check can ask for: plain values, compared and counted. Nothing of an exercise's file is ever carried out, and
 * there are no regular expressions in it: a text is equal, begins with (`dirty:*`), or is one of several (`a|b`).
 */
import * as v from 'valibot'
import { guestState } from '../contract/lab.ts'
import { hostKind, type RunReport, runReport } from '../contract/report.ts'
import { wholeText } from './settings.ts'

/** Figures of a run that a check can ask for; null = this run has none. */
export const FIGURES = {
  downtime_ms: (run) => run.downtime_ms,
  outage_ms: (run) => run.outage_ms,
  total_ms: (run) => run.total_ms,
  rounds: (run) => run.rounds.length,
  pages_sent: (run) => run.pages_sent,
  pages_retransmitted: (run) => run.pages_retransmitted,
  pages_skipped: (run) => run.pages_skipped,
  bytes_sent_B: (run) => run.bytes_sent_B,
  throttle_max: (run) => run.throttle_max,
  wrong_pages: (run) => run.wrong_pages,
  faults: (run) => run.pull?.faults ?? null,
  stall_ms: (run) => run.pull?.stall_ms ?? null,
  recoveries: (run) => run.pull?.recoveries ?? null,
  ram_MB: (run) => run.ram_B / 2 ** 20,
  /** The last stage that the run came to. */
  last_stage: (run) => (run.stages.length === 0 ? null : Math.max(...run.stages.map(({ number }) => number))),
} as const satisfies Record<string, (run: RunReport) => number | null>
export type Figure = keyof typeof FIGURES
const FIGURE_NAMES = Object.keys(FIGURES) as Figure[]
const figure = v.picklist(FIGURE_NAMES, `expected one of ${FIGURE_NAMES.join(', ')}`)

const OPERATORS = {
  '=': (a: number, b: number) => a === b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
}
export interface Comparison {
  readonly figure: Figure
  readonly operator: keyof typeof OPERATORS
  readonly value: number
}
export const holds = ({ figure: name, operator, value }: Comparison, run: RunReport): boolean => {
  const found = FIGURES[name](run)
  return found !== null && OPERATORS[operator](found, value)
}

const isFigure = (name: string): name is Figure => Object.hasOwn(FIGURES, name)
const isOperator = (text: string): text is keyof typeof OPERATORS => Object.hasOwn(OPERATORS, text)

/** `pages_retransmitted = 0, downtime_ms < 100` */
const comparisons = v.pipe(
  v.string(),
  v.rawTransform<string, Comparison[]>(({ dataset, addIssue, NEVER }) => {
    const list: Comparison[] = []
    for (const part of dataset.value.split(',')) {
      const [, name = '', operator = '', value = ''] =
        /^\s*(\w+)\s*(=|<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*$/.exec(part) ?? []
      if (!isOperator(operator)) {
        addIssue({ message: `"${part.trim()}" is not of the form \`figure < number\`` })
        return NEVER
      }
      if (!isFigure(name)) {
        addIssue({ message: `there is no figure "${name}"; there are ${FIGURE_NAMES.join(', ')}` })
        return NEVER
      }
      list.push({ figure: name, operator, value: Number(value) })
    }
    return list
  }),
)

const short = v.pipe(v.string(), v.minLength(1, 'it is empty'), v.maxLength(200))
const yesNo = v.pipe(
  v.picklist(['yes', 'no'], 'expected yes or no'),
  v.transform((word) => word === 'yes'),
)
const atLeast = v.optional(wholeText(1, 1000), '1')

/** Which runs are meant. */
const selection = {
  from: v.optional(hostKind),
  to: v.optional(hostKind),
  guest: v.optional(short),
  algorithm: v.optional(short),
  workload: v.optional(short),
  link: v.optional(short),
  outcome: v.optional(runReport.entries.outcome, 'completed'),
}
const selectionObject = v.strictObject(selection)
export type Selection = v.InferOutput<typeof selectionObject>

/** The same in one line: `from=xen to=kvm`. */
const selectionText = v.pipe(
  short,
  v.rawTransform<string, Selection>(({ dataset, addIssue, NEVER }) => {
    const pairs = dataset.value
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => word.split('='))
    const parsed = v.safeParse(selectionObject, Object.fromEntries(pairs.map(([key, value = '']) => [key, value])))
    if (parsed.success) return parsed.output
    const [issue] = parsed.issues
    addIssue({ message: `${v.getDotPath(issue) ?? 'selection'}: ${issue.message}` })
    return NEVER
  }),
)

export const INSPECTED = [
  'state',
  'memory',
  'protocol',
  'console',
  'dirty-rate',
  'prediction',
  'compatibility',
] as const

const id = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'an id has 1 to 48 of a-z, 0-9 and -'))
const common = {
  id,
  title: short,
  /** Id of a check before it in the file: what was there before that one passed does not count. */
  after: v.optional(id),
}

export const condition = v.variant('kind', [
  /** Guests that are there now. */
  v.strictObject({
    ...common,
    kind: v.literal('guest'),
    image: v.optional(short),
    host: v.optional(hostKind),
    state: v.optional(guestState),
    workload: v.optional(short),
    at_least: atLeast,
  }),
  /** Hosts that are there now. */
  v.strictObject({
    ...common,
    kind: v.literal('host'),
    host: v.optional(hostKind),
    /** Exactly so many guests on it. */
    guests: v.optional(wholeText(0, 240)),
    memory_at_most_MB: v.optional(wholeText(1, 16_384)),
    at_least: atLeast,
  }),
  /** Runs since the exercise was begun. */
  v.strictObject({
    ...common,
    kind: v.literal('run'),
    ...selection,
    /** Code of the error, of runs that failed. */
    error: v.optional(short),
    ram_equal: v.optional(yesNo),
    guest_check: v.optional(v.picklist(['ok', 'failed'])),
    predicted: v.optional(yesNo),
    where: v.optional(comparisons),
    at_least: atLeast,
  }),
  /** The median of a figure over the runs `of`, against that over the runs `with`. */
  v.strictObject({
    ...common,
    kind: v.literal('compare'),
    figure,
    of: selectionText,
    with: selectionText,
    /** Of each. */
    at_least: atLeast,
    /** `of` ÷ `with` is at most, at least this; without either, both have to be measured. */
    ratio_at_most: v.optional(v.pipe(v.string(), v.decimal('expected a number'), v.transform(Number))),
    ratio_at_least: v.optional(v.pipe(v.string(), v.decimal('expected a number'), v.transform(Number))),
  }),
  /** What the user looked at since the exercise was opened. */
  v.strictObject({ ...common, kind: v.literal('inspected'), view: v.picklist(INSPECTED) }),
  /** A command of a host's toolstack. */
  v.strictObject({
    ...common,
    kind: v.literal('command'),
    host: v.optional(hostKind),
    /** What the line begins with, blanks evened out. */
    line: short,
    /** `done`: its exit status was 0. */
    result: v.optional(v.picklist(['done', 'failed']), 'done'),
    at_least: atLeast,
  }),
  /** A configuration file of a host. */
  v.strictObject({
    ...common,
    kind: v.literal('file'),
    host: hostKind,
    path: v.pipe(v.string(), v.regex(/^\/[\x21-\x7e]{1,200}$/, 'a path begins with /')),
    /** One of its lines begins with this. */
    line: short,
    /** On so many hosts of the kind. */
    at_least: atLeast,
  }),
])
export type Condition = v.InferOutput<typeof condition>

/** `a`, `a*`, `a|b`. */
export function fits(pattern: string | undefined, value: string): boolean {
  if (pattern === undefined) return true
  return pattern.split('|').some((one) => (one.endsWith('*') ? value.startsWith(one.slice(0, -1)) : value === one))
}
