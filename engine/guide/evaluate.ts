/** Whether a condition holds, and why not: pure, on what the lab and its store hold at this moment. */
import type { GuestView, HostView } from '../contract/lab.ts'
import type { HostKind, RunReport } from '../contract/report.ts'
import { type Condition, FIGURES, fits, holds, type INSPECTED, type Selection } from './conditions.ts'

/** What the user did since the exercise was opened, and when (ISO 8601). */
export type Act = { readonly at: string } & Deed
export type Deed =
  | { readonly what: 'inspected'; readonly view: (typeof INSPECTED)[number] }
  | { readonly what: 'command'; readonly host: string; readonly line: string; readonly status: number }

export interface Evidence {
  readonly hosts: readonly Pick<HostView, 'name' | 'kind' | 'guests' | 'memory_B'>[]
  readonly guests: readonly Pick<GuestView, 'name' | 'image' | 'host' | 'state' | 'workload'>[]
  /** Since the exercise was begun, the newest first. */
  readonly runs: readonly RunReport[]
  readonly acts: readonly Act[]
  /** Text of a host's file; null = there is none; undefined = hosts have no files in this lab. */
  readonly file: (host: string, path: string) => string | null | undefined
}

export interface Verdict {
  readonly passed: boolean
  /** What was found, or why it is not true yet: one sentence. */
  readonly detail: string
}
type Of<K extends Condition['kind']> = Extract<Condition, { kind: K }>

/**
 * All checks of an exercise, in their order.
 * @param passedAt when those that are passed already did, by their ids (ISO 8601)
 * @param now the same for those that pass by this
 */
export function evaluateAll(
  conditions: readonly Condition[],
  evidence: Evidence,
  passedAt: Readonly<Record<string, string>>,
  now: string,
): Map<string, Verdict> {
  const times: Record<string, string | undefined> = { ...passedAt }
  const verdicts = new Map<string, Verdict>()
  for (const condition of conditions) {
    const { id, after } = condition
    const since = after === undefined ? '' : times[after]
    const verdict =
      since === undefined
        ? no(`Comes after “${conditions.find((one) => one.id === after)?.title ?? after}”.`)
        : evaluate(condition, after === undefined ? evidence : later(evidence, since))
    verdicts.set(id, verdict)
    if (verdict.passed) times[id] ??= now
  }
  return verdicts
}

/** Runs that ended, and what was done, from then on. What the lab holds is as it is. */
function later(evidence: Evidence, since: string): Evidence {
  const from = Date.parse(since)
  return {
    ...evidence,
    runs: evidence.runs.filter(({ started_at, total_ms }) => Date.parse(started_at) + total_ms >= from),
    acts: evidence.acts.filter(({ at }) => Date.parse(at) >= from),
  }
}

export function evaluate(condition: Condition, evidence: Evidence): Verdict {
  switch (condition.kind) {
    case 'guest':
      return guestVerdict(condition, evidence)
    case 'host':
      return hostVerdict(condition, evidence)
    case 'run':
      return runVerdict(condition, evidence)
    case 'compare':
      return compareVerdict(condition, evidence)
    case 'inspected':
      return evidence.acts.some((act) => act.what === 'inspected' && act.view === condition.view)
        ? yes('Seen.')
        : no(`Not looked at yet: ${condition.view}.`)
    case 'command':
      return commandVerdict(condition, evidence)
    case 'file':
      return fileVerdict(condition, evidence)
  }
}

const yes = (detail: string): Verdict => ({ passed: true, detail })
const no = (detail: string): Verdict => ({ passed: false, detail })
const times = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

const KIND_TITLES: Record<HostKind, string> = { xen: 'Xen', kvm: 'KVM', qemu: 'QEMU' }

