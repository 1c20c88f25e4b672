/**
 * The target's side of a migration. Until COMMIT everything can be thrown away, and is, whatever fails; from then on
 * the guest is run, or handed back. The states are in `states.ts`, the messages in PROTOCOL.md.
 */
import type { Socket } from 'node:net'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import { checkCompatibility, refusalOf, sameBlocks } from './compatibility.ts'
import { DEADLINES } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import { Interrupt } from './interrupt.ts'
import { LINK_PRESETS, parseLink } from './link.ts'
import { PageReceiver, type Recycle } from './page-receiver.ts'
import { algorithmOf, negotiate } from './policy/pool.ts'
import { Progress } from './progress.ts'
import type { ProgressNow } from './progress.ts'
import { Connection } from './protocol/connection.ts'
import type { Stage } from './protocol/frame.ts'
import type { Body } from './protocol/schemas.ts'
import { TargetPull } from './pull/target-pull.ts'
import { answerComparison, blocksToVerify } from './ram-check.ts'
import { SAVINGS, agreedSavings } from './saving/savings.ts'
import type { Saving } from './saving/savings.ts'
import { StageClock } from './stages.ts'
import { StateMachine, TARGET_STATES } from './states.ts'
import type { TargetState } from './states.ts'
import { takeNatively } from './target-native.ts'
import { loadGuest, receiveStream } from './target-stream.ts'
import type { Arrival, StreamContext } from './target-stream.ts'
import type { TargetOptions, TargetResult, TargetSlot } from './target-options.ts'

/** Longest farewell, ms; then the connection is cut. */
const FAREWELL_MS = 500

export class TargetSession {
  /** Never rejects. */
  readonly finished: Promise<TargetResult>
  readonly #options: TargetOptions
  readonly #deadlines: Deadlines
  readonly #interrupt = new Interrupt()
  readonly #state = new StateMachine<TargetState>(TARGET_STATES, 'accepted')
  readonly #stages = new StageClock()
  readonly #connection: Connection
  #progress: Progress | null = null
  #request: Body<'MIG_REQ'> | null = null
  #slot: TargetSlot | null = null
  #receiver: PageReceiver | null = null
  /** Where the algorithm pulls pages after the switch-over. */
  #pull: TargetPull | null = null
  #discarding: Promise<void> | null = null
  #discardError: FerryError | null = null
  /** The guest's state; or what READY tells of a guest that its hypervisor has taken in already. */
  #arrival: Arrival | Body<'READY'> | null = null
  #algorithm = ''
  #savings: readonly Saving[] = []
  #refused = false
  #rounds = 0

