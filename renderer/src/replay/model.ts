/**
 * A recording, so that what was known at any time can be looked up at once: entries become tracks, once, when it is
 * opened. Nothing here depends on what was looked at before, so to arrive at a time by playing or by seeking is the same.
 */
import * as v from 'valibot'
import {
  type GuestView,
  type HostView,
  type ListedRun,
  type MemoryViewView,
  type MethodInput,
  type MethodName,
  type MethodOutput,
  migrateInput,
  type RunDetails,
  type ScreenView,
  type StateView,
} from '../../../engine/contract/lab.ts'
import type { MessageDetails } from '../../../engine/contract/messages.ts'
import type { PagesView } from '../../../engine/contract/pages.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import type { ActionEntry, AnswerEntry, Entry, EventEntry } from '../../../engine/recording/entries.ts'
import type { Recording } from '../../../engine/recording/read.ts'
import { ConsoleTrack } from './console-track.ts'
import { withNote, withRuns } from './listed-runs.ts'
import { eventsUntil, type PastRun, RunGathering, type RunHistory, type RunIdentity } from './runs-model.ts'
import { countUntil, Track, Tracks } from './track.ts'

const isAnswer = (entry: Entry): entry is AnswerEntry => 'answer' in entry
export const isEvent = (entry: Entry): entry is EventEntry => 'event' in entry
export const isAction = (entry: Entry): entry is ActionEntry => 'action' in entry

/** An action that was carried out, with the type of its input: the reader has checked it against this method's schema. */
const inputOf = <M extends MethodName>(entry: ActionEntry, method: M): MethodInput<M> | null =>
  entry.action === method && entry.failed === null ? (entry.input as MethodInput<M>) : null

const keyOf = (method: MethodName, input: unknown): string => `${method} ${JSON.stringify(input ?? {})}`

export class RecordingModel {
  readonly recording: Recording
  readonly duration_ms: number
  readonly entries: readonly Entry[]
  readonly hosts = new Track<readonly HostView[]>()
  readonly guests = new Track<readonly GuestView[]>()
  readonly listed = new Track<readonly ListedRun[]>()
  readonly screens = new Tracks<string, ScreenView>()
  readonly pages = new Tracks<string, PagesView>()
  readonly memory = new Tracks<string, MemoryViewView>()
  /** By guest and by the kind that it is carried to. */
  readonly states = new Tracks<string, StateView>()
  /** In the order in which they began. */
  readonly runs: readonly RunHistory[]
  readonly #times: Float64Array
  readonly #consoles = new Map<string, ConsoleTrack>()
  readonly #links = new Tracks<string, string>()
  readonly #details = new Map<string, RunDetails>()
  readonly #messages = new Map<string, MessageDetails>()
  readonly #answers = new Tracks<string, unknown>()
  readonly #gathered = new Map<string, RunGathering>()
  readonly #removed = new Map<string, ListedRun>()

