/**
 * The source after the switch-over of a migration that pulls: the guest runs on the target, its missing pages are here.
 * Each of them travels once: asked for, on a connection of its own, or in the background. A connection that is cut is
 * opened again, until everything has arrived or the target cannot be reached for too long.
 */
import { Bitmap } from '../../util/bitmap.ts'
import { Wakefulness, nowMs, sleep, turns } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Deadlines } from '../deadlines.ts'
import { Interrupt } from '../interrupt.ts'
import type { LinkSpec } from '../link.ts'
import type { PageSender } from '../page-sender.ts'
import type { PullNow } from '../progress.ts'
import { MAX_PAGES_PER_FRAME } from '../protocol/binary.ts'
import { Connection } from '../protocol/connection.ts'
import { dial } from '../protocol/dial.ts'
import { askComparison, blocksToVerify, type VerifyResult } from '../ram-check.ts'
import type { SourceOptions, Tuning } from '../source-options.ts'
import type { PullFigures, PullResult } from './fault-statistics.ts'
import { PushOrder } from './push-order.ts'
import { PushWindow, pushBatchPages, windowBatches } from './push-window.ts'

export interface SourcePullContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  readonly tuning: Tuning
  readonly link: () => LinkSpec
  /** Told when the connection is lost and when it is there again. */
  readonly onState: (why: string) => void
  readonly onPages: () => void
}

/** Without a request for so long, a burst of faults is over, ms: about two faults' time. */
const BURST_MS = 0.3
/** The background waits for bursts at most so long, ms: a guest that faults all the time needs it most. */
const MOST_QUIET_MS = 1
/** After a request, the next is expected for so long, ms. */
const AWAKE_MS = 2
/** Between two attempts to reach the target again, ms. */
const RETRY_MS = 200
/** Longest farewell of a connection, ms. */
const FAREWELL_MS = 300

/** The answer to a request that is under way. */
interface Answers {
  pending: Promise<void> | null
}

export class SourcePull {
  readonly #context: SourcePullContext
  readonly #token: string
  readonly #machine = new Interrupt()
  readonly #wakefulness = new Wakefulness()
  #sender: PageSender | null = null
  #order = new PushOrder(new Bitmap(0))
  #main: Connection | null = null
  #channel: Connection | null = null
  #requestedMs = 0
  /** Every connection that was opened for this, those that were lost too. */
  readonly #opened: Connection[] = []
  #pages = 0
  #state: 'pulling' | 'paused' = 'pulling'
  #requests = 0
  #recoveries = 0
  #pausedMs = 0

  private constructor(context: SourcePullContext, token: string) {
    this.#context = context
    this.#token = token
  }

  /**
   * Opens the connection for missing pages, before anything depends on it.
   * @param token of CFG_OK
   * @throws FerryError `connection.*`, `deadline.*`, `refused.channel`
   */
  static async open(context: SourcePullContext, token: string, interrupt: Interrupt): Promise<SourcePull> {
    const pull = new SourcePull(context, token)
    pull.#channel = await pull.#dial('pages', interrupt)
    return pull
  }