  /** Takes over an accepted socket. */
  constructor(socket: Socket, options: TargetOptions) {
    this.#options = options
    this.#deadlines = { ...DEADLINES, ...options.deadlines }
    const { idleMs, keepaliveMs } = this.#deadlines
    const { seed, recorder, onMessage } = options
    this.#connection = new Connection(socket, this.#interrupt, {
      side: 'target',
      link: LINK_PRESETS['unlimited'],
      idleMs,
      keepaliveMs,
      seed,
      recorder,
      onMessage,
    })
    this.#connection.onLink((text) => this.#connection.setLink(parseLink(text)))
    this.finished = this.#run()
  }

  get session(): string {
    return this.#request?.session ?? ''
  }

  get state(): TargetState {
    return this.#state.current
  }

  /** Gives up: the guest goes on at the source. Without effect once the guest was handed over. */
  cancel(reason: FerryError): void {
    this.#interrupt.fail(reason)
    this.#pull?.cancel(reason)
  }

  async #run(): Promise<TargetResult> {
    let request: Body<'MIG_REQ'>
    let slot: TargetSlot
    try {
      const first = await this.#connection.receive(['MIG_REQ', 'CHANNEL'], this.#deadlines.answerMs, 'request')
      if (first.type === 'CHANNEL') return this.#join(first.body)
      request = await this.#agree(first.body)
      slot = await this.#reserve(request)
    } catch (thrown) {
      return this.#giveUp(FerryError.from(thrown))
    }
    const { name } = this.#options.host.offer()
    const off = slot.machine.on('exit', (error) => {
      this.#interrupt.fail(
        new FerryError('target.machine-died', `The target's machine ended: ${error?.message ?? 'it was closed'}.`),
      )
    })
    try {
      await this.#receivePages(slot, request)
      await this.#load(slot, request)
      await this.#awaitCommit(slot, request)
    } catch (thrown) {
      // Whoever comes first wins: after standing down nothing can be handed over; a lease held must be honoured.
      const error = FerryError.from(thrown)
      const ready = this.#state.current === 'ready'
      if (slot.lease.standDown(name) || !ready) {
        off()
        return slot.lease.holder() === name ? this.#handBack(slot, request, name, error) : this.#giveUp(error)
      }
    }
    off()
    return this.#activate(slot, request, name)
  }

  /** This connection belongs to a migration that comes in already. */
  #join(body: Body<'CHANNEL'>): TargetResult {
    this.#options.channels?.join(this.#connection, body)
    this.#connection.post([{ type: 'CHANNEL_OK', body: {} }])
    return this.#result('joined', null)
  }

  // Stage 0: pre-migration

  async #agree(body: Body<'MIG_REQ'>): Promise<Body<'MIG_REQ'>> {
    const connection = this.#connection
    this.#request = body
    this.#progress = new Progress(body.session, 'target', () => this.#progressNow(), this.#options.onProgress)
    this.#progress.change({ kind: 'stage', stage: 0, atMs: nowMs() })
    try {
      connection.setLink(parseLink(body.link))
    } catch (thrown) {
      throw this.#refuse('REQ_FAIL', FerryError.from(thrown))
    }
    const offer = this.#options.host.offer()
    const refusal =
      refusalOf(checkCompatibility(body, offer, connection.remoteAddress)) ?? this.#options.busy?.() ?? null
    if (refusal !== null) throw this.#refuse('REQ_FAIL', refusal)
    this.#state.go('agreed')
    this.#algorithm = negotiate(body.algorithms, offer.algorithms) ?? ''
    this.#savings = agreedSavings(body.savings, offer.savings ?? SAVINGS)
    const target = { name: offer.name, kind: offer.kind }
    const savings = body.savings === undefined ? [] : [...this.#savings]
    const answer = { target, algorithm: this.#algorithm, rehearsal: true, savings }
    await connection.send({ type: 'REQ_OK', body: answer }, this.#deadlines.answerMs)
    return body
  }

  // Stage 1: reservation

  async #reserve(request: Body<'MIG_REQ'>): Promise<TargetSlot> {
    const connection = this.#connection
    const { body } = await connection.receive(['MIG_CFG'], this.#deadlines.answerMs, 'configuration')
    this.#state.go('reserving')
    this.#enter(1)
    const { host } = this.#options
    const { session, source, guest, clock } = request
    if (body.machine.ramBytes !== guest.ramBytes || body.algorithm !== this.#algorithm) {
      throw this.#refuse(
        'CFG_FAIL',
        new FerryError('refused.configuration', 'The configuration is not that of the guest that was announced.'),
      )
    }
    const { algorithm, machine, extras } = body
    const reserving = host.reserve({ session, source, guest, machine, extras, algorithm, clock })
    try {
      this.#slot = await this.#interrupt.within(reserving, this.#deadlines.reserveMs, 'reservation')
    } catch (thrown) {
      const error = FerryError.from(thrown)
      // A container that comes after all: nobody waits for it any more.
      reserving.then((slot) => discard(slot, error)).catch(() => undefined)
      if (this.#interrupt.error !== null) throw error
      throw this.#refuse('CFG_FAIL', error)
    }
    const slot = this.#slot
    if (!sameBlocks(slot.machine.blocks, guest.blocks)) {
      throw this.#refuse(
        'CFG_FAIL',
        new FerryError('refused.blocks', "The memory blocks of the target's machine are not those of the guest."),
      )
    }
    slot.lease.standBy(host.offer().name)
    this.#state.go('receiving')
    const { channels } = this.#options
    const pulls = algorithmOf(this.#algorithm)?.mechanism.pull === true && channels !== undefined
    const [deadlines, savings, onPages] = [this.#deadlines, this.#savings, () => this.#progress?.touch()]
    if (pulls) this.#pull = new TargetPull({ slot, request, channels, deadlines, savings, onPages })
    await connection.send({ type: 'CFG_OK', body: { channel: this.#pull?.token } }, this.#deadlines.answerMs)
    await this.#pull?.channel(this.#interrupt)
    return slot
  }

  // Stage 2: iterative pre-copy (and the bulk of stop-and-copy)

  async #receivePages(slot: TargetSlot, request: Body<'MIG_REQ'>): Promise<void> {
    const connection = this.#connection
    const { progressMs, machineMs } = this.#deadlines
    const { blocks } = request.guest
    const begin = await connection.receive(['MEM_BEG'], progressMs, 'pages')
    this.#enter(2)
    const window = this.#options.writeWindow ?? 4
    const recycle: Recycle = (bytes) => connection.recycle(bytes)
    const receiver = new PageReceiver(slot.machine, blocks, this.#interrupt, machineMs, window, this.#savings, recycle)
    this.#receiver = receiver
    receiver.announced(begin.body.pagesTotal)
    const context = this.#streamContext(slot, request)
    const native = algorithmOf(this.#algorithm)?.mechanism.native === true
    this.#arrival = native ? await takeNatively(context) : await receiveStream(context)
  }

  #streamContext(slot: TargetSlot, { clock }: Body<'MIG_REQ'>): StreamContext {
    return {
      connection: this.#connection,
      deadlines: this.#deadlines,
      slot,
      translator: this.#options.host.translator,
      clock,
      receiver: this.#receiver as PageReceiver,
      pull: this.#pull,
      onProgress: (rounds) => {
        this.#rounds = rounds
        this.#progress?.touch()
      },
      onStopped: () => {
        this.#state.go('loading')
        this.#enter(3)
      },
    }
  }

  // Stage 3: stop-and-copy

  async #load(slot: TargetSlot, request: Body<'MIG_REQ'>): Promise<void> {
    const arrival = this.#arrival as Arrival | Body<'READY'>
    const body = 'container' in arrival ? await loadGuest(this.#streamContext(slot, request), arrival) : arrival
    this.#state.go('ready')
    this.#connection.post([{ type: 'READY', body }])
    this.#enter(4)
  }

  // Stage 4: commitment

  async #awaitCommit(slot: TargetSlot, request: Body<'MIG_REQ'>): Promise<void> {
    const connection = this.#connection
    const blocks = blocksToVerify(slot.machine.blocks, request.verify)
    const { verifyMs, commitMs } = this.#deadlines
    // Of a guest whose memory comes later, it is compared when it has come.
    if (blocks.length > 0 && this.#pull === null) await answerComparison(connection, slot.machine, blocks, verifyMs)
    await connection.receive(['COMMIT'], commitMs, 'commit')
    if (slot.lease.holder() !== this.#options.host.offer().name) {
      throw new FerryError('lease.not-held', 'The source said COMMIT without handing over the lease.')
    }
  }

  // Stage 5: activation. The lease is here: the guest is run, or surely does not run and is handed back.

  async #activate(slot: TargetSlot, request: Body<'MIG_REQ'>, name: string): Promise<TargetResult> {
    const connection = this.#connection
    this.#state.go('activating')
    const orderMs = nowMs()
    let runAtMs: number
    try {
      const resuming = slot.machine.resume()
      this.#enter(5)
      // A new interrupt: a cut connection no longer matters.
      runAtMs = (await new Interrupt().within(resuming, this.#deadlines.resumeMs, 'machine-resume')).runAtMs
    } catch (thrown) {
      return this.#handBack(slot, request, name, FerryError.from(thrown))
    }
    slot.lease.confirm(name)
    let error: FerryError | null = null
    try {
      slot.announce()
    } catch (thrown) {
      error = FerryError.from(thrown)
    }
    const resumeMs = Math.max(0, runAtMs - orderMs)
    const body = { runAtMs, resumeMs, sinceRunMs: Math.max(0, nowMs() - runAtMs) }
    connection.post([{ type: 'RUNNING', body }])
    this.#state.go('running')
    // What fails here is told; it is no reason to leave a running guest without its memory.
    const noted = (thrown: unknown) => (error ??= FerryError.from(thrown))
    await Promise.resolve()
      .then(() => slot.activated())
      .catch(noted)
    await this.#pull?.run(connection, runAtMs).catch(noted)
    this.#pull?.end()
    this.#stages.end()
    await connection.peerEnd(FAREWELL_MS)
    await connection.close(FAREWELL_MS)
    return this.#result('running', error)
  }

  async #handBack(slot: TargetSlot, request: Body<'MIG_REQ'>, name: string, cause: FerryError): Promise<TargetResult> {
    let error = cause
    try {
      // First the machine's end is certain, then the lease goes: never the other way round.
      this.#discarding = this.#discard(slot, cause)
      await this.#discarding
      slot.lease.transfer(name, request.source.name)
    } catch (thrown) {
      error = new FerryError(
        'target.discard',
        `${cause.message} Its machine could not be ended either, so the guest was not handed back: ${FerryError.from(thrown).message}`,
      )
    }
    return this.#giveUp(error)
  }

  async #giveUp(error: FerryError): Promise<TargetResult> {
    this.#state.go('discarded')
    this.#pull?.cancel(error)
    this.#stages.end()
    const farewell = this.#farewell(error)
    // Discarding and the farewell do not wait for each other.
    if (this.#slot !== null) {
      try {
        await (this.#discarding ?? this.#discard(this.#slot, error))
      } catch (thrown) {
        this.#discardError = FerryError.from(thrown)
      }
    }
    await farewell
    return this.#result(this.#refused ? 'refused' : 'discarded', error)
  }

  #discard(slot: TargetSlot, reason: FerryError): Promise<void> {
    return new Interrupt().within(discard(slot, reason), this.#deadlines.machineMs, 'discard')
  }

  async #farewell(error: FerryError): Promise<void> {
    if (this.#refused || !error.code.startsWith('connection.')) {
      if (!this.#refused && error.code !== 'peer.aborted') {
        this.#connection.post([{ type: 'ABORT', body: abortBody(error) }])
      }
      await this.#connection.close(FAREWELL_MS)
    } else {
      this.#connection.destroy()
    }
  }

  /** Sends the refusal; returns the error to throw. */
  #refuse(type: 'REQ_FAIL' | 'CFG_FAIL', error: FerryError): FerryError {
    this.#refused = true
    this.#connection.post([{ type, body: abortBody(error) }])
    return error
  }

  #result(outcome: TargetResult['outcome'], error: FerryError | null): TargetResult {
    this.#progress?.flush()
    return {
      session: this.session,
      guest: this.#request?.guest.name ?? '',
      outcome,
      error,
      discardError: this.#discardError,
      stages: this.#stages.report(),
    }
  }

  #enter(stage: Stage): void {
    const atMs = nowMs()
    this.#connection.stage = stage
    if (this.#stages.enter(stage, atMs)) this.#progress?.change({ kind: 'stage', stage, atMs })
  }

  #progressNow(): ProgressNow {
    const total = (this.#request?.guest.blocks ?? []).reduce((sum, b) => sum + b.bytes / PAGE_SIZE, 0)
    return {
      stage: this.#stages.current,
      round: this.#rounds,
      pagesTotal: total,
      remainingPages: this.#state.current === 'running' ? (this.#pull?.left ?? 0) : (this.#receiver?.missing ?? total),
      pagesSent: (this.#receiver?.received ?? 0) + (this.#pull?.received ?? 0),
      bytesSent: this.#connection.bytesReceived,
      rate_Bps: 0,
      estimate_ms: null,
      pull: null,
    }
  }
}

const abortBody = ({ code, message }: FerryError) => ({ code, message: message.slice(0, 1000) })

async function discard(slot: TargetSlot, reason: FerryError | null): Promise<void> {
  await slot.discard(reason ?? new FerryError('migration.discarded', 'The migration was given up.'))
}