  constructor(recording: Recording) {
    this.recording = recording
    this.entries = recording.entries
    this.duration_ms = Math.max(recording.duration_ms, recording.entries.at(-1)?.t ?? 0)
    this.#times = Float64Array.from(recording.entries, ({ t }) => t)
    for (const entry of recording.entries) {
      if (isAnswer(entry)) this.#answer(entry)
      else if (isEvent(entry)) this.#event(entry)
      else this.#action(entry)
    }
    this.runs = [...this.#gathered.values()]
      .flatMap((run) => run.history((began, report) => this.#guess(began, report)) ?? [])
      .sort((a, b) => a.began_ms - b.began_ms)
  }

  /** Entries after `from` and until `to`. */
  between(from: number, to: number): readonly Entry[] {
    return this.entries.slice(countUntil(this.#times, from), countUntil(this.#times, to))
  }

  consoleOf(guest: string, t: number): MethodOutput<'guests.console'> {
    return this.#consoles.get(guest)?.at(t) ?? { text: '', position: 0 }
  }

  /** The link of a guest's last migration, as it was changed since; null: it had none yet. */
  linkOf(guest: string, t: number): string | null {
    return this.#links.get(guest)?.at(t) ?? null
  }

  run(id: string): RunHistory | undefined {
    return this.runs.find(({ identity }) => identity.run_id === id)
  }

  /** Details of a run, whenever they were told. */
  details(run: string): RunDetails | undefined {
    return this.#details.get(run)
  }

  message(run: string, index: number): MessageDetails | undefined {
    return this.#messages.get(`${run} ${index}`)
  }

  /** What a method had last answered by then; before its first answer, that one: what is listed once was there before. */
  answer(method: MethodName, input: unknown, t: number): unknown {
    const track = this.#answers.get(keyOf(method, input))
    return track?.at(t) ?? track?.first?.value
  }

  /** Migrations that had begun, each as the window has to take it up to show what it would have seen. */
  pastRuns(t: number): readonly PastRun[] {
    return this.runs.flatMap((run) => this.#pastRun(run, t) ?? [])
  }

  /** Migrations that began after `from_ms` and until `to_ms`, before anything is told of them. */
  begun(from_ms: number, to_ms: number): readonly PastRun[] {
    return this.runs
      .filter(({ began_ms }) => began_ms > from_ms && began_ms <= to_ms)
      .flatMap((run) => this.#pastRun(run, run.began_ms) ?? [])
      .map((past) => ({ ...past, events: [], report: null }))
  }

  #pastRun(run: RunHistory, t: number): PastRun | null {
    const { identity, before, began_ms, ended_ms } = run
    if (began_ms > t) return null
    const guest = this.#lastOf(this.guests, began_ms, ({ id }) => id === identity.guest)
    const from = this.#lastOf(this.hosts, began_ms, ({ name }) => name === identity.from)
    const to = this.#lastOf(this.hosts, began_ms, ({ name }) => name === identity.to)
    if (guest === undefined || from === undefined || to === undefined) return null
    const report = t >= ended_ms ? run.report : null
    return { identity, guest, from, to, began_ms, ended_ms, before, events: eventsUntil(run, t), report }
  }

  #lastOf<T>(track: Track<readonly T[]>, t: number, is: (item: T) => boolean): T | undefined {
    return track.last(t, (items) => items.some(is))?.value.find(is)
  }

  #answer(entry: AnswerEntry): void {
    const { t } = entry
    switch (entry.answer) {
      case 'hosts.list':
        return this.hosts.push(this.#since(this.hosts, t), entry.result)
      case 'guests.list':
        return this.guests.push(this.#since(this.guests, t), entry.result)
      case 'guests.console':
        return this.#console(entry.input.guest).said(t, entry.result.text)
      case 'guests.screen':
        return this.screens.push(entry.input.guest, t, entry.result)
      case 'guests.pages':
        return this.pages.push(entry.input.guest, t, entry.result)
      case 'guests.memory':
        return this.memory.push(entry.input.guest, t, entry.result)
      case 'guests.state':
        return this.states.push(`${entry.input.guest} ${entry.input.as}`, t, entry.result)
      case 'migrations.active':
        return entry.result.forEach((active) => this.#run(active.run_id).active(t, active))
      case 'runs.list':
        return this.#list(t, withRuns(this.#listed, entry.result))
      case 'runs.details':
        this.#details.set(entry.input.run_id, entry.result)
        return this.#run(entry.input.run_id).details(entry.result.messages)
      case 'runs.message':
        return void this.#messages.set(`${entry.input.run_id} ${entry.input.index}`, entry.result)
      default:
        return this.#answers.push(keyOf(entry.answer, entry.input), t, entry.result)
    }
  }

  /** What is listed first was there before. */
  #since(track: Track<unknown>, t: number): number {
    return track.length === 0 ? 0 : t
  }

  #event(entry: EventEntry): void {
    const { t } = entry
    switch (entry.event) {
      case 'hosts.changed':
        return this.hosts.push(
          t,
          upsert(this.hosts.latest ?? [], entry.payload, ({ name }) => name),
        )
      case 'guests.changed':
        return this.guests.push(
          t,
          upsert(this.guests.latest ?? [], entry.payload, ({ id }) => id),
        )
      case 'guests.removed':
        return this.#guestRemoved(t, entry.payload.guest)
      case 'guests.output':
        return this.#console(entry.payload.guest).told(t, entry.payload.data)
      case 'migrations.progress':
        return this.#run(entry.payload.run_id).event({ t, kind: 'progress', payload: entry.payload })
      case 'migrations.probes':
        return this.#run(entry.payload.run_id).event({ t, kind: 'probes', payload: entry.payload })
      case 'migrations.messages':
        return this.#run(entry.payload.run_id).messages(t, entry.payload.first, entry.payload.messages)
      case 'runs.added':
        this.#run(entry.payload.run_id).ended(t, entry.payload)
        return this.#list(t, withRuns(this.#listed, [{ ...entry.payload, note: null }]))
      case 'runs.noted':
        return this.#list(t, withNote(this.#listed, entry.payload.run_id, entry.payload.note))
      default:
        // An event of a newer contract changes nothing that is looked up here.
        return
    }
  }

  #action(entry: ActionEntry): void {
    const { t } = entry
    const started = inputOf(entry, 'migrations.start')
    if (started !== null) this.#links.push(started.guest, t, started.link ?? 'unlimited')
    const linked = inputOf(entry, 'migrations.setLink')
    if (linked !== null) this.#linkChanged(t, linked.run_id, linked.link)
    const host = inputOf(entry, 'hosts.remove')
    if (host !== null)
      this.hosts.push(
        t,
        (this.hosts.latest ?? []).filter(({ name }) => name !== host.name),
      )
    const removed = inputOf(entry, 'runs.remove')?.run_id
    const restored = inputOf(entry, 'runs.restore')?.run_id
    if (removed !== undefined) {
      const run = this.#listed.find(({ run_id }) => run_id === removed)
      if (run !== undefined) this.#removed.set(removed, run)
      this.#list(
        t,
        this.#listed.filter(({ run_id }) => run_id !== removed),
      )
    }
    const back = restored === undefined ? undefined : this.#removed.get(restored)
    if (back !== undefined) this.#list(t, withRuns(this.#listed, [back]))
  }

  get #listed(): readonly ListedRun[] {
    return this.listed.latest ?? []
  }

  #list(t: number, runs: readonly ListedRun[]): void {
    this.listed.push(t, runs)
  }

  #guestRemoved(t: number, guest: string): void {
    this.guests.push(
      t,
      (this.guests.latest ?? []).filter(({ id }) => id !== guest),
    )
  }

