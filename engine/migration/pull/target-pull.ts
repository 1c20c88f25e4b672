/**
 * The target after the switch-over of a migration that pulls: the guest runs here, and waits where it accesses a page
 * that has not come. When the connection is cut, the guest is paused and nothing is thrown away; it goes on when the
 * source has come back.
 */
import { Bitmap } from '../../util/bitmap.ts'
import { Wakefulness, nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import type { FaultRecord, PageBatch } from '../../machine/machine.ts'
import { BLOCK, type BlockId } from '../../vmstate/blocks.ts'
import type { Deadlines } from '../deadlines.ts'
import { Interrupt } from '../interrupt.ts'
import type { Connection } from '../protocol/connection.ts'
import type { PagesBody } from '../protocol/binary.ts'
import type { Body } from '../protocol/schemas.ts'
import { answerComparison, blocksToVerify, type VerifyResult } from '../ram-check.ts'
import { admitZeros } from '../saving/page-decoder.ts'
import type { Saving } from '../saving/savings.ts'
import type { TargetSlot } from '../target-options.ts'
import type { Channels, Purpose } from './channels.ts'
import { pullFigures } from './fault-statistics.ts'
import { isCut } from './source-pull.ts'

/** Faults are taken from the machine so often, ms: it keeps only so many. */
const FAULTS_EVERY_MS = 500
/** Page faults come in bursts: after one, the next is expected for so long, ms. */
const AWAKE_MS = 2
/** Longest farewell of a connection, ms. */
const FAREWELL_MS = 300

export interface TargetPullContext {
  readonly slot: TargetSlot
  readonly request: Body<'MIG_REQ'>
  readonly channels: Channels
  readonly deadlines: Deadlines
  /** What was agreed on. */
  readonly savings: readonly Saving[]
  readonly onPages: () => void
}

export class TargetPull {
  readonly #context: TargetPullContext
  readonly #end = new Interrupt()
  readonly #wakefulness = new Wakefulness()
  #missing = new Bitmap(0)
  #channel: Connection | null = null
  /** Resolved by the next connection of the given purpose. */
  readonly #expected = new Map<Purpose, (connection: Connection) => void>()
  readonly #arrived = new Map<Purpose, Connection>()
  /** Pages that the guest waits for. */
  readonly #asked = new Set<number>()
  readonly #faults: FaultRecord[] = []
  #verified: VerifyResult | null = null
  /** The source was told that everything is here. */
  #told = false
  #supplying = 0
  /** Who waits for the machine to have taken a batch. */
  #waiting: (() => void)[] = []
  #received = 0
  /** Pages that were missing at the switch-over. */
  #announced = 0

  /** What further connections of this migration have to say. */
  readonly token: string
  readonly #forget: () => void

  constructor(context: TargetPullContext) {
    this.#context = context
    const { channels, request } = context
    const expected = channels.expect(request.session, (connection, purpose) => this.#join(connection, purpose))
    this.token = expected.token
    this.#forget = expected.end
  }

  /** Expects no more connections. */
  end(): void {
    this.#forget()
    this.#expected.clear()
    for (const connection of this.#arrived.values()) connection.destroy()
    this.#arrived.clear()
  }

  /** Pages that have not come. */
  get left(): number {
    return this.#missing.size
  }
  get received(): number {
    return this.#received
  }
  /** What the machine has to be told. */
  get missing(): Uint8Array<ArrayBuffer> {
    return this.#missing.bytes()
  }

  /** Gives up, wherever it is. */
  cancel(reason: FerryError): void {
    this.end()
    this.#end.fail(reason)
  }

  #join(connection: Connection, purpose: Purpose): void {
    const taker = this.#expected.get(purpose)
    this.#expected.delete(purpose)
    if (taker !== undefined) taker(connection)
    else {
      this.#arrived.get(purpose)?.destroy()
      this.#arrived.set(purpose, connection)
    }
  }

  /** The connection for missing pages must be there before the switch-over. */
  async channel(interrupt: Interrupt): Promise<void> {
    this.#channel = await interrupt.within(this.#next('pages'), this.#context.deadlines.answerMs, 'channel')
  }

  /** What the source said is missing. */
  begin(missing: Bitmap): void {
    this.#missing = missing
    this.#announced = missing.size
  }

  /** Before the first instruction: nothing that the guest waits for may be missed. */
  async arm(): Promise<void> {
    const { slot, request } = this.#context
    slot.machine.on('fault', (page) => {
      this.#ask([page])
      this.#wakefulness.stay(AWAKE_MS)
    })
    // Pages that the guest has written cannot be compared at the end.
    if (request.verify !== 'none') await slot.machine.dirtyLogStart()
  }

  /**
   * Takes all that is missing; resolves when the machine has everything.
   * @param main the connection of the migration
   * @throws FerryError `target.machine-died`, `peer.aborted`, `protocol.*`
   */
  async run(main: Connection, runAtMs: number): Promise<void> {
    const { slot } = this.#context
    const off = slot.machine.on('exit', (error) => {
      this.#end.fail(
        new FerryError('target.machine-died', `The target's machine ended: ${error?.message ?? 'closed'}.`),
      )
    })
    // The guest begins with a burst of them.
    this.#wakefulness.stay(AWAKE_MS)
    const poll = setInterval(() => void this.#takeFaults(), FAULTS_EVERY_MS)
    let connection = main
    try {
      for (;;) {
        try {
          await this.#end.within(this.#exchange(connection, runAtMs), Infinity, 'pull')
          return
        } catch (thrown) {
          const error = FerryError.from(thrown)
          // All is here, and the source only may not have heard of it.
          if (this.#told && !isCut(error)) return
          if (!isCut(error)) throw error
          const again = await this.#end.within(this.#awaitSource(connection), Infinity, 'recovery')
          if (again === null) return
          connection = again
        }
      }
    } catch (thrown) {
      const error = FerryError.from(thrown)
      if (this.#told) return
      if (this.#missing.size > 0) this.#stand()
      if (error.code !== 'peer.aborted') {
        const body = { code: error.code, message: error.message.slice(0, 1000) }
        connection.post([{ type: 'ABORT', body }])
        // The other connection must not look cut before this was read.
        await this.#channel?.peerEnd(FAREWELL_MS)
      }
      throw error
    } finally {
      clearInterval(poll)
      off()
      this.#channel?.destroy()
      if (connection !== main) await connection.close(FAREWELL_MS)
    }
  }

  async #exchange(main: Connection, runAtMs: number): Promise<void> {
    const channel = this.#channel as Connection
    const lost = new Interrupt()
    main.interrupt.onFail((error) => lost.fail(error))
    // A source that has heard that all is here closes this one first, while its ACK is on the other.
    channel.interrupt.onFail((error) => this.#told || lost.fail(error))
    // What ends one connection ends the other, so that no wait on that one outlives the exchange.
    lost.onFail((error) => {
      if (isCut(error)) for (const connection of [main, channel]) connection.destroy()
    })
    try {
      await this.#take(main, channel, lost, runAtMs)
    } catch (thrown) {
      // Nothing of this exchange may take pages any more: the source is told which ones are missing now.
      lost.fail(FerryError.from(thrown))
      throw lost.error ?? thrown
    }
  }

  async #take(main: Connection, channel: Connection, lost: Interrupt, runAtMs: number): Promise<void> {
    const { deadlines, request } = this.#context
    channel
      .attend(['PAGES'], 'page', ({ body }) => {
        lost.check()
        this.#supply(body, () => channel.recycle(body.batch.data))
      })
      .catch((thrown: unknown) => this.#told || lost.fail(FerryError.from(thrown)))
    if (this.#asked.size > 0) this.#ask(this.#asked)
    await lost.within(this.#takeBackground(main, lost), Infinity, 'background')
    await lost.within(this.#complete(lost), deadlines.progressMs, 'last-pages')
    const arrivedMs = nowMs()
    if (request.verify !== 'none') await this.#compare(main)
    await this.#takeFaults()
    main.post([{ type: 'PULL_DONE', body: pullFigures(this.#faults, runAtMs, arrivedMs) }])
    this.#told = true
    await main.receive(['ACK'], deadlines.settleMs, 'pull-end')
  }

  /** Until the source has sent everything. */
  async #takeBackground(main: Connection, lost: Interrupt): Promise<void> {
    let number = 0
    // So that the source does not run ahead: a page that is asked for may be behind all that is under way.
    const taken = () => main.post([{ type: 'ACK', body: { of: 'pages', number: ++number } }])
    for (;;) {
      const message = await main.receive(['PAGES', 'PULL_END'], this.#context.deadlines.progressMs, 'pages')
      lost.check()
      if (message.type === 'PAGES') {
        const { body } = message
        this.#supply(body, () => {
          main.recycle(body.batch.data)
          taken()
        })
        continue
      }
      if (message.body.pages >= this.#announced) return
      throw new FerryError(
        'protocol.page-count',
        `The source sent ${message.body.pages} of ${this.#announced} pages that were missing.`,
      )
    }
  }

  /** @param taken told when the machine has it */
  #supply({ batch, hold, encoding }: PagesBody, taken: () => void): void {
    admitZeros(batch, this.#context.savings)
    this.#check(batch, hold || encoding !== undefined)
    this.#supplying++
    this.#context.slot.machine
      .supply(batch)
      .then(taken)
      // A page that the machine did not take is one that the guest lacks. If the machine has ended, that was told before.
      .catch((thrown: unknown) => this.#end.fail(FerryError.from(thrown)))
      .finally(() => {
        this.#supplying--
        this.#wake()
      })
    for (const numbers of [batch.pages, batch.zeroPages]) {
      for (const page of numbers) {
        this.#missing.delete(page)
        this.#asked.delete(page)
      }
      this.#received += numbers.length
    }
    this.#context.onPages()
  }

  /** Resolves when the machine has taken a batch. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** @param special whether the frame is held back, or not of pages as they are: neither is meant for here */
  #check(batch: PageBatch, special: boolean): void {
    const stranger = [batch.pages, batch.zeroPages]
      .flatMap((numbers) => [...numbers])
      .find((page) => batch.block !== BLOCK.ram || !this.#missing.has(page))
    if (stranger === undefined && !special) return
    const message = `Page ${stranger ?? 0} came after the switch-over, though it was not missing.`
    throw new FerryError('protocol.page-range', message, { block: batch.block, page: stranger ?? 0 })
  }

  /** Everything has come and is written. Pages that were asked for may be behind PULL_END, on the other connection. */
  async #complete(lost: Interrupt): Promise<void> {
    while (this.#missing.size > 0 || this.#supplying > 0) {
      await this.#change()
      lost.check()
    }
  }

  #ask(pages: Iterable<number>): void {
    const wanted = [...pages].filter((page) => this.#missing.has(page))
    for (const page of wanted) this.#asked.add(page)
    if (wanted.length === 0 || this.#channel === null) return
    this.#channel.stage = 5
    const body = { block: BLOCK.ram, pages: Uint32Array.from(wanted).sort() }
    this.#channel.post([{ type: 'PAGE_REQ', body }])
  }

  async #takeFaults(): Promise<void> {
    this.#faults.push(...(await this.#context.slot.machine.faults().catch(() => [])))
  }

  /** The source says what its pages are; those that the guest has written since are its own. */
  async #compare(main: Connection): Promise<void> {
    const { slot, deadlines, request } = this.#context
    const { machine } = slot
    const blocks = blocksToVerify(machine.blocks, request.verify)
    if (this.#verified !== null) {
      // The answer was lost with the connection. Meanwhile the guest has gone on.
      while (!(await main.receive(['VERIFY'], deadlines.verifyMs, 'comparison')).body.last);
      await main.send({ type: 'VERIFY_RESULT', body: this.#verified }, deadlines.verifyMs)
      return
    }
    await machine.pause()
    try {
      // Kept: the comparison may be cut off, and made again.
      const dirty = await machine.dirtyLogFetch(false)
      const skip = new Map<BlockId, ReadonlySet<number>>(dirty.map(({ block, pages }) => [block, new Set(pages)]))
      this.#verified = await answerComparison(main, machine, blocks, deadlines.verifyMs, skip)
      await machine.dirtyLogStop()
    } finally {
      await machine.resume()
    }
  }

  /**
   * The guest stands still until the source is there again.
   * @returns the connection to go on with; null where nothing is missing and the source does not come
   */
  async #awaitSource(lost: Connection): Promise<Connection | null> {
    const { slot, deadlines } = this.#context
    lost.destroy()
    this.#channel?.destroy()
    this.#channel = null
    const stands = this.#missing.size > 0
    if (stands) this.#stand()
    for (;;) {
      // As long as the source tries: one that does not hear that all is here would give the guest up for lost.
      const main = await (stands ? this.#next('recovery') : this.#nextWithin(deadlines.recoverMs))
      if (main === null) return null
      // One for pages comes after MISSING: what is here already belongs to an attempt that has failed.
      this.#arrived.get('pages')?.destroy()
      this.#arrived.delete('pages')
      try {
        main.stage = 5
        const body = { block: BLOCK.ram, count: this.#missing.length, bitmap: this.#missing.bytes() }
        await main.send({ type: 'MISSING', body }, deadlines.answerMs)
        this.#channel = await main.interrupt.within(this.#next('pages'), deadlines.answerMs, 'channel')
        if (stands) {
          slot.pulling?.('pulling')
          slot.machine.resume().catch(() => undefined)
        }
        return main
      } catch {
        // The next attempt of the source finds everything as it was.
        main.destroy()
      }
    }
  }

  /** The guest stands still. Not awaited: one that waits for a page does already, and answers when it has come. */
  #stand(): void {
    this.#context.slot.pulling?.('paused')
    this.#context.slot.machine.pause().catch(() => undefined)
  }

  async #nextWithin(ms: number): Promise<Connection | null> {
    return new Interrupt().within(this.#next('recovery'), ms, 'recovery').catch(() => null)
  }

  #next(purpose: Purpose): Promise<Connection> {
    const arrived = this.#arrived.get(purpose)
    this.#arrived.delete(purpose)
    if (arrived !== undefined) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#expected.set(purpose, resolve))
  }
}
