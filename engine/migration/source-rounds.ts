/**
 * Stage 2 at the source: rounds of pages while the guest runs, each acknowledged when the target has written it, until
 * the policy says to switch over; and the rehearsal of what will happen then.
 */
import type { RoundReport } from '../contract/report.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { collectGarbage } from '../util/garbage.ts'
import type { PageBatch, PageSet, StopReport } from '../machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { Deadlines } from './deadlines.ts'
import type { LinkSpec } from './link.ts'
import { PageSender, allPages, countPages, splitBatch } from './page-sender.ts'
import type { SendOptions, Tally } from './page-sender.ts'
import { expectedDowntimeMs } from './policy/policy.ts'
import type { Decision, Policy, RoundFacts } from './policy/policy.ts'
import type { Algorithm, PolicyOptions } from './policy/pool.ts'
import { PRE_COPY_DEFAULTS } from './policy/pre-copy.ts'
import type { ProgressChange } from './progress.ts'
import type { Connection } from './protocol/connection.ts'
import type { PagesBody } from './protocol/binary.ts'
import type { Message } from './protocol/messages.ts'
import type { SourcePull } from './pull/source-pull.ts'
import { PageEncoder } from './saving/page-encoder.ts'
import { NO_SAVINGS } from './saving/savings.ts'
import { departNatively, type NativeLeave } from './source-native.ts'
import { sendColdPages } from './source-single-pass.ts'
import type { Agreed } from './source-agreement.ts'
import type { SourceOptions, Tuning } from './source-options.ts'
import { SourceThrottle } from './source-throttle.ts'
import type { Statistics } from './statistics.ts'

/** What the rounds need of their session. */
export interface RoundsContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  readonly tuning: Tuning
  readonly statistics: Statistics
  /** The link as it is now. */
  readonly link: () => LinkSpec
  readonly onChange: (change: ProgressChange) => void
  readonly onPages: () => void
  /** The guest has stopped, without having been told to. */
  readonly onStopped: () => void
}

/** Expected time for state and commit while no rehearsal has measured it, ms. */
const ASSUMED_FIXED_MS = 5
/** A PAGES frame shall not last longer than this on the link, so that a cancel or a fault is not behind it, s. */
const FRAME_SECONDS = 0.05

export class SourceRounds {
  readonly rounds: RoundReport[] = []
  readonly decisions: Decision[] = []
  /** True from the first attempt to start the dirty log. */
  dirtyLog = false
  /** How the guest left, where its hypervisor sent it. */
  native: NativeLeave | null = null
  /** True once pages may be guarded: the machine may stop by itself. */
  guards = false
  readonly #context: RoundsContext
  readonly #facts: RoundFacts[] = []
  readonly #throttle: SourceThrottle
  #policy: PolicyOptions
  #sender: PageSender | null = null
  /** RAM travels after the switch-over only; the one round is of the memory of devices. */
  #ramLater = false
  #left = 0
  /** When the migration began: this is made then. */
  readonly #beganMs = nowMs()
  #startMs = 0
  #startBytes = 0

  constructor(context: RoundsContext) {
    this.#context = context
    this.#policy = context.options.policy ?? {}
    this.#throttle = new SourceThrottle(context.options.machine, context.statistics)
  }

  /** The next decision is made with these options. */
  setPolicy(options: PolicyOptions): void {
    this.#policy = options
  }