  #console(guest: string): ConsoleTrack {
    const known = this.#consoles.get(guest) ?? new ConsoleTrack()
    this.#consoles.set(guest, known)
    return known
  }

  #run(id: string): RunGathering {
    const known = this.#gathered.get(id) ?? new RunGathering(id)
    this.#gathered.set(id, known)
    return known
  }

  #linkChanged(t: number, run: string, link: string): void {
    const guest = this.#gathered.get(run)?.guest
    if (guest !== undefined) this.#links.push(guest, t, link)
  }

  /** Whose run it is, from what was asked for before it was first told of. */
  #guess(began_ms: number, report: RunReport | null): RunIdentity | null {
    const guests = this.guests.at(began_ms) ?? []
    const asked = this.between(-1, began_ms)
      .filter(isAction)
      .flatMap((entry) => inputOf(entry, 'migrations.start') ?? [])
      .findLast(({ guest }) => guests.some(({ id, state }) => id === guest && state === 'migrating'))
    const guest = guests.find(({ id, state }) => (asked === undefined ? state === 'migrating' : id === asked.guest))
    if (guest === undefined) return null
    const from = report?.from ?? guest.host
    const to = report?.to ?? asked?.to
    if (to === undefined) return null
    const input = v.parse(v.omit(migrateInput, ['record']), asked ?? { guest: guest.id, to })
    return { run_id: '', guest: guest.id, from, to, input }
  }
}

function upsert<T>(list: readonly T[], item: T, key: (item: T) => string): readonly T[] {
  const at = list.findIndex((other) => key(other) === key(item))
  return at < 0 ? [...list, item] : list.with(at, item)
}
