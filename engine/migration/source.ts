/**
 * The source's side of a migration, as the story of its stages. Whatever fails before COMMIT, the guest goes on here;
 * after COMMIT the lease decides. The states are in `states.ts`, the messages in PROTOCOL.md.
 */
import { nowMs, sleep } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { WindowInstants } from './critical-window.ts'
import { DEADLINES } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import type { SwitchOverTimes } from './downtime.ts'
import { Interrupt } from './interrupt.ts'
import { LINK_PRESETS } from './link.ts'
import type { LinkSpec } from './link.ts'
import { ALGORITHM_NAMES } from './policy/pool.ts'
import type { PolicyOptions } from './policy/pool.ts'
import { Progress } from './progress.ts'
import type { ProgressNow } from './progress.ts'
import { Connection } from './protocol/connection.ts'
import { dial } from './protocol/dial.ts'
import type { Stage } from './protocol/frame.ts'
import type { PullResult } from './pull/fault-statistics.ts'
import { SourcePull } from './pull/source-pull.ts'
import { lostAfterCommit, stranded, undecided } from './fates.ts'
import { askComparison, blocksToVerify, pagesDiffer } from './ram-check.ts'
import type { VerifyResult } from './ram-check.ts'
import { buildReport } from './report.ts'
import { configure, request } from './source-agreement.ts'
import type { Agreed } from './source-agreement.ts'
import { stopAndSend } from './source-switch-over.ts'
import { TUNING } from './source-options.ts'
import type { Migration, MigrationResult, SourceOptions, Tuning } from './source-options.ts'
import { SourceRounds } from './source-rounds.ts'
import { StageClock } from './stages.ts'
import { SOURCE_STATES, StateMachine } from './states.ts'
import type { SourceState } from './states.ts'
import { zeroStatistics } from './statistics.ts'

/** Starts a migration. Everything it can say, it says by `finished` and the callbacks; it never throws. */
export function migrate(options: SourceOptions): Migration {
  const session = new SourceSession(options)
  return {
    session: options.session,
    finished: session.run(),
    cancel: () => session.cancel(),
    setLink: (link) => session.setLink(link),
    setPolicy: (policy) => session.setPolicy(policy),
    abandon: (reason) => session.abandon(reason),
  }
}

/** How long a farewell may take before the connection is cut, ms. */
const FAREWELL_MS = 300
/** Between two looks at the lease after a cut, ms. */
const LEASE_POLL_MS = 10

type Times = SwitchOverTimes & WindowInstants
type MutableTimes = { -readonly [K in keyof Times]: Times[K] }

class SourceSession {
  readonly #options: SourceOptions
  readonly #deadlines: Deadlines
  readonly #tuning: Tuning
  readonly #interrupt = new Interrupt()
  readonly #state = new StateMachine<SourceState>(SOURCE_STATES, 'connecting')
  readonly #stages = new StageClock()
  readonly #startedAt = new Date()
  readonly #statistics = zeroStatistics()
  readonly #progress: Progress
  readonly #rounds: SourceRounds
  readonly #times: Partial<MutableTimes> = {}
  #link: LinkSpec
  #connection: Connection | null = null
  #agreed: Agreed | null = null
  #stopOrdered = false
  #verified: VerifyResult | null = null
  /** Where the algorithm pulls pages after the switch-over. */
  #pull: SourcePull | null = null
  #pulled: PullResult | null = null