  /** Sends rounds until the policy is content. @throws FerryError `policy.*` when it gives up */
  async run(connection: Connection, { algorithm, rehearses, savings }: Agreed): Promise<void> {
    const { options, deadlines, statistics, link } = this.#context
    const onSent = (pages: number): void => {
      this.#left = Math.max(0, this.#left - pages)
      this.#context.onPages()
    }
    const encoder = savings.every((saving) => saving === 'zero')
      ? null
      : new PageEncoder({
          blocks: options.machine.blocks,
          wanted: options.savings ?? NO_SAVINGS,
          agreed: savings,
          statistics,
          link_bps: () => link().forward_bps,
        })
    const shape = { encoder, zero: savings.includes('zero') }
    this.#sender = new PageSender(options.machine, connection, deadlines, statistics, onSent, options.pages, shape)
    const body = { pagesTotal: statistics.pages_total }
    await connection.send({ type: 'MEM_BEG', body }, deadlines.answerMs)
    const { rounds, pull, once, native } = algorithm.mechanism
    if (native) {
      const throttle = this.#policy.preCopy?.throttle ?? null
      this.native = await departNatively(connection, { ...this.#context, throttle })
      return
    }
    this.#ramLater = pull && !rounds
    const logs = !once && (rounds || pull)
    this.dirtyLog = logs
    const { machine } = options
    // Carried out in this order, and asked for together: each answer is a slice of the guest away.
    const [free] = await Promise.all([
      this.#machineCall(connection, machine.freePages(), 'dirty-log'),
      // What the guest uses from now on goes first when it has switched over.
      pull ? this.#machineCall(connection, machine.useWatch(), 'use-watch') : null,
      logs ? this.#machineCall(connection, machine.dirtyLogStart(), 'dirty-log') : null,
    ])
    statistics.free_pages = free
    if (once) return this.#once(connection, rehearses)
    if (!logs && rehearses) await this.#rehearse(connection)
    try {
      await this.#iterate(connection, algorithm, rehearses)
    } finally {
      this.#throttle.end()
    }
  }

  async #iterate(connection: Connection, algorithm: Algorithm, rehearses: boolean): Promise<void> {
    for (;;) {
      const decision = this.#decide(algorithm.policy(this.#policy))
      if (decision.action === 'abort') {
        throw new FerryError(`policy.${decision.code}`, decision.reason, { rounds: this.rounds.length })
      }
      if (decision.action === 'switch-over') return
      const share = decision.throttle ?? this.#throttle.share
      await this.#machineCall(connection, this.#throttle.set(share), 'machine-throttle')
      await this.#round(connection, decision)
      if (this.rounds.length === 1 && rehearses) {
        await this.#rehearse(connection)
        this.#context.statistics.pages_remaining = await this.#dirtyPages(connection)
      }
    }
  }

  /** Instead of rounds: pages that the guest does not write, each once. */
  async #once(connection: Connection, rehearses: boolean): Promise<void> {
    const { options, deadlines, tuning, link, statistics } = this.#context
    if (rehearses) await this.#rehearse(connection)
    this.#startMs = nowMs()
    this.#startBytes = connection.bytesSent
    this.#left = options.machine.config.ramBytes / PAGE_SIZE
    this.guards = true
    const context = {
      options,
      deadlines,
      tuning,
      link_bps: () => link().forward_bps,
      onDecision: (decision: Decision) => this.#tell(decision),
    }
    const round = await sendColdPages(connection, this.#sender as PageSender, context)
    this.rounds.push(round)
    statistics.rounds = 1
    this.#context.onChange({ kind: 'round', round, atMs: nowMs() })
  }

  #tell(decision: Decision): void {
    this.decisions.push(decision)
    this.#context.onChange({ kind: 'decision', decision, atMs: nowMs() })
  }

  /** Sends pages while the guest stands still. */
  async sendStopped(sets: readonly PageSet[]): Promise<void> {
    this.#left = countPages(sets)
    this.#context.statistics.pages_remaining = this.#left
    await this.#sender?.send(sets, this.#sendOptions(null, true))
  }

  /**
   * What the target will miss when the guest runs there: pages of RAM that were never sent, or were changed since.
   * @returns the message that says so
   */
  leave({ leftRam, used }: Pick<StopReport, 'leftRam' | 'used'>, pull: SourcePull): Message {
    const sender = this.#sender as PageSender
    const missing = sender.map.unsent.copy()
    for (const page of leftRam?.pages ?? []) missing.add(page)
    const body = { block: BLOCK.ram, count: missing.length, bitmap: missing.bytes() }
    pull.begin(missing, used, sender)
    return { type: 'MISSING', body }
  }

