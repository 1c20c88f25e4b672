/**
 * The source after the switch-over of a migration that pulls: the guest runs on the target, its missing pages are here.
 * Each of them travels once: asked for, on a connection of its own, or in the background. A connection that is cut is
 * opened again, until everything has arrived or the target cannot be reached for too long.
 */
import { Bitmap } from '../../util/bitmap.ts'
import { nowMs, sleep } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import { BLOCK } from '../../vmstate/blocks.ts'
import type { Deadlines } from '../deadlines.ts'
import { Interrupt } from '../interrupt.ts'
import type { LinkSpec } from '../link.ts'
import type { PageSender } from '../page-sender.ts'
import type { PullNow } from '../progress.ts'
import { Connection } from '../protocol/connection.ts'
import { dial } from '../protocol/dial.ts'
import { askComparison, blocksToVerify, type VerifyResult } from '../ram-check.ts'
import type { SourceOptions, Tuning } from '../source-options.ts'
import type { PullFigures, PullResult } from './fault-statistics.ts'
import { PushOrder } from './push-order.ts'

export interface SourcePullContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  readonly tuning: Tuning
  readonly link: () => LinkSpec
  /** Told when the connection is lost and when it is there again. */
  readonly onState: (why: string) => void
  readonly onPages: () => void
}

/** Between two attempts to reach the target again, ms. */
const RETRY_MS = 200
/** Longest farewell of a connection, ms. */
const FAREWELL_MS = 100

export class SourcePull {
  readonly #context: SourcePullContext
  readonly #token: string
  readonly #machine = new Interrupt()
  #sender: PageSender | null = null
  #order = new PushOrder(new Bitmap(0))
  #main: Connection | null = null
  #channel: Connection | null = null
  /** Requests that are being answered: the background waits for them. */
  #answering = 0
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

  setLink(link: LinkSpec): void {
    this.#channel?.setLink(link)
  }

  /** What the target will miss when the guest runs there. */
  begin(missing: Bitmap, sender: PageSender): void {
    this.#order = new PushOrder(missing)
    this.#sender = sender
  }

  /** Gives up: before the switch-over nothing is lost, after it the guest. */
  abandon(reason: FerryError): void {
    this.#machine.fail(reason)
    this.#channel?.destroy()
  }

  /**
   * Sends all that is missing; resolves when the target has it.
   * @param main the connection of the migration
   * @throws FerryError `source.machine-died`, `peer.aborted`, `pull.lost` when the target could not be reached again
   */
  async run(main: Connection): Promise<PullResult> {
    const startMs = nowMs()
    const { machine } = this.#context.options
    const off = machine.on('exit', (error) => {
      const message = `The source's machine ended with pages that the target has not. ${error?.message ?? 'It was closed.'}`
      this.#machine.fail(new FerryError('source.machine-died', message))
    })
    this.#main = main
    if (this.#channel !== null) this.#channel.stage = main.stage
    this.#sender?.map.switchedOver(this.#order.missing)
    try {
      for (;;) {
        try {
          const { figures, verified } = await this.#machine.within(this.#exchange(), Infinity, 'pull')
          const [pages, recoveries, pausedMs] = [this.#pages, this.#recoveries, this.#pausedMs]
          return { figures, verified, pages, recoveries, pausedMs, durationMs: nowMs() - startMs }
        } catch (thrown) {
          await this.#recover(FerryError.from(thrown))
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
    const { options, deadlines } = this.#context
    // What ends one connection ends the other: a recovery begins anew with both.
    const lost = new Interrupt()
    for (const connection of [main, channel]) connection.interrupt.onFail((error) => lost.fail(error))
    const answering = this.#answer(channel)
    answering.catch((thrown: unknown) => lost.fail(FerryError.from(thrown)))
    await lost.within(this.#push(main), Infinity, 'push')
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
  async #push(main: Connection): Promise<void> {
    const { tuning, deadlines } = this.#context
    for (;;) {
      while (this.#answering > 0) await new Promise((resolve) => setImmediate(resolve))
      const pages = this.#order.take(tuning.pushPages)
      if (pages.length === 0) return
      await this.#send(main, pages, deadlines.progressMs)
      main.interrupt.check()
    }
  }

  /** Ends with the connection. */
  async #answer(channel: Connection): Promise<void> {
    for (;;) {
      const { body } = await channel.receive(['PAGE_REQ'], Infinity, 'request')
      const pages = this.#order.demand(body.pages)
      // The others are under way already.
      if (pages.length === 0) continue
      this.#requests += pages.length
      this.#answering++
      try {
        await this.#send(channel, pages, this.#context.deadlines.progressMs)
      } finally {
        this.#answering--
      }
    }
  }

  async #send(connection: Connection, pages: Uint32Array<ArrayBuffer>, ms: number): Promise<void> {
    const { machine } = this.#context.options
    const reading = machine.readPages({ block: BLOCK.ram, pages })
    const batch = await this.#machine.within(reading, this.#context.deadlines.machineMs, 'machine-read')
    const bytes = connection.bytesSent
    await connection.send({ type: 'PAGES', body: { batch, hold: false } }, ms)
    // Both connections are on one link.
    if (connection !== this.#main) this.#main?.charge(connection.bytesSent - bytes)
    this.#sender?.count(batch, false)
    this.#sender?.map.live(pages)
    this.#pages += pages.length
    this.#context.onPages()
  }

  async #recover(cause: FerryError): Promise<void> {
    if (!isCut(cause)) throw cause
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
        await sleep(RETRY_MS)
      }
    }
    const message = `${name} could not be reached for ${deadlines.recoverMs} ms: ${last.message} The guest there cannot go on.`
    throw new FerryError('pull.lost', message, { cause: cause.code })
  }

  async #connectAgain(): Promise<void> {
    const { answerMs } = this.#context.deadlines
    const interrupt = new Interrupt()
    const main = await this.#dial('recovery', interrupt)
    try {
      const { body } = await main.receive(['MISSING'], answerMs, 'missing-pages')
      main.stage = 5
      const channel = await this.#dial('pages', new Interrupt())
      channel.stage = 5
      this.#channel = channel
      this.#order.reset(Bitmap.of(body.bitmap, body.count))
      this.#main = main
    } catch (thrown) {
      main.destroy()
      throw thrown
    }
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

/** Whether it is the connection that failed, and not one of the machines or hosts. */
export function isCut({ code }: FerryError): boolean {
  return code.startsWith('connection.') || code === 'deadline.send' || code === 'protocol.truncated'
}