function guestVerdict(wanted: Of<'guest'>, { guests, hosts }: Evidence): Verdict {
  const kindOf = (name: string) => hosts.find((host) => host.name === name)?.kind
  const found = guests.filter(
    (guest) =>
      fits(wanted.image, guest.image) &&
      fits(wanted.workload, guest.workload) &&
      (wanted.host === undefined || kindOf(guest.host) === wanted.host) &&
      (wanted.state === undefined
        ? guest.state !== 'crashed' && guest.state !== 'starting'
        : guest.state === wanted.state),
  )
  if (found.length >= wanted.at_least) return yes(found.map(({ name, host }) => `${name} on ${host}`).join(', '))
  const seen = guests.map(({ name, host, state, workload }) => `${name} is ${state} on ${host} with ${workload}`)
  const short = wanted.at_least > 1 ? `${found.length} of ${wanted.at_least} such guests.` : 'No such guest yet.'
  return no(`${short} ${seen.length === 0 ? 'The lab has no guests.' : `${seen.slice(0, 3).join('; ')}.`}`)
}

function hostVerdict(wanted: Of<'host'>, { hosts }: Evidence): Verdict {
  const ofKind = hosts.filter(({ kind }) => wanted.host === undefined || kind === wanted.host)
  const found = ofKind.filter(
    (host) =>
      (wanted.guests === undefined || host.guests.length === wanted.guests) &&
      (wanted.memory_at_most_MB === undefined || host.memory_B <= wanted.memory_at_most_MB * 2 ** 20),
  )
  if (found.length >= wanted.at_least) return yes(found.map(({ name }) => name).join(', '))
  const seen = ofKind.map(
    ({ name, guests, memory_B }) => `${name} has ${times(guests.length, 'guest')} and ${memory_B / 2 ** 20} MiB`,
  )
  return no(`${found.length} of ${times(wanted.at_least, 'such host')}. ${seen.slice(0, 4).join('; ')}.`)
}

function selects(wanted: Selection, run: RunReport): boolean {
  return (
    run.outcome === wanted.outcome &&
    (wanted.from === undefined || run.from_kind === wanted.from) &&
    (wanted.to === undefined || run.to_kind === wanted.to) &&
    fits(wanted.guest, run.guest) &&
    fits(wanted.algorithm, run.algorithm) &&
    fits(wanted.workload, run.workload) &&
    fits(wanted.link, run.link)
  )
}

function runVerdict(wanted: Of<'run'>, { runs }: Evidence): Verdict {
  const selected = runs.filter((run) => selects(wanted, run) && fits(wanted.error, run.error?.code ?? ''))
  const found = selected.filter(
    (run) =>
      (wanted.ram_equal === undefined || run.ram_equal === wanted.ram_equal) &&
      (wanted.guest_check === undefined || run.guest_check === wanted.guest_check) &&
      (wanted.predicted === undefined || (run.prediction !== null) === wanted.predicted) &&
      (wanted.where ?? []).every((comparison) => holds(comparison, run)),
  )
  if (found.length >= wanted.at_least) return yes(found.slice(0, 3).map(runWords).join('; '))
  const what = `${wanted.outcome} run${wordsOf(wanted)}`
  if (found.length > 0) return no(`${found.length} of ${wanted.at_least}: ${what}.`)
  if (selected.length > 0) return no(`The last ${what}: ${missing(wanted, selected[0])}.`)
  const [last] = runs
  return no(
    last === undefined
      ? `No ${what} yet; none was made since the exercise was begun.`
      : `No ${what} yet. The last run: ${runWords(last)}.`,
  )
}

/** Which of the wishes a run does not fulfil. */
function missing(wanted: Of<'run'>, run: RunReport): string {
  const failed = (wanted.where ?? []).find((comparison) => !holds(comparison, run))
  if (failed !== undefined) {
    const value = FIGURES[failed.figure](run)
    return `${failed.figure} was ${value === null ? 'not measured' : round(value)}, wanted ${failed.operator} ${failed.value}`
  }
  if (wanted.ram_equal !== undefined && run.ram_equal === null) return 'its RAM was not compared (Compare all RAM)'
  if (wanted.ram_equal !== undefined && run.ram_equal !== wanted.ram_equal) return 'its RAM check came out otherwise'
  if (wanted.guest_check !== undefined) return "the guest's own check came out otherwise, or was left out"
  return wanted.predicted === true ? 'it had no prediction' : 'it had a prediction'
}

function wordsOf({
  from,
  to,
  algorithm,
  guest,
  workload,
  link,
  error,
}: Selection & { error?: string | undefined }): string {
  const kind = (one: HostKind | undefined) => (one === undefined ? 'any' : KIND_TITLES[one])
  const direction = from === undefined && to === undefined ? '' : ` ${kind(from)} → ${kind(to)}`
  const rest = Object.entries({ by: algorithm, of: guest, with: workload, over: link, 'with the error': error })
  return direction + rest.map(([word, value]) => (value === undefined ? '' : ` ${word} ${value}`)).join('')
}

