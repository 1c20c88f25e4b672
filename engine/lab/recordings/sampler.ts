/**
 * What is no event is asked for, as the window would ask: lists, screens, pages, memory, states, the details of runs.
 * Here is when. Nothing is asked in the critical window of a migration, in which the guest stands still: a look takes
 * time of the thread that moves it.
 */
import type { EventName, GuestView, LabEvents, MethodInput, MethodName, MethodOutput } from '../../contract/lab.ts'
import { type HostKind, hostKind } from '../../contract/report.ts'

/** How often something is asked for at most. */
export const EVERY_MS = {
  lists: 1000,
  textScreen: 250,
  graphicsScreen: 1000,
  pagesMoving: 250,
  pagesResting: 2000,
  memory: 5000,
  state: 5000,
} as const
/** A look at the pages of 128 MiB takes about a millisecond: of a stand-still that lasts so long, it is nothing. */
export const CRITICAL_MS = 250
/** Stop-and-copy: from there on the guest stands still, until it runs on the target. */
const FIRST_CRITICAL_STAGE = 3
/** Before the rounds: the guest's state is told as it sets out. */
const LAST_QUIET_STAGE = 1
/** As the window's inspector of memory asks: few rows each time, the whole p2m table where it is another one. */
const MEMORY_ROWS = 64
/** As the window's list of last runs asks. */
const LAST_RUNS = 20
/** Of a run with more messages, those beyond are recorded without their parts. */
export const MOST_MESSAGES = 1000
/** Messages that are asked for at a time. */
const MESSAGES_AT_A_TIME = 32

/** A migration under way, as the sampler needs to know it. */
export interface Crossing {
  readonly run_id: string
  readonly guest: string
  /** The furthest that it has come. */
  readonly stage: number
  /** The guest runs on the target. */
  readonly arrived: boolean
}

/** The lab that is looked at. */
export interface Sampled {
  call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>>
  guests(): readonly GuestView[]
  crossings(): readonly Crossing[]
}

type Take = <M extends MethodName>(method: M, input: MethodInput<M>, result: MethodOutput<M>) => void

interface Watched {
  host: string
  state: GuestView['state']
  /** When it was last asked for. */
  screenMs: number
  pagesMs: number
  memoryMs: number
  stateMs: number
  graphics: boolean
  /** The p2m table is another one. */
  whole: boolean
}

interface EndedRun {
  readonly run_id: string
  next: number
  messages: number | null
}

export class Sampler {
  readonly #lab: Sampled
  readonly #take: Take
  readonly #guests = new Map<string, Watched>()
  /** When a crossing was first seen in its critical window. */
  readonly #critical = new Map<string, number>()
  #ended: EndedRun[] = []
  #listsMs = -Infinity
  #runs = true
  /** Kind of each host, by name. */
  #kinds: ReadonlyMap<string, HostKind> = new Map()
  #busy = false

  constructor(lab: Sampled, take: Take) {
    this.#lab = lab
    this.#take = take
  }