  get now(): PullNow {
    return { state: this.#state, left: this.#order.size, requests: this.#requests }
  }
  /** Pages that have not been sent. */
  get left(): number {
    return this.#order.size
  }

  /** Bytes of the connections that were opened besides the migration's own. */
  get bytesSent(): number {
    return this.#opened.reduce((sum, connection) => sum + connection.bytesSent, 0)
  }
  get bytesReceived(): number {
    return this.#opened.reduce((sum, connection) => sum + connection.bytesReceived, 0)
  }

  /** For the connections besides the migration's own. */
  setLink(link: LinkSpec): void {
    for (const connection of this.#opened) {
      connection.post([{ type: 'LINK', body: { link: link.text } }])
      connection.setLink(link)
    }
  }

  /** Breaks the connections besides the migration's own. */
  cut(): void {
    for (const connection of this.#opened) connection.cut()
  }

  /**
   * What the target will miss when the guest runs there.
   * @param used pages that the guest used last
   */
  begin(missing: Bitmap, used: Uint32Array, sender: PageSender): void {
    this.#order = new PushOrder(missing, used)
    this.#sender = sender
  }

  /** Gives up: before the switch-over nothing is lost, after it the guest. */
  abandon(reason: FerryError): void {
    this.#machine.fail(reason)
    // Where pages are served, the target is told why first.
    if (this.#main === null) this.#channel?.destroy()
  }

  /**
   * Sends all that is missing; resolves when the target has it.
   * @param main the connection of the migration
   * @param cut why that is of no use any more, where it is
   * @throws FerryError `source.machine-died`, `peer.aborted`, `pull.lost` when the target could not be reached again
   */
  async run(main: Connection, cut: FerryError | null): Promise<PullResult> {
    const startMs = nowMs()
    // It is about to ask.
    this.#requestedMs = startMs
    const { machine } = this.#context.options
    const off = machine.on('exit', (error) => {
      const message = `The source's machine ended with pages that the target has not. ${error?.message ?? 'It was closed.'}`
      this.#machine.fail(new FerryError('source.machine-died', message))
    })
    this.#main = main
    if (this.#channel !== null) this.#channel.stage = main.stage
    this.#sender?.map.switchedOver(this.#order.missing)
    let cause = cut
    try {
      for (;;) {
        try {
          if (cause !== null) await this.#recover(cause)
          const { figures, verified } = await this.#machine.within(this.#exchange(), Infinity, 'pull')
          const [pages, recoveries, pausedMs] = [this.#pages, this.#recoveries, this.#pausedMs]
          return { figures, verified, pages, recoveries, pausedMs, durationMs: nowMs() - startMs }
        } catch (thrown) {
          cause = FerryError.from(thrown)
          if (!isCut(cause)) throw await this.#farewell(cause)
        }
      }
    } finally {
      off()
      await this.#channel?.close(FAREWELL_MS)
      if (this.#main !== main) await this.#main.close(FAREWELL_MS)
    }
  }

  /** Everything, over the connections of now. */
  async #exchange(): Promise<{ figures: PullFigures; verified: VerifyResult | null }> {
    const [main, channel] = [this.#main as Connection, this.#channel as Connection]
    // What ends one connection ends the other: a recovery begins anew with both.
    const lost = new Interrupt()
    for (const connection of [main, channel]) connection.interrupt.onFail((error) => lost.fail(error))
    try {
      return await this.#serve(main, channel, lost)
    } catch (thrown) {
      // Nothing of this exchange may take pages out of the order that the next one goes by.
      lost.fail(FerryError.from(thrown))
      throw thrown
    }
  }

  async #serve(main: Connection, channel: Connection, lost: Interrupt) {
    const { options, deadlines } = this.#context
    const answers: Answers = { pending: null }
    this.#attend(channel, lost, answers).catch((thrown: unknown) => lost.fail(FerryError.from(thrown)))
    await lost.within(this.#push(main, lost, answers), Infinity, 'push')
    await main.send({ type: 'PULL_END', body: { pages: this.#pages } }, deadlines.progressMs)
    const blocks = blocksToVerify(options.machine.blocks, options.verify ?? 'none')
    const comparing = async () =>
      blocks.length === 0 ? null : askComparison(main, options.machine, blocks, deadlines.verifyMs)
    const verified = await lost.within(comparing(), Infinity, 'comparison')
    const done = main.receive(['PULL_DONE'], deadlines.progressMs, 'pull-end')
    const { body: figures } = await lost.within(done, Infinity, 'pull-end')
    main.post([{ type: 'ACK', body: { of: 'pull', number: 0 } }])
    return { figures, verified }
  }

  /** The background. Requests go first: while one is answered, nothing else is read from the machine. */
  async #push(main: Connection, lost: Interrupt, answers: Answers): Promise<void> {
    const { tuning, deadlines, link } = this.#context
    const window = new PushWindow(main, deadlines.progressMs)
    let zerosSent = false
    for (;;) {
      // What the guest is about to ask for does not wait until it has asked for it; but what it has asked for goes first.
      if (this.#order.urgent) await answers.pending
      else await this.#quiet(answers)
      if (!this.#order.urgent && !zerosSent) {
        zerosSent = true
        await this.#pushUnwritten(main, window, lost)
      }
      const most = pushBatchPages(link(), tuning.pushPages, nowMs() - this.#requestedMs)
      await window.below(windowBatches(link(), most) - 1)
      lost.check()
      const pages = this.#order.take(most)
      if (pages.length === 0) break
      await this.#send(main, pages, deadlines.progressMs)
      window.sent()
      // Between two batches there is a look at what the guest asks for.
      await turns(1)
    }
    await window.below(0)
  }

  /** Pages that were never written hold zeros: nobody has to look at them, and very many are one small frame. */
  async #pushUnwritten(main: Connection, window: PushWindow, lost: Interrupt): Promise<void> {
    const { deadlines, options } = this.#context
    if (this.#sender?.takesZeros !== true) return
    const reading = options.machine.unwrittenPages()
    const unwritten = await this.#machine.within(reading, deadlines.machineMs, 'machine-read')
    for (let at = 0; at < unwritten.length; at += MAX_PAGES_PER_FRAME) {
      lost.check()
      const pages = this.#order.among(unwritten.subarray(at, at + MAX_PAGES_PER_FRAME))
      if (pages.length === 0) continue
      await this.#send(main, pages, deadlines.progressMs)
      window.sent()
      await turns(1)
    }
  }

  /** Faults come in bursts: the background waits until none has come for a moment, but not for ever. */
  async #quiet(answers: Answers): Promise<void> {
    const sinceMs = nowMs()
    while (nowMs() - sinceMs < MOST_QUIET_MS) {
      if (answers.pending !== null) await answers.pending
      else if (nowMs() - this.#requestedMs < BURST_MS) await turns(1)
      else return
    }
  }

  /** Requests, each answered in the step in which it comes, unless another one is being answered. Ends with the connection. */
  #attend(channel: Connection, lost: Interrupt, answers: Answers): Promise<never> {
    return channel.attend(['PAGE_REQ'], 'request', ({ body }) => {
      lost.check()
      this.#wakefulness.stay(AWAKE_MS)
      const pages = this.#order.demand(body.pages)
      // The others are under way already.
      if (pages.length === 0) return
      this.#requests += pages.length
      const before = answers.pending
      const answering = before === null ? this.#answer(channel, pages) : before.then(() => this.#answer(channel, pages))
      const answered = answering
        .catch((thrown: unknown) => lost.fail(FerryError.from(thrown)))
        .finally(() => {
          if (answers.pending === answered) answers.pending = null
          this.#requestedMs = nowMs()
        })
      answers.pending = answered
    })
  }

  /**
   * What was asked for, alone, so that it is there soonest. What is next to it comes with the background, which goes on around
   * it as soon as the burst is over: sent at once, it would be in the way of the next page that is asked for.
   */
  async #answer(channel: Connection, pages: Uint32Array<ArrayBuffer>): Promise<void> {
    await this.#send(channel, pages, this.#context.deadlines.progressMs)
    // Where both hosts are of one process, the target takes the page before the background goes on.
    await turns(2)
  }

  async #send(connection: Connection, pages: Uint32Array<ArrayBuffer>, ms: number): Promise<void> {
    const { machine } = this.#context.options
    const place = connection.place(pages.length * PAGE_SIZE)
    const reading = machine.readPages({ block: BLOCK.ram, pages }, place)
    const read = await this.#machine.within(reading, this.#context.deadlines.machineMs, 'machine-read')
    const batch = this.#sender?.admissible(read) ?? read
    const before = connection.bytesSent
    const sending = connection.send({ type: 'PAGES', body: { batch, hold: false } }, ms)
    connection.placed(place, batch.data)
    const bytes = connection.bytesSent - before
    // Counted as soon as they are on the link: the wait for room may end with the connection.
    if (bytes > 0) {
      // Both connections are on one link.
      if (connection !== this.#main) this.#main?.charge(bytes)
      this.#sender?.count(batch, false)
      this.#sender?.map.live(pages)
      this.#pages += pages.length
      this.#context.onPages()
    }
    await sending
  }

  /** Tells the target that it waits in vain. */
  async #farewell(error: FerryError): Promise<FerryError> {
    const { code, message } = error
    if (code === 'peer.aborted' || code === 'pull.lost') return error
    this.#main?.post([{ type: 'ABORT', body: { code, message: message.slice(0, 1000) } }])
    // The other connection must not look cut before this was read.
    await this.#main?.peerEnd(FAREWELL_MS)
    return error
  }

  async #recover(cause: FerryError): Promise<void> {
    const { deadlines, onState, options } = this.#context
    const startMs = nowMs()
    const { name } = options.target
    const fate = `The guest waits at ${name} for pages that only ${options.host.name} has; nothing is lost.`
    this.#state = 'paused'
    onState(`The connection to ${name} was cut: ${cause.message} ${fate}`)
    this.#main?.destroy()
    this.#channel?.destroy()
    let last = cause
    while (nowMs() - startMs < deadlines.recoverMs) {
      this.#machine.check()
      try {
        await this.#connectAgain()
        this.#recoveries++
        this.#pausedMs += nowMs() - startMs
        this.#state = 'pulling'
        onState(`The connection to ${name} is there again; ${this.#order.size} pages are missing.`)
        return
      } catch (thrown) {
        last = FerryError.from(thrown)
        // The target's part of the migration is over: it will not expect this connection later either.
        if (last.code === 'peer.aborted') break
        await sleep(RETRY_MS)
      }
    }
    const gone =
      last.code === 'peer.aborted' ? 'expects no more pages' : `was not reached for ${deadlines.recoverMs} ms`
    const message = `${name} ${gone}: ${last.message}`
    throw new FerryError('pull.lost', message, { cause: cause.code, last: last.code })
  }

  async #connectAgain(): Promise<void> {
    const { answerMs } = this.#context.deadlines
    const main = await this.#dial('recovery', this.#interrupted())
    try {
      const { body } = await main.receive(['MISSING'], answerMs, 'missing-pages')
      main.stage = 5
      const channel = await this.#dial('pages', this.#interrupted())
      channel.stage = 5
      this.#channel = channel
      this.#order.reset(Bitmap.of(body.bitmap, body.count))
      this.#main = main
    } catch (thrown) {
      main.destroy()
      throw thrown
    }
  }

  /** A connection of its own, which this machine's end interrupts all the same. */
  #interrupted(): Interrupt {
    const interrupt = new Interrupt()
    this.#machine.onFail((error) => interrupt.fail(error))
    return interrupt
  }

  async #dial(purpose: 'pages' | 'recovery', interrupt: Interrupt): Promise<Connection> {
    const { options, deadlines, link } = this.#context
    const socket = await dial(options.target, interrupt, deadlines.connectMs)
    const connection = new Connection(socket, interrupt, {
      side: 'source',
      link: link(),
      idleMs: deadlines.idleMs,
      keepaliveMs: deadlines.keepaliveMs,
      seed: options.seed,
      recorder: options.recorder?.channel(),
      onMessage: options.onMessage,
    })
    this.#opened.push(connection)
    const body = { session: options.session, channel: this.#token, purpose }
    try {
      await connection.send({ type: 'CHANNEL', body }, deadlines.answerMs)
      await connection.receive(['CHANNEL_OK'], deadlines.answerMs, 'channel')
      return connection
    } catch (thrown) {
      connection.destroy()
      throw thrown
    }
  }
}

/** What only the other side of the connection can keep waiting: it may be there again on a new one. */
const SILENCES = ['deadline.send', 'deadline.pages-answer', 'deadline.pull-end']

/** Whether it is the connection that failed, and not one of the machines or hosts. */
export function isCut({ code }: FerryError): boolean {
  return code.startsWith('connection.') || SILENCES.includes(code) || code === 'protocol.truncated'
}
