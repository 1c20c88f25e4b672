/** The lab as it stands: hosts, guests, migrations under way and the last runs, kept up to date by the lab's events. */
import type {
  ActiveMigration,
  GuestInput,
  GuestView,
  HostInput,
  HostView,
  MethodInput,
  MethodOutput,
  MigrateInput,
} from '../../../engine/contract/lab.ts'
import type { QosTargets, TargetChanges } from '../../../engine/contract/prediction.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import type { ImageView } from '../../../engine/contract/workloads.ts'
import type { ConnectionState, LabApi } from '../api/api.ts'
import { onNews } from '../api/news.ts'
import type { PastRun } from '../replay/runs-model.ts'
import { explain } from './errors.ts'
import { guestLinks } from './guest-links.svelte.ts'
import type { LinkPreset } from './links.ts'
import { LiveRun } from './live-run.svelte.ts'
import { notices } from './notices.svelte.ts'
import { preferences } from './preferences.svelte.ts'
import { Series } from './series.ts'

const HOSTS_EVERY_MS = 1000
const LAST_RUNS = 20
/** Of a guest that has not been migrated in a recording. */
const NO_LINK = 'unlimited'
const FINISHED_KEPT = 8

export type AlgorithmInfo = MethodOutput<'algorithms.list'>[number]

/** A guest that was asked for and is not at its prompt yet. */
export interface Starting {
  readonly key: number
  readonly image: string
  readonly host: string
  readonly ram_MB: number
}

export class LabState {
  readonly api: LabApi
  connection = $state.raw<ConnectionState>('connecting')
  /** False until the first answer: nothing is said about an empty lab before. */
  loaded = $state(false)
  hosts = $state.raw<readonly HostView[]>([])
  guests = $state.raw<readonly GuestView[]>([])
  starting = $state.raw<readonly Starting[]>([])
  images = $state.raw<readonly ImageView[]>([])
  algorithms = $state.raw<readonly AlgorithmInfo[]>([])
  links = $state.raw<readonly LinkPreset[]>([])
  recent = $state.raw<readonly RunReport[]>([])
  /** The newest migration of each guest, by its id. */
  runs = $state.raw<ReadonlyMap<string, LiveRun>>(new Map())
  selectedId = $state<string | null>(null)
  /** Memory in use of each host, by name; `ticks` says that they grew. */
  readonly memory = new Map<string, Series>()
  ticks = $state(0)
  /** Links of the guests of a recording, by id; null: the user's own choices hold. */
  recordedLinks = $state.raw<ReadonlyMap<string, string> | null>(null)
  #startingKey = 0
  /** Guests whose migration is being started from here. */
  readonly #asked = new Set<string>()
  #adopting = false

  constructor(api: LabApi) {
    this.api = api
  }

  /** A recording: it is looked at, and nothing in it can be changed. */
  get readOnly(): boolean {
    return this.api.recorded !== undefined
  }

  /** The link that a guest's migrations cross; without a guest, those to come. */
  linkOf(guest: string | undefined): string {
    if (this.recordedLinks === null) return guestLinks.of(guest)
    return (guest === undefined ? undefined : this.recordedLinks.get(guest)) ?? NO_LINK
  }

  get selected(): GuestView | null {
    return this.guests.find(({ id }) => id === this.selectedId) ?? this.guests[0] ?? null
  }

  /** The run that the link shows: the newest one under way. */
  get crossing(): LiveRun | null {
    return [...this.runs.values()].findLast((run) => run.running) ?? null
  }

  guestsOf(host: string): GuestView[] {
    return this.guests.filter((guest) => guest.host === host)
  }

  hostOf(name: string): HostView | undefined {
    return this.hosts.find((host) => host.name === name)
  }

  runOf(guest: string): LiveRun | null {
    return this.runs.get(guest) ?? null
  }