  /** All that is told once, and everything else for the first time. */
  async begin(now: number): Promise<void> {
    for (const method of ['images.list', 'algorithms.list', 'links.list', 'migrations.active'] as const) {
      await this.#ask(method, {})
    }
    await this.#lists(now)
    for (const { id } of this.#lab.guests()) await this.#ask('guests.console', { guest: id })
    await this.look(now)
  }

  /** Events say what is to be asked for soon. */
  told<E extends EventName>(event: E, payload: LabEvents[E]): void {
    if (event === 'runs.added' && 'run_id' in payload) {
      this.#runs = true
      this.#ended.push({ run_id: payload.run_id, next: 0, messages: null })
    } else if (event === 'runs.noted') this.#runs = true
    else if (event === 'guests.removed' && 'guest' in payload) this.#guests.delete(payload.guest)
  }

  /** Somebody has done something to the lab. */
  acted(): void {
    this.#runs = true
    this.#listsMs = -Infinity
  }

  /** Whether a guest stands still, and has not for long. */
  isCritical(now: number): boolean {
    const critical = this.#lab.crossings().filter(({ stage, arrived }) => stage >= FIRST_CRITICAL_STAGE && !arrived)
    for (const id of this.#critical.keys()) {
      if (!critical.some(({ run_id }) => run_id === id)) this.#critical.delete(id)
    }
    for (const { run_id } of critical) if (!this.#critical.has(run_id)) this.#critical.set(run_id, now)
    return critical.some(({ run_id }) => now - (this.#critical.get(run_id) ?? now) < CRITICAL_MS)
  }

  /** Asks for what is due; one look at a time, so that a slow lab is not asked for more. */
  async look(now: number): Promise<void> {
    if (this.#busy || this.isCritical(now)) return
    this.#busy = true
    try {
      if (now - this.#listsMs >= EVERY_MS.lists) await this.#lists(now)
      for (const guest of this.#lab.guests()) {
        if (guest.state !== 'starting' && guest.state !== 'crashed') await this.#guest(guest, now)
      }
      await this.#endedRuns()
    } finally {
      this.#busy = false
    }
  }

  /** What is left to be told of runs that have ended. */
  async finish(): Promise<void> {
    while (this.#ended.length > 0) await this.#endedRuns()
    await this.#lists(-Infinity)
  }

  async #lists(now: number): Promise<void> {
    this.#listsMs = now
    const hosts = (await this.#ask('hosts.list', {})) ?? []
    this.#kinds = new Map(hosts.map(({ name, kind }) => [name, kind]))
    await this.#ask('guests.list', {})
    if (!this.#runs) return
    this.#runs = false
    await this.#ask('runs.list', { limit: LAST_RUNS })
  }

  async #guest(view: GuestView, now: number): Promise<void> {
    const { id: guest } = view
    const watched = this.#watched(view)
    const crossing = this.#lab.crossings().find((run) => run.guest === guest)
    const pagesEvery = crossing === undefined ? EVERY_MS.pagesResting : EVERY_MS.pagesMoving
    const screenEvery = watched.graphics ? EVERY_MS.graphicsScreen : EVERY_MS.textScreen
    const standsStill = crossing !== undefined && crossing.stage >= FIRST_CRITICAL_STAGE && !crossing.arrived

    // The state first: it is to be that of the moment in which the guest sets out, or has arrived.
    const quiet = crossing === undefined || crossing.stage <= LAST_QUIET_STAGE
    if (quiet && now - watched.stateMs >= EVERY_MS.state) {
      watched.stateMs = now
      for (const as of this.#formsOf(view)) {
        if (!this.isCritical(now)) await this.#ask('guests.state', { guest, as })
      }
    }
    if (!standsStill && now - watched.memoryMs >= EVERY_MS.memory) {
      watched.memoryMs = now
      const { whole } = watched
      watched.whole = false
      await this.#ask('guests.memory', { guest, rows: MEMORY_ROWS, frames: whole })
    }
    if (this.isCritical(now)) return
    if (now - watched.pagesMs >= pagesEvery) {
      watched.pagesMs = now
      await this.#ask('guests.pages', { guest })
    }
    // Its picture does not change while it stands still, and its thread has other things to do.
    if (!standsStill && now - watched.screenMs >= screenEvery) {
      watched.screenMs = now
      const screen = await this.#ask('guests.screen', { guest })
      if (screen !== undefined) watched.graphics = screen.kind === 'graphics'
    }
  }

  /** In which forms a guest's state is told. To tell it, a QEMU stops its guest for as long as a switch-over. */
  #formsOf({ host }: GuestView): readonly HostKind[] {
    if (this.#kinds.get(host) === 'qemu') return []
    const present = [...this.#kinds.values()]
    return hostKind.options.filter((kind) => kind !== 'qemu' || present.includes(kind))
  }

  /** What is known of a guest; where it is on another host or in another state than before, all is asked for anew. */
  #watched({ id, host, state }: GuestView): Watched {
    const known = this.#guests.get(id)
    if (known?.host === host && known.state === state) return known
    const never = { screenMs: -Infinity, pagesMs: -Infinity, memoryMs: -Infinity, stateMs: -Infinity }
    const watched = {
      host,
      state,
      ...never,
      graphics: known?.graphics ?? false,
      whole: known?.host !== host || known.whole,
    }
    this.#guests.set(id, watched)
    return watched
  }

  /** A few steps further in telling the runs that have ended. */
  async #endedRuns(): Promise<void> {
    const [run] = this.#ended
    if (run === undefined) return
    if (run.messages === null) {
      const details = await this.#ask('runs.details', { run_id: run.run_id })
      run.messages = Math.min(MOST_MESSAGES, details?.messages.length ?? 0)
    }
    const end = Math.min(run.messages, run.next + MESSAGES_AT_A_TIME)
    for (; run.next < end; run.next++) await this.#ask('runs.message', { run_id: run.run_id, index: run.next })
    if (run.next >= run.messages) this.#ended = this.#ended.filter((other) => other !== run)
  }

  /** @returns undefined: there is no answer at this time; while a guest switches over it has no screen, say */
  async #ask<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M> | undefined> {
    try {
      const result = await this.#lab.call(method, input)
      this.#take(method, input, result)
      return result
    } catch {
      return undefined
    }
  }
}
