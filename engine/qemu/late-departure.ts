/**
 * A guest on its way out of QEMU before its memory has gone: Ferry is the destination of QEMU's own post-copy. QEMU stops
 * the guest when it is told to, sends its devices, and then its pages as they are asked for on the way back.
 */
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { NativeRecord } from '../hypervisors/hypervisor.ts'
import { videoBytes } from '../hypervisors/qemu/machine-arguments.ts'
import { type PageRun, runsOf } from '../hypervisors/qemu/stream/commands.ts'
import type { StreamBlock } from '../hypervisors/qemu/stream/format.ts'
import { type StreamCommand, StreamReader } from '../hypervisors/qemu/stream/reader.ts'
import { returnPong, returnRequest, returnShut } from '../hypervisors/qemu/stream/return-path.ts'
import type { PageBatch } from '../machine/machine.ts'
import { Bitmap } from '../util/bitmap.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../vmstate/blocks.ts'
import { splitZeros } from '../vmstate/zero-pages.ts'
import { setCapabilities } from './capabilities.ts'
import { listen, type Listening } from './listening.ts'
import type { Qmp } from './qmp.ts'
import type { GuestRam } from './ram.ts'
import { isOver, type QmpEvent, UNLIMITED_BPS } from './qmp-messages.ts'
import type { VideoMirror } from './video-mirror.ts'

/** For what QEMU does before the guest stops, and for the stop: a loaded computer takes seconds. */
const DEADLINE_MS = 60_000
/** A few pages a second, in bytes: before the stop QEMU sends next to nothing but what it is asked for. */
const TRICKLE_BPS = 10 * PAGE_SIZE

export interface LateDepartureOptions {
  readonly qmp: Qmp
  /** For the socket. */
  readonly folder: string
  readonly ramBytes: number
  readonly vgaBytes: number
  /**
   * True: QEMU sends all of RAM once before the guest stops, to `page`, so that at the stop it tells what has changed since.
   * False: it keeps RAM until it is asked for pages.
   */
  readonly watched: boolean
  /** Takes what comes of video memory. */
  readonly video: VideoMirror
  /** A page of RAM that came before the stop, null for zeros; it may come again. `bytes` is valid during the call only. */
  readonly page: (page: number, bytes: Uint8Array | null) => void
}

/** How QEMU stopped the guest. */
export interface Stopped {
  readonly records: readonly NativeRecord[]
  /** Pages of RAM whose last version has not come. */
  readonly owed: Uint32Array<ArrayBuffer>
  /** Null where the guest stood still before. */
  readonly stop: QmpEvent | null
}

export class LateDeparture {
  readonly #options: LateDepartureOptions
  readonly #listening: Listening
  readonly #reader: StreamReader
  readonly #from: number
  readonly #missing: Readonly<Record<StreamBlock, Bitmap>>
  /** Pages of RAM as they are at the stop, which nobody has taken yet: QEMU sends others with those that it is asked for. */
  readonly #came = new Map<number, Uint8Array | null>()
  #socket: Socket | null = null
  #begun = false
  #stopped = false
  /** Pages are of no use any more. */
  #dropped = false
  /** QEMU was told that all has come. */
  #shut = false
  #failed: FerryError | null = null
  #watchers: (() => void)[] = []