  /** Listens and loads. Returns the function that ends it. */
  start(): () => void {
    const { api } = this
    const offs = [
      api.on('hosts.changed', (host) => (this.hosts = upsert(this.hosts, host, (h) => h.name))),
      api.on('guests.changed', (guest) => this.#guestChanged(guest)),
      api.on('guests.removed', ({ guest }) => this.#guestRemoved(guest)),
      api.on('migrations.progress', (event) => this.#runOf(event.run_id, (run) => run.progress(event))),
      api.on('migrations.probes', (event) => this.#runOf(event.run_id, (run) => run.probes(event))),
      api.on('migrations.targets', (event) => this.#runOf(event.run_id, (run) => (run.targets = event.targets))),
      api.on('runs.added', (report) => this.#runAdded(report)),
      api.onState((state) => {
        this.connection = state
        if (state === 'open') void this.#load()
      }),
    ]
    // What a recording has no event for.
    offs.push(onNews(api, ['hosts.list', 'guests.list', 'runs.list'], () => void this.#load()))
    this.connection = api.state
    if (api.state === 'open') void this.#load()
    // A recording has a time of its own: whoever plays it says when a second has passed.
    const timer = this.readOnly ? undefined : setInterval(() => void this.#sample(), HOSTS_EVERY_MS)
    return () => {
      clearInterval(timer)
      for (const off of offs) off()
    }
  }

  /** Another time of a recording: what was known is forgotten, and asked and told anew. What is selected stays. */
  async rewind(runs: readonly PastRun[]): Promise<void> {
    this.runs = new Map()
    this.memory.clear()
    let open: { readonly run: LiveRun; readonly past: PastRun }[] = []
    const close = (until_ms: number) => {
      open = open.filter(({ run, past }) => {
        if (past.report === null || past.ended_ms >= until_ms) return true
        run.finish(past.report)
        return false
      })
    }
    for (const past of runs) {
      // One that was over by then is one of the finished ones that the next one finds.
      close(past.began_ms)
      open.push({ run: this.takeUp(past), past })
    }
    close(Infinity)
    for (const { run } of open) run.settle()
    await this.#load()
  }

  /** A migration of a recording, with all that was told of it so far. */
  takeUp({ identity, guest, from, to, before, events }: PastRun): LiveRun {
    const run = new LiveRun(identity.run_id, guest, { from: place(from), to: place(to) }, identity.input)
    if (before !== null) run.progress(before)
    for (const event of events) {
      if (event.kind === 'progress') run.progress(event.payload)
      else run.probes(event.payload)
    }
    this.#keep(run)
    return run
  }

  async addHost(input: HostInput): Promise<void> {
    await this.api.call('hosts.add', input)
    await this.#refreshHosts()
  }

  async removeHost(name: string): Promise<void> {
    await this.api.call('hosts.remove', { name })
    this.memory.delete(name)
    await this.#refreshHosts()
  }

  /** @param link that its migrations cross */
  async createGuest(input: GuestInput, ram_MB: number, link: string): Promise<GuestView> {
    const starting = { key: ++this.#startingKey, image: input.image, host: input.host, ram_MB }
    this.starting = [...this.starting, starting]
    try {
      const guest = await this.api.call('guests.create', input)
      this.#guestChanged(guest)
      this.selectedId = guest.id
      guestLinks.set(guest.id, link)
      return guest
    } finally {
      this.starting = this.starting.filter(({ key }) => key !== starting.key)
      void this.#refreshHosts()
    }
  }

  /** Of a file that was handed over; it is paused, and selected. */
  async importGuest(input: MethodInput<'guests.import'>): Promise<GuestView> {
    try {
      const guest = await this.api.call('guests.import', input)
      this.#guestChanged(guest)
      this.selectedId = guest.id
      return guest
    } finally {
      void this.#refreshHosts()
    }
  }

  async migrate(input: MigrateInput): Promise<LiveRun> {
    const guest = this.guests.find(({ id }) => id === input.guest)
    const to = this.hostOf(input.to)
    const from = guest === undefined ? undefined : this.hostOf(guest.host)
    if (guest === undefined || to === undefined || from === undefined) throw new Error('The guest or its host is gone.')
    this.#asked.add(guest.id)
    try {
      const { run_id } = await this.api.call('migrations.start', input)
      const run = new LiveRun(run_id, guest, { from: place(from), to: place(to) }, input)
      this.#keep(run)
      this.selectedId = guest.id
      void this.#awaitEnd(run)
      return run
    } finally {
      this.#asked.delete(guest.id)
    }
  }

  /** The link of a guest's migrations, the one under way included; without a guest, of those to come. */
  setLink(guest: string | undefined, link: string): void {
    preferences.link = link
    if (guest === undefined) return
    guestLinks.set(guest, link)
    const run = this.runs.get(guest)
    if (run?.running !== true) return
    void this.attempt('The link could not be changed', () =>
      this.api.call('migrations.setLink', { run_id: run.id, link }),
    )
  }

  /** @returns all targets as they are then. @throws LabError as `migrations.setTargets` does; they are as before then */
  async setTargets(run: LiveRun, changes: TargetChanges): Promise<QosTargets> {
    run.targets = await this.api.call('migrations.setTargets', { run_id: run.id, ...changes })
    return run.targets
  }

  async cancel(run: LiveRun): Promise<void> {
    run.cancelling = true
    try {
      const { cancelled } = await this.api.call('migrations.cancel', { run_id: run.id })
      if (!cancelled) notices.show('info', 'It is too late to cancel: the guest is switching over.')
    } catch (thrown) {
      const { title, message } = explain(thrown, 'The migration could not be cancelled')
      notices.show('bad', title, { detail: message })
    }
    run.cancelling = false
  }

  /** Does something to a guest; an error becomes a notice. */
  async attempt(title: string, action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (thrown) {
      const { message, todo } = explain(thrown, title)
      notices.show('bad', title, { detail: `${message} ${todo}`.trim() })
      return false
    }
  }

  async #load(): Promise<void> {
    const { api } = this
    await this.attempt('The lab could not be read', async () => {
      const [hosts, guests, images, algorithms, links, recent] = await Promise.all([
        api.call('hosts.list', {}),
        api.call('guests.list', {}),
        api.call('images.list', {}),
        api.call('algorithms.list', {}),
        api.call('links.list', {}),
        api.call('runs.list', { limit: LAST_RUNS }),
      ])
      Object.assign(this, { hosts, guests, images, algorithms, links, recent, loaded: true })
      // A lab that was started anew knows nothing of the guests of the last one.
      this.runs = new Map([...this.runs].filter(([id]) => guests.some((guest) => guest.id === id)))
      await this.#adopt()
    })
  }

  async #refreshHosts(): Promise<void> {
    try {
      this.hosts = await this.api.call('hosts.list', {})
    } catch {
      // The connection's state says so already.
    }
  }

  async #sample(): Promise<void> {
    if (this.connection !== 'open') return
    await this.#refreshHosts()
    this.remember(this.hosts)
  }

  /** A second has passed: how much of their memory is in use now. */
  remember(hosts: readonly HostView[]): void {
    for (const host of hosts) {
      const series = this.memory.get(host.name) ?? new Series()
      series.push(host.memory_used_B / host.memory_B)
      this.memory.set(host.name, series)
    }
    this.ticks++
  }

  #guestChanged(guest: GuestView): void {
    // While it starts, its placeholder stands for it.
    if (guest.state === 'starting' && !this.readOnly) return
    this.guests = upsert(this.guests, guest, (g) => g.id)
    this.selectedId ??= guest.id
    if (guest.state === 'migrating' && this.runs.get(guest.id)?.running !== true && !this.#asked.has(guest.id)) {
      void this.#adopt()
    }
  }

  #guestRemoved(id: string): void {
    this.guests = this.guests.filter((guest) => guest.id !== id)
    const runs = new Map(this.runs)
    runs.delete(id)
    this.runs = runs
    if (this.selectedId === id) this.selectedId = this.guests[0]?.id ?? null
    void this.#refreshHosts()
  }

  /** The run of an event. One that another front end started is asked for; the answer holds what was told before it. */
  #runOf(id: string, tell: (run: LiveRun) => void): void {
    const run = [...this.runs.values()].find((candidate) => candidate.id === id)
    if (run !== undefined) tell(run)
    else if (this.#asked.size === 0) void this.#adopt()
  }

  /** Follows the migrations that others have started. */
  async #adopt(): Promise<void> {
    // Those of a recording are taken up by whoever plays it.
    if (this.#adopting || this.readOnly) return
    this.#adopting = true
    try {
      for (const active of await this.api.call('migrations.active', {})) this.#followActive(active)
    } catch {
      // The next event asks again; that the lab is away is said elsewhere.
    }
    this.#adopting = false
  }

  #followActive({ run_id, input, progress, ...active }: ActiveMigration): void {
    const guest = this.guests.find(({ id }) => id === active.guest)
    const from = this.hostOf(active.from)
    const to = this.hostOf(active.to)
    const known = this.runs.get(active.guest)?.id === run_id || this.#asked.has(active.guest)
    if (known || guest === undefined || from === undefined || to === undefined) return
    const run = new LiveRun(run_id, guest, { from: place(from), to: place(to) }, input, false)
    if (progress !== null) run.progress(progress)
    this.#keep(run)
    void this.#awaitEnd(run)
  }

  #keep(run: LiveRun): void {
    const others = [...this.runs].filter(([guest]) => guest !== run.guest.id)
    const running = others.filter(([, other]) => other.running)
    const finished = others.filter(([, other]) => !other.running).slice(-FINISHED_KEPT)
    this.runs = new Map([...finished, ...running, [run.guest.id, run]])
  }

  /** `runs.added` comes only for runs that were begun; the wait ends for all. */
  async #awaitEnd(run: LiveRun): Promise<void> {
    try {
      run.finish(await this.api.call('migrations.wait', { run_id: run.id }))
      // Of a run that was not seen from its start, the store has the rest.
      if (!run.seenFromStart) run.probes(await this.api.call('runs.details', { run_id: run.id }))
    } catch (thrown) {
      if (!run.running) return
      const { message } = explain(thrown, '')
      notices.show('bad', 'The migration could not be followed', {
        detail: `${message} What was measured is in the store once the run has ended.`,
      })
      const runs = new Map(this.runs)
      runs.delete(run.guest.id)
      this.runs = runs
    }
    void this.#refreshHosts()
  }

  #runAdded(report: RunReport): void {
    this.recent = [report, ...this.recent.filter(({ run_id }) => run_id !== report.run_id)].slice(0, LAST_RUNS)
    const run = [...this.runs.values()].find(({ id }) => id === report.run_id)
    if (run?.running === true) run.finish(report)
  }
}

const place = ({ name, kind }: Pick<HostView, 'name' | 'kind'>) => ({ name, kind })

function upsert<T>(list: readonly T[], item: T, key: (item: T) => string): readonly T[] {
  const at = list.findIndex((other) => key(other) === key(item))
  return at < 0 ? [...list, item] : list.with(at, item)
}
