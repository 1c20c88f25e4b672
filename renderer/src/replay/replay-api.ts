/**
 * The lab of a recording: it answers as the lab did at the present time, and tells its events as they pass. It does
 * nothing: whatever would change a lab is refused.
 */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../../engine/contract/lab.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import { type ConnectionState, type LabApi, LabError, type Recorded } from '../api/api.ts'
import { selectRuns } from './listed-runs.ts'
import { isEvent, type RecordingModel } from './model.ts'
import { messagesUntil, progressAt, type RunHistory } from './runs-model.ts'
import type { Stamped } from './track.ts'

type Handler<M extends MethodName> = (input: MethodInput<M>) => MethodOutput<M> | Promise<MethodOutput<M>>
type Handlers = { readonly [M in MethodName]?: Handler<M> }

interface Waiting {
  readonly run: RunHistory
  readonly resolve: (report: RunReport) => void
}

const readOnly = (method: MethodName) =>
  new LabError(
    'replay.read-only',
    'This is a recording; nothing in it can be changed. Do it in the lab (Alt+1), and record that.',
    { method },
  )

const notRecorded = (what: string) =>
  new LabError('replay.not-recorded', `${what} was not recorded. Go on in the recording, or look at it in the lab.`)

export class ReplayApi implements LabApi {
  readonly state: ConnectionState = 'open'
  readonly recorded: Recorded
  readonly #model: RecordingModel
  readonly #handlers: Handlers
  readonly #listeners = new Map<string, Set<(payload: never) => void>>()
  readonly #news = new Map<MethodName, Set<() => void>>()
  #waiting: Waiting[] = []
  #t = 0

  constructor(model: RecordingModel) {
    this.#model = model
    this.#handlers = this.#answers()
    this.recorded = {
      last: (method, input, wanted) => {
        const found = this.#last(method, input, wanted)
        return found === undefined ? null : { result: found.value, at: this.#date(found.t) }
      },
      onNews: (method, listener) => {
        const listeners = this.#news.get(method) ?? new Set()
        this.#news.set(method, listeners.add(listener))
        return () => listeners.delete(listener)
      },
    }
  }

  /** Refuses what it does not know by name: `replay.read-only`, `replay.not-recorded`. */
  async call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    // A handler of this very method; TypeScript cannot follow that through the map of methods.
    const handler = this.#handlers[method]
    if (handler !== undefined) return handler(input)
    const answer = this.#model.answer(method, input, this.#t)
    // The reader has checked it against the schema of this method.
    if (answer !== undefined) return answer
    throw readOnly(method)
  }

  on<E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  onState(): () => void {
    return () => undefined
  }