  /** Batches of one frame each of what came with the stop, as the target has agreed to take them. */
  frames(batches: readonly PageBatch[]): PageBatch[] {
    return batches.flatMap((batch) => splitBatch((this.#sender as PageSender).admissible(batch)))
  }

  /** Batches of one frame each, as they travel together with the state. */
  async encodeHeld(batches: readonly PageBatch[]): Promise<readonly PagesBody[]> {
    return (this.#sender as PageSender).encode(batches, 'held')
  }

  /** Counts batches that were sent without `sendStopped`. */
  countStopped(batches: readonly PageBatch[]): void {
    for (const batch of batches) this.#sender?.count(batch, true)
  }

  /** Figures of the round that is being sent. */
  now(connection: Connection | null): { left: number; rate_Bps: number; estimate_ms: number | null } {
    const elapsedMs = nowMs() - this.#startMs
    const bytes = (connection?.bytesSent ?? 0) - this.#startBytes
    const running = this.#startMs > 0 && elapsedMs > 5
    const rate = running ? (bytes / elapsedMs) * 1000 : this.#context.statistics.rate_Bps
    const estimate_ms = rate > 0 ? ((this.#left * PAGE_SIZE * this.#share) / rate) * 1000 : null
    return { left: this.#left, rate_Bps: rate, estimate_ms }
  }

  /** Of the bytes of pages, what travels of them. */
  get #share(): number {
    return this.#sender?.share ?? 1
  }

  #decide(policy: Policy): Decision {
    const s = this.#context.statistics
    const fixedMs = s.rehearsals > 0 ? s.rehearsal_ms : ASSUMED_FIXED_MS
    const decision = policy({
      pagesTotal: s.pages_total,
      remainingPages: s.pages_remaining,
      pagesSent: s.pages_sent,
      rounds: this.#facts,
      expectedDowntimeMs: expectedDowntimeMs(s.pages_remaining, s.rate_Bps / 1000 / this.#share, fixedMs),
      elapsedMs: nowMs() - this.#beganMs,
    })
    this.#tell(decision)
    return decision
  }

  async #round(connection: Connection, decision: Decision): Promise<void> {
    const { options, deadlines, statistics, tuning } = this.#context
    const index = this.rounds.length
    this.#startMs = nowMs()
    this.#startBytes = connection.bytesSent
    const { blocks } = options.machine
    const sets =
      index > 0
        ? await this.#machineCall(connection, options.machine.dirtyLogFetch(true), 'dirty-log')
        : this.#ramLater
          ? await this.#beforeRam(connection)
          : allPages(blocks)
    this.#left = countPages(sets)
    const sender = this.#sender as PageSender
    const wanted = tuning.skipDirtied && (this.#policy.preCopy?.skipDirtied ?? PRE_COPY_DEFAULTS.skipDirtied)
    const skipDirtied = wanted && !this.#ramLater
    const limits = this.#sendOptions(decision.rate_bps ?? null, false)
    const tally: Tally = await sender.send(sets, { ...limits, skipDirtied })
    await connection.send({ type: 'ROUND_END', body: { round: index, pages: tally.pages } }, deadlines.progressMs)
    await this.#acknowledged(connection, 'round', index)
    const duration_ms = nowMs() - this.#startMs
    const round: RoundReport = {
      index,
      pages_sent: tally.pages,
      zero_pages: tally.zeroPages,
      bytes_sent_B: connection.bytesSent - this.#startBytes,
      dirty_pages: await this.#dirtyPages(connection),
      duration_ms,
    }
    this.rounds.push(round)
    this.#facts.push({
      pagesSent: round.pages_sent,
      dirtyPages: round.dirty_pages,
      durationMs: duration_ms,
      bytesSent: round.bytes_sent_B,
      throttle: this.#throttle.share,
    })
    statistics.rounds = this.rounds.length
    // A round of a few pages is mostly the wait for its acknowledgement: it says nothing about the rate.
    const tells = index === 0 || round.pages_sent >= this.#context.tuning.batchPages
    if (tells && duration_ms > 0) statistics.rate_Bps = (round.bytes_sent_B / duration_ms) * 1000
    statistics.pages_remaining = round.dirty_pages
    this.#context.onChange({ kind: 'round', round, atMs: nowMs() })
  }

  /** Takes the state through every step while the guest runs: proves that it converts, and warms the code. */
  async #rehearse(connection: Connection): Promise<void> {
    const { options, tuning, statistics, deadlines } = this.#context
    const { machine, hypervisor, translator } = options
    // Pages have gone; V8 shall not look for what is left of them while the guest stands still.
    collectGarbage()
    let state: MachineState | null = null
    for (let number = 0; number < tuning.rehearsals; number++) {
      const startMs = nowMs()
      if (state === null || number < tuning.captures) {
        state = await this.#machineCall(connection, machine.capture(), 'machine-capture')
      }
      const { bytes } = translator.toCommon(hypervisor, state)
      await connection.send({ type: 'REHEARSAL', body: { number, bytes } }, deadlines.progressMs)
      await this.#acknowledged(connection, 'rehearsal', number)
      statistics.rehearsals++
      statistics.rehearsal_ms = nowMs() - startMs
    }
  }

  async #acknowledged(connection: Connection, of: 'round' | 'rehearsal', number: number): Promise<void> {
    const { body } = await connection.receive(['ACK'], this.#context.deadlines.progressMs, `${of}-answer`)
    if (body.of !== of || body.number !== number) {
      throw new FerryError(
        'protocol.ack',
        `The target acknowledged ${body.of} ${body.number} in place of ${of} ${number}.`,
      )
    }
  }

  /** Where RAM travels later: the memory of devices, and which pages of RAM nobody ever wrote. Those need not be asked for. */
  async #beforeRam(connection: Connection): Promise<PageSet[]> {
    const { machine } = this.#context.options
    const pages = await this.#machineCall(connection, machine.unwrittenPages(), 'dirty-log')
    const devices = allPages(machine.blocks.filter(({ id }) => id !== BLOCK.ram))
    return pages.length === 0 ? devices : [...devices, { block: BLOCK.ram, pages }]
  }

  async #dirtyPages(connection: Connection): Promise<number> {
    const { machine } = this.#context.options
    const dirty = await this.#machineCall(connection, machine.dirtyLogFetch(false), 'dirty-log')
    if (!this.#ramLater) return countPages(dirty)
    const unsent = this.#sender?.map.unsent.size ?? 0
    return unsent + countPages(dirty.filter(({ block }) => block !== BLOCK.ram))
  }

  #machineCall<T>(connection: Connection, call: Promise<T>, what: string): Promise<T> {
    return connection.interrupt.within(call, this.#context.deadlines.machineMs, what)
  }

  #sendOptions(rate_bps: number | null, whileStopped: boolean): SendOptions {
    const { batchPages, readAhead } = this.#context.tuning
    const link_bps = this.#context.link().forward_bps
    const fits = link_bps === null ? batchPages : Math.max(16, Math.floor((link_bps / 8 / PAGE_SIZE) * FRAME_SECONDS))
    return { batchPages: Math.min(batchPages, fits), readAhead, rate_bps, whileStopped, skipDirtied: false }
  }
}