  constructor(options: SourceOptions) {
    this.#options = options
    this.#deadlines = { ...DEADLINES, ...options.deadlines }
    this.#tuning = { ...TUNING, ...options.tuning }
    this.#link = options.link ?? LINK_PRESETS['unlimited']
    this.#statistics.pages_total = options.machine.blocks.reduce((sum, b) => sum + b.bytes / PAGE_SIZE, 0)
    this.#statistics.pages_remaining = this.#statistics.pages_total
    this.#progress = new Progress(options.session, 'source', () => this.#progressNow(), options.onProgress)
    this.#rounds = new SourceRounds({
      options,
      deadlines: this.#deadlines,
      tuning: this.#tuning,
      statistics: this.#statistics,
      link: () => this.#link,
      onChange: (change) => this.#progress.change(change),
      onPages: () => this.#progress.touch(),
      onStopped: () => this.#enter(3),
    })
  }

  cancel(): boolean {
    if (!['connecting', 'requesting', 'configuring', 'copying', 'stopped', 'loaded'].includes(this.#state.current)) {
      return false
    }
    this.#interrupt.fail(new FerryError('migration.cancelled', 'The migration was cancelled.'))
    return true
  }

  setLink(link: LinkSpec): void {
    this.#link = link
    this.#connection?.post([{ type: 'LINK', body: { link: link.text } }])
    this.#connection?.setLink(link)
    this.#pull?.setLink(link)
  }

  setPolicy(options: PolicyOptions): void {
    this.#rounds.setPolicy(options)
  }

  abandon(reason: FerryError): void {
    if (!this.cancel()) this.#pull?.abandon(reason)
  }

  async run(): Promise<MigrationResult> {
    const off = this.#options.machine.on('exit', (error) => {
      this.#interrupt.fail(
        new FerryError('source.machine-died', `The source's machine ended. ${error?.message ?? 'It was closed.'}`),
      )
    })
    try {
      const connection = await this.#connect()
      const agreed = await this.#agree(connection)
      await this.#reserve(connection, agreed)
      this.#state.go('copying')
      this.#enter(2)
      await this.#rounds.run(connection, agreed)
      await this.#switchOver(connection)
      await this.#verify(connection)
      this.#commit(connection)
    } catch (thrown) {
      off()
      return this.#goOnHere(FerryError.from(thrown))
    }
    off()
    return this.#activate(this.#connection as Connection)
  }

  // Stage 0: pre-migration

  async #connect(): Promise<Connection> {
    this.#progress.change({ kind: 'stage', stage: 0, atMs: nowMs() })
    const socket = await dial(this.#options.target, this.#interrupt, this.#deadlines.connectMs)
    const { idleMs, keepaliveMs } = this.#deadlines
    const { seed, recorder, onMessage } = this.#options
    const how = { side: 'source', link: this.#link, idleMs, keepaliveMs, seed, recorder, onMessage } as const
    this.#connection = new Connection(socket, this.#interrupt, how)
    if (this.#options.cutInStage === 0) this.#cut()
    return this.#connection
  }

  /** All connections, as one cable has them. */
  #cut(): void {
    this.#connection?.cut()
    this.#pull?.cut()
  }

  async #agree(connection: Connection): Promise<Agreed> {
    this.#state.go('requesting')
    this.#agreed = await request(connection, this.#options, this.#deadlines, this.#link)
    return this.#agreed
  }

  // Stage 1: reservation

  async #reserve(connection: Connection, { algorithm }: Agreed): Promise<void> {
    this.#state.go('configuring')
    this.#enter(1)
    const channel = await configure(connection, this.#options, this.#deadlines, algorithm)
    if (channel === undefined) return
    const context = {
      options: this.#options,
      deadlines: this.#deadlines,
      tuning: this.#tuning,
      link: () => this.#link,
      onState: (why: string) => this.#progress.change({ kind: 'pull', why, atMs: nowMs() }),
      onPages: () => this.#progress.touch(),
    }
    this.#pull = await SourcePull.open(context, channel, this.#interrupt)
  }

  // Stage 3: stop-and-copy

  async #switchOver(connection: Connection): Promise<void> {
    this.#state.go('stopped')
    this.#enter(3)
    this.#stopOrdered = true
    const times = await stopAndSend(connection, {
      options: this.#options,
      deadlines: this.#deadlines,
      tuning: this.#tuning,
      rounds: this.#rounds,
      statistics: this.#statistics,
      pull: this.#pull,
    })
    Object.assign(this.#times, times)
  }

  // Stage 4: commitment

  async #verify(connection: Connection): Promise<void> {
    this.#state.go('loaded')
    this.#enter(4)
    const blocks = blocksToVerify(this.#options.machine.blocks, this.#options.verify ?? 'none')
    // Of a guest whose memory comes later, it is compared when it has come.
    if (blocks.length === 0 || this.#pull !== null) return
    const startMs = nowMs()
    const result = await askComparison(connection, this.#options.machine, blocks, this.#deadlines.verifyMs)
    this.#times.verifyMs = nowMs() - startMs
    this.#verified = result
    if (result.wrongPages > 0) throw pagesDiffer(result)
  }

  /** Hands the guest over. What throws here has not handed it over. */
  #commit(connection: Connection): void {
    const { lease, host, target } = this.#options
    this.#interrupt.check()
    lease.standBy(host.name)
    if (!lease.transfer(host.name, target.name)) {
      lease.standDown(host.name)
      throw new FerryError('lease.refused', `The lease could not be handed to ${target.name}: it stands by no more.`)
    }
    this.#state.go('committed')
    connection.post([{ type: 'COMMIT', body: {} }])
    this.#times.commitSentMs = nowMs()
    this.#enter(5)
  }

  // Stage 5: activation

  async #activate(connection: Connection): Promise<MigrationResult> {
    try {
      const { body } = await connection.receive(['RUNNING'], this.#deadlines.settleMs, 'running')
      Object.assign(this.#times, body, { runningReceivedMs: nowMs() })
    } catch (thrown) {
      return this.#settle(FerryError.from(thrown))
    }
    return this.#pull === null ? this.#release(null) : this.#servePages(this.#pull, connection, null)
  }

  /**
   * The guest runs at the target, and pages of it are here: until the last one has crossed nothing is released.
   * @param cut why the connection is of no use, where RUNNING never came
   */
  async #servePages(pull: SourcePull, connection: Connection, cut: FerryError | null): Promise<MigrationResult> {
    this.#state.go('pulling')
    this.#progress.change({ kind: 'pull', why: `The guest runs; ${pull.left} pages follow.`, atMs: nowMs() })
    try {
      this.#pulled = await pull.run(connection, cut)
      this.#verified = this.#pulled.verified
    } catch (thrown) {
      return this.#strand(FerryError.from(thrown))
    }
    return this.#release(
      this.#verified === null || this.#verified.wrongPages === 0 ? null : pagesDiffer(this.#verified),
    )
  }

  /** What is missing at the target is gone, or cannot get there: neither side has a whole guest any more. */
  async #strand(cause: FerryError): Promise<MigrationResult> {
    this.#state.go('stranded')
    await Promise.resolve(this.#options.release()).catch(() => undefined)
    return this.#finish(stranded(cause), 'lost')
  }

  /** After COMMIT, without RUNNING: watches the lease, which knows who runs the guest. */
  async #settle(cause: FerryError): Promise<MigrationResult> {
    this.#state.go('settling')
    const { lease, host, target } = this.#options
    const endMs = nowMs() + this.#deadlines.settleMs
    for (;;) {
      if (lease.holder() === host.name) return this.#goOnHere(cause)
      if (lease.confirmed()) {
        return this.#pull === null
          ? this.#release(lostAfterCommit(cause, target.name))
          : this.#servePages(this.#pull, this.#connection as Connection, cause)
      }
      if (nowMs() > endMs) break
      await sleep(LEASE_POLL_MS)
    }
    this.#state.go('undecided')
    this.#pull?.abandon(cause)
    return this.#finish(undecided(cause, target.name), 'undecided')
  }

  async #release(error: FerryError | null): Promise<MigrationResult> {
    this.#state.go('released')
    this.#stages.end()
    this.#options.pages?.live()
    this.#options.lease.standDown(this.#options.host.name)
    let failure = error
    try {
      await this.#options.release()
    } catch (thrown) {
      const text = `The guest runs on the target; the source could not release its copy: ${FerryError.from(thrown).message}`
      failure ??= new FerryError('source.release', text)
    }
    return this.#finish(failure, 'target')
  }

  /** Before COMMIT, or with the lease back: the guest goes on here. */
  async #goOnHere(cause: FerryError): Promise<MigrationResult> {
    this.#state.go('failed')
    this.#pull?.abandon(cause)
    const { machine, host } = this.#options
    let guestAt: 'source' | 'lost' = 'source'
    let fate = `The guest goes on at ${host.name}.`
    const own = new Interrupt()
    try {
      // One that was not stopped is asked for a sign of life all the same: it may be what failed.
      const { guards } = this.#rounds
      if (guards) await own.within(machine.guardStop(), this.#deadlines.machineMs, 'guard')
      const sign: Promise<unknown> = this.#stopOrdered || guards ? machine.resume() : machine.instructions()
      await own.within(sign, this.#deadlines.machineMs, 'machine-resume')
      if (cause.code === 'source.machine-died') throw cause
    } catch (thrown) {
      guestAt = 'lost'
      fate = `The guest is lost: its machine at ${host.name} does not go on (${FerryError.from(thrown).code}).`
    }
    // Who refused, gave up or went away needs no farewell.
    if (!/^(refused|peer|connection)\./.test(cause.code)) {
      const body = { code: cause.code, message: cause.message.slice(0, 1000) }
      this.#connection?.post([{ type: 'ABORT', body }])
    }
    if (this.#rounds.dirtyLog && guestAt === 'source') {
      await own.within(machine.dirtyLogStop(), this.#deadlines.machineMs, 'dirty-log').catch(() => undefined)
    }
    const data = { ...cause.data, guest: guestAt, stage: this.#stages.current }
    return this.#finish(new FerryError(cause.code, `${cause.message} ${fate}`, data, cause), guestAt)
  }

  async #finish(error: FerryError | null, guestAt: MigrationResult['guestAt']): Promise<MigrationResult> {
    this.#stages.end()
    const s = this.#statistics
    s.bytes_sent = this.#bytesSent
    s.bytes_received = (this.#connection?.bytesReceived ?? 0) + (this.#pull?.bytesReceived ?? 0)
    const { session, guest, host, target } = this.#options
    const complete = this.#times.runningReceivedMs !== undefined
    const report = buildReport({
      session,
      guest: guest.name,
      ramBytes: guest.ramBytes,
      from: { name: host.name, kind: host.kind },
      to: { name: target.name, kind: target.kind },
      algorithm: this.#agreed?.algorithm.name ?? (this.#options.algorithms ?? ALGORITHM_NAMES)[0] ?? '',
      link: this.#link.text,
      error,
      crossed: guestAt === 'target',
      switchOver: complete ? (this.#times as Times) : null,
      rounds: this.#rounds.rounds,
      stages: this.#stages,
      statistics: s,
      savings: this.#agreed?.savings ?? [],
      verified: this.#verified,
      verifyMs: this.#times.verifyMs ?? null,
      pulled: this.#pulled,
      startedAt: this.#startedAt,
    })
    await this.#connection?.close(FAREWELL_MS)
    this.#progress.flush()
    return { outcome: report.outcome, error, guestAt, report, statistics: { ...s }, decisions: this.#rounds.decisions }
  }

  #enter(stage: Stage): void {
    const atMs = nowMs()
    if (this.#connection !== null) this.#connection.stage = stage
    if (!this.#stages.enter(stage, atMs)) return
    this.#progress.change({ kind: 'stage', stage, atMs })
    if (this.#options.cutInStage === stage) this.#cut()
  }

  /** Of all connections. */
  get #bytesSent(): number {
    return (this.#connection?.bytesSent ?? 0) + (this.#pull?.bytesSent ?? 0)
  }

  #progressNow(): ProgressNow {
    const { left, ...speed } = this.#rounds.now(this.#connection)
    const pull = this.#state.current === 'pulling' ? (this.#pull?.now ?? null) : null
    const remainingPages = pull?.left ?? left
    const { pages_total: pagesTotal, pages_sent: pagesSent } = this.#statistics
    const { current: stage } = this.#stages
    const bytesSent = this.#bytesSent
    const round = this.#rounds.rounds.length
    return { stage, round, pagesTotal, remainingPages, pagesSent, bytesSent, ...speed, pull }
  }
}