function runWords(run: RunReport): string {
  const what = `${run.guest} ${KIND_TITLES[run.from_kind]} → ${KIND_TITLES[run.to_kind]} by ${run.algorithm}, ${run.workload}`
  if (run.outcome === 'completed') return `${what}: downtime ${round(run.downtime_ms ?? 0)} ms`
  return `${what}: ${run.outcome}${run.error === null ? '' : ` (${run.error.code})`}`
}

function compareVerdict(wanted: Of<'compare'>, { runs }: Evidence): Verdict {
  const read = FIGURES[wanted.figure]
  const valuesOf = (selection: Selection) =>
    runs
      .filter((run) => selects(selection, run))
      .map(read)
      .filter((value) => value !== null)
  const sides = [valuesOf(wanted.of), valuesOf(wanted.with)]
  const short = sides.findIndex((values) => values.length < wanted.at_least)
  if (short >= 0) {
    const selection = short === 0 ? wanted.of : wanted.with
    return no(`${sides[short].length} of ${times(wanted.at_least, `run`)}${wordsOf(selection)}.`)
  }
  const [a, b] = sides.map(median)
  const found = `medians of ${wanted.figure}: ${round(a)} (n ${sides[0].length}) and ${round(b)} (n ${sides[1].length})`
  const atMost = wanted.ratio_at_most === undefined || a <= b * wanted.ratio_at_most
  const atLeast = wanted.ratio_at_least === undefined || a >= b * wanted.ratio_at_least
  if (atMost && atLeast) return yes(`${found}.`)
  const limit = atMost ? `at least ${wanted.ratio_at_least}` : `at most ${wanted.ratio_at_most}`
  return no(`${found}; the first ÷ the second should be ${limit}.`)
}

function commandVerdict(wanted: Of<'command'>, { acts, hosts }: Evidence): Verdict {
  const kindOf = (name: string) => hosts.find((host) => host.name === name)?.kind
  const even = (line: string) => line.trim().split(/\s+/).join(' ')
  const given = acts.filter(
    (act) =>
      act.what === 'command' &&
      (wanted.host === undefined || kindOf(act.host) === wanted.host) &&
      even(act.line).startsWith(even(wanted.line)),
  )
  const found = given.filter((act) => act.what === 'command' && (act.status === 0) === (wanted.result === 'done'))
  if (found.length >= wanted.at_least) return yes(`${times(found.length, 'time')}.`)
  if (found.length > 0) return no(`${found.length} of ${wanted.at_least} times.`)
  const [last] = given
  if (last?.what === 'command') return no(`\`${last.line}\` on ${last.host} ended with status ${last.status}.`)
  return no(`\`${wanted.line}\` was not given in a host's terminal yet.`)
}

function fileVerdict(wanted: Of<'file'>, { hosts, file }: Evidence): Verdict {
  const ofKind = hosts.filter(({ kind }) => kind === wanted.host)
  const texts = ofKind.map(({ name }) => ({ name, text: file(name, wanted.path) }))
  if (texts.length > 0 && texts.every(({ text }) => text === undefined)) {
    return no('The hosts of this lab have no terminals and files, so this cannot be checked.')
  }
  const has = (text: string) => text.split('\n').some((line) => line.trim().startsWith(wanted.line))
  const found = texts.filter(({ text }) => typeof text === 'string' && has(text))
  if (found.length >= wanted.at_least) return yes(`On ${found.map(({ name }) => name).join(', ')}.`)
  const without = texts.find(({ text }) => typeof text !== 'string' || !has(text))
  if (without === undefined)
    return no(`${found.length} of ${times(wanted.at_least, `${KIND_TITLES[wanted.host]} host`)}.`)
  if (typeof without.text !== 'string') return no(`${without.name} has no file ${wanted.path}.`)
  return no(`${wanted.path} on ${without.name} has no line that begins with \`${wanted.line}\`.`)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const round = (value: number): string => String(Number(value.toPrecision(3)))