  /** Time goes on: what happened in between is told. */
  advance(from_ms: number, to_ms: number): void {
    this.#t = to_ms
    const news = new Set<MethodName>()
    for (const entry of this.#model.between(from_ms, to_ms)) {
      if (isEvent(entry)) this.#tell(entry.event, entry.payload)
      else if ('answer' in entry) news.add(entry.answer)
      // What an action changes is not always an event: a host that was removed, say.
      else news.add('hosts.list')
    }
    for (const method of news) this.#tellNews(method)
    this.#waiting = this.#waiting.filter(({ run, resolve }) => {
      if (run.report === null || run.ended_ms > to_ms) return true
      resolve(run.report)
      return false
    })
  }

  /** Another time: everything is asked anew, and nobody waits any more. */
  jump(to_ms: number): void {
    this.#t = to_ms
    this.#waiting = []
  }

  /** After a jump, once the window's own state has followed. */
  tellAll(): void {
    for (const method of [...this.#news.keys()]) this.#tellNews(method)
  }

  #tellNews(method: MethodName): void {
    for (const listener of [...(this.#news.get(method) ?? [])]) listener()
  }

  #tell<E extends EventName>(event: E, payload: LabEvents[E]): void {
    const listeners = this.#listeners.get(event) as Set<(payload: LabEvents[E]) => void> | undefined
    for (const listener of [...(listeners ?? [])]) listener(payload)
  }

  #date(t: number): Date {
    return new Date(Date.parse(this.#model.recording.about.began_at) + t)
  }

  /** The last sample of what is recorded guest by guest. */
  #last<M extends MethodName>(
    method: M,
    input: MethodInput<M>,
    wanted: (result: MethodOutput<M>) => boolean,
  ): Stamped<MethodOutput<M>> | undefined {
    const model = this.#model
    const asked = input as { guest?: string; as?: string } | undefined
    const guest = asked?.guest ?? ''
    const track = {
      'guests.screen': model.screens.get(guest),
      'guests.pages': model.pages.get(guest),
      'guests.memory': model.memory.get(guest),
      'guests.state': model.states.get(`${guest} ${asked?.as}`),
    }[method as 'guests.screen']
    // The track of this very method.
    return track?.last(this.#t, wanted)
  }

  #sample<M extends MethodName>(method: M, input: MethodInput<M>, what: string): MethodOutput<M> {
    const found = this.#last(method, input, () => true)
    if (found === undefined) throw notRecorded(what)
    return found.value
  }

  #answers(): Handlers {
    const model = this.#model
    const lists = {
      'images.list': () => (model.answer('images.list', {}, this.#t) ?? []) as MethodOutput<'images.list'>,
      'algorithms.list': () => (model.answer('algorithms.list', {}, this.#t) ?? []) as MethodOutput<'algorithms.list'>,
      'links.list': () => (model.answer('links.list', {}, this.#t) ?? []) as MethodOutput<'links.list'>,
    }
    return {
      ...lists,
      'hosts.list': () => [...(model.hosts.at(this.#t) ?? [])],
      'guests.list': () => [...(model.guests.at(this.#t) ?? [])],
      'guests.console': ({ guest }) => model.consoleOf(guest, this.#t),
      'guests.screen': (input) => this.#sample('guests.screen', input, 'The screen until now'),
      'guests.pages': (input) => this.#sample('guests.pages', input, 'The state of the pages until now'),
      'guests.memory': (input) => this.#memory(input),
      'guests.state': (input) => this.#sample('guests.state', input, 'The state until now'),
      'migrations.active': () => this.#active(),
      'migrations.wait': ({ run_id }) => this.#wait(run_id),
      'runs.list': (filter) => selectRuns(model.listed.at(this.#t) ?? [], filter ?? {}),
      'runs.get': ({ run_id }) => this.#report(run_id),
      'runs.details': ({ run_id }) => {
        const details = model.details(run_id)
        if (details === undefined) throw notRecorded('What was measured in this run')
        return details
      },
      'runs.messages': ({ run_id, from = 0 }) => this.#messages(run_id, from),
      'runs.message': ({ run_id, index }) => {
        const found = model.message(run_id, index)
        if (found === undefined) throw notRecorded('This message, taken apart,')
        return found
      },
    }
  }

  /** The table of frames is asked for now and then only: the last one of the same kind holds until the guest moves. */
  #memory(input: MethodInput<'guests.memory'>): MethodOutput<'guests.memory'> {
    const now = this.#sample('guests.memory', input, 'The memory until now')
    if (input.frames !== true || now.frames !== null) return now
    const whole = this.#last('guests.memory', input, ({ frames, kind }) => frames !== null || kind !== now.kind)
    return whole?.value.kind === now.kind ? { ...now, frames: whole.value.frames } : now
  }

  #active(): MethodOutput<'migrations.active'> {
    const t = this.#t
    return this.#model.runs
      .filter((run) => run.began_ms <= t && t < run.ended_ms)
      .map((run) => ({ ...run.identity, age_ms: t - run.began_ms, progress: progressAt(run, t) }))
  }

  #wait(id: string): Promise<RunReport> {
    const run = this.#model.run(id)
    if (run === undefined) return Promise.resolve(this.#report(id))
    if (run.report !== null && run.ended_ms <= this.#t) return Promise.resolve(run.report)
    return new Promise((resolve) => this.#waiting.push({ run, resolve }))
  }

  #report(id: string): RunReport {
    const report =
      this.#model.listed.at(this.#t)?.find(({ run_id }) => run_id === id) ??
      this.#model.run(id)?.report ??
      this.#model.details(id)?.report
    if (report === undefined || report === null) throw notRecorded('The report of this run')
    return report
  }

  #messages(id: string, from: number): MethodOutput<'runs.messages'> {
    const run = this.#model.run(id)
    const all = run === undefined ? this.#model.details(id)?.messages : messagesUntil(run, this.#t)
    if (all === undefined) throw notRecorded('What this run sent')
    return { first: Math.min(from, all.length), messages: all.slice(from) }
  }
}