  private constructor(options: LateDepartureOptions, listening: Listening) {
    const { ramBytes, vgaBytes, qmp } = options
    this.#options = options
    this.#listening = listening
    this.#from = qmp.position
    this.#missing = {
      ram: Bitmap.full(ramBytes / PAGE_SIZE),
      video: Bitmap.full(videoBytes(vgaBytes) / PAGE_SIZE),
    }
    this.#reader = new StreamReader(options, {
      page: (block, page, bytes) => this.#page(block, page, bytes),
      command: (command) => this.#command(command),
    })
  }

  /**
   * Prepares everything that can be done while the guest runs.
   * @throws FerryError `qemu.departure`, `qemu.command`, and what the reader says; the guest goes on
   */
  static async prepare(options: LateDepartureOptions): Promise<LateDeparture> {
    const { qmp, folder, watched } = options
    const path = join(folder, `late-${process.hrtime.bigint()}`)
    const departure = new LateDeparture(options, await listen(path))
    try {
      await setCapabilities(qmp, { events: true, 'postcopy-ram': true })
      await qmp.command('migrate-set-parameters', {
        'max-bandwidth': watched ? UNLIMITED_BPS : TRICKLE_BPS,
        // None: with one, pages that are asked for would wait for it, too. What is not read holds QEMU up.
        'max-postcopy-bandwidth': 0,
        // Before it is told to, it shall not stop the guest.
        'downtime-limit': 0,
      })
      await qmp.command('migrate', { uri: `unix:${path}` })
      departure.#listen(await departure.#listening.connected)
      await departure.#until(() => departure.#begun, DEADLINE_MS)
      const { ram, video } = departure.#missing
      // Video memory is part of what the guest cannot wait for. What of it changes until the stop is asked for again.
      departure.#ask('video', runsOf(video.numbers()))
      await departure.#until(() => video.size === 0 && (!watched || ram.size === 0), DEADLINE_MS)
      return departure
    } catch (thrown) {
      await departure.cancel().catch(() => undefined)
      throw FerryError.from(thrown)
    }
  }

  /** Stops the guest. @throws FerryError as `prepare`; `cancel` lets it go on */
  async stop(): Promise<Stopped> {
    const { qmp } = this.#options
    const { ram, video } = this.#missing
    await qmp.command('migrate-start-postcopy')
    // All had come, and nothing has changed since: then QEMU has ended it as a pre-copy.
    await this.#until(() => this.#stopped || this.#reader.ended, DEADLINE_MS)
    this.#ask('video', runsOf(video.numbers()))
    await this.#until(() => video.size === 0, DEADLINE_MS)
    const { records } = this.#reader.devices()
    const stop = await qmp.event(({ name }) => name === 'STOP', 0, this.#from)
    return { records, owed: ram.numbers(), stop }
  }

  /**
   * Pages of RAM of the guest that was stopped. What QEMU has not sent yet it is asked for; what was given out before, and is
   * wanted again after a cut, it would not send a second time.
   * @throws FerryError `qemu.departure`, `machine.page-range`
   */
  async read(pages: Uint32Array, memory: GuestRam): Promise<PageBatch> {
    const { ram } = this.#missing
    memory.check(pages)
    const owed = pages.filter((page) => ram.has(page))
    this.#ask('ram', runsOf(owed))
    await this.#until(() => !owed.some((page) => ram.has(page)), DEADLINE_MS)
    const bytes = new Uint8Array(pages.length * PAGE_SIZE)
    pages.forEach((page, i) => {
      const came = this.#came.get(page)
      if (came !== null) bytes.set(came ?? memory.page(page), i * PAGE_SIZE)
      this.#came.delete(page)
    })
    return splitZeros<BlockId>(BLOCK.ram, pages, bytes)
  }

  /**
   * Takes the guest back: QEMU may run it afterwards, and migrate it anew. After the stop the rest of its memory is let go
   * for that, to nobody: a post-copy that is cancelled while it sends takes the cancel for a broken connection, and waits.
   */
  async cancel(): Promise<void> {
    const { qmp } = this.#options
    if (this.#stopped && this.#failed === null) {
      this.#dropped = true
      await this.#until(() => this.#reader.ended, DEADLINE_MS)
    } else await qmp.command('migrate_cancel')
    // A migration that had not begun has no end.
    if (this.#socket !== null) await qmp.event(isOver, DEADLINE_MS, this.#from)
    this.#listening.close()
    await setCapabilities(qmp, { 'postcopy-ram': false })
  }

  close(): void {
    this.#listening.close()
  }

  #page(block: StreamBlock, page: number, bytes: Uint8Array | null): void {
    this.#begun = true
    this.#missing[block].delete(page)
    if (block === 'video') this.#options.video.page(page, bytes)
    else if (this.#options.watched && !this.#stopped) this.#options.page(page, bytes)
    else if (!this.#dropped) this.#came.set(page, bytes?.slice() ?? null)
  }

  #command(command: StreamCommand): void {
    if (command.name === 'ping') this.#socket?.write(returnPong(command.number))
    else if (command.name === 'run') {
      this.#stopped = true
      // What came while the guest ran may be old, though QEMU does not say so (`ChangeLog.follow`): RAM has it as it is.
      this.#came.clear()
    } else if (command.name === 'discard' && command.block !== null) {
      const { first, count } = command
      for (let page = first; page < first + count; page++) {
        this.#missing[command.block].add(page)
        if (command.block === 'ram') this.#came.delete(page)
      }
    }
  }

  #ask(block: StreamBlock, runs: readonly PageRun[]): void {
    for (const { first, count } of runs) this.#socket?.write(returnRequest(block, first, count))
  }

  #listen(socket: Socket): void {
    this.#socket = socket
    const fail = (thrown: unknown) => {
      // Left open: QEMU would wait for a new connection, and could not be told that there will be none.
      socket.pause()
      this.#failed ??= FerryError.from(thrown)
      this.#wake()
    }
    socket.on('data', (bytes: Buffer) => {
      try {
        this.#reader.push(bytes)
        if (this.#reader.ended && !this.#shut) {
          this.#shut = true
          socket.write(returnShut(0))
        }
      } catch (thrown) {
        fail(thrown)
      }
      this.#wake()
    })
    const broken = () => {
      if (this.#reader.ended) return
      // One that has stopped its guest does not end it so, unless it ends itself.
      fail(
        this.#stopped ? new FerryError('qemu.ended', 'QEMU ended with pages of its guest.') : unfinished('broke off'),
      )
    }
    socket.on('error', broken)
    socket.on('close', broken)
  }

  /** @throws FerryError where it cannot come true any more, or does not in time */
  async #until(isSo: () => boolean, ms: number): Promise<void> {
    const late = setTimeout(() => {
      this.#failed ??= unfinished('no answer')
      this.#wake()
    }, ms)
    this.#socket?.resume()
    try {
      while (!isSo()) {
        if (this.#failed !== null) throw this.#failed
        await new Promise<void>((resolve) => this.#watchers.push(resolve))
      }
    } finally {
      clearTimeout(late)
      // What is behind the last page is read at once: QEMU has finished then.
      if (this.#stopped && this.#missing.ram.size > 0) this.#socket?.pause()
    }
  }

  #wake(): void {
    for (const wake of this.#watchers.splice(0)) wake()
  }
}

const unfinished = (status: string): FerryError =>
  new FerryError('qemu.departure', 'QEMU did not hand out its guest; it keeps it.', { status })
