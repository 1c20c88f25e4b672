/** A guest on its way into a QEMU that waits for it: Ferry is the source of QEMU's own migration stream. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DEVICES_LOADED, postcopyEnd, postcopyHead } from '../hypervisors/qemu/stream/commands.ts'
import { ReturnPath, type ReturnPathEvents } from '../hypervisors/qemu/stream/return-path.ts'
import { ramEnd, ramPart, type StreamBatch, streamHead, zeroPart } from '../hypervisors/qemu/stream/writer.ts'
import type { PageBatch } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import { setCapabilities } from './capabilities.ts'
import type { Qmp } from './qmp.ts'
import { isOver, migrationStatus } from './qmp-messages.ts'

/** From the last byte to the guest being there. QEMU takes milliseconds; a loaded computer more. */
const LOAD_DEADLINE_MS = 15_000

/**
 * How a guest comes. `whole`: nothing is missing when it runs. `late`: it may run before its memory has come; `begin` in place
 * of `finish`. `native`: another QEMU sends it, by `raw`.
 */
export type Way = 'whole' | 'late' | 'native'

export interface ArrivalOptions {
  readonly qmp: Qmp
  /** For the socket. */
  readonly folder: string
  readonly ramBytes: number
  readonly vgaBytes: number
  readonly way: Way
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: FerryError) => void
}

export class Arrival {
  readonly way: Way
  readonly #qmp: Qmp
  readonly #socket: Socket
  readonly #from: number
  #failed: FerryError | null = null
  /** QEMU asks for pages of RAM. */
  #asked: (first: number, count: number) => void = () => undefined
  /** What was said on the way back, and who waits for it. */
  readonly #said = new Set<string>()
  readonly #waiting = new Map<string, Waiter>()

  private constructor({ qmp, way, ...shape }: ArrivalOptions, socket: Socket) {
    this.#qmp = qmp
    this.#from = qmp.position
    this.way = way
    this.#socket = socket
    const ended = () =>
      this.#fail(new FerryError('qemu.refused', 'QEMU takes no more of the guest: it ended, or gave it up.'))
    socket.on('error', ended)
    socket.on('close', ended)
    if (way === 'late') this.#listen(new ReturnPath(shape, this.#events()))
    else socket.resume()
  }

  /**
   * Opens the stream, up to the first page.
   * @throws FerryError `qemu.*`
   */
  static async open(options: ArrivalOptions): Promise<Arrival> {
    const { qmp, folder, way } = options
    const path = join(folder, 'incoming')
    await setCapabilities(qmp, { events: true, ...(way === 'late' ? { 'postcopy-ram': true } : {}) })
    await qmp.command('migrate-incoming', { uri: `unix:${path}` })
    const arrival = new Arrival(options, await dial(path))
    if (way !== 'native') await arrival.#send(way === 'late' ? postcopyHead(options) : streamHead(options))
    return arrival
  }

  /** Pages of RAM; resolves when they are on their way. @throws FerryError `qemu.refused` */
  pages({ pages, zeroPages, data }: PageBatch): Promise<void> {
    return this.#send(ramPart([{ block: 'ram', pages, zeroPages, data }]))
  }

  /** Pages of video memory, ahead of the end. @throws FerryError `qemu.refused` */
  async video(batch: StreamBatch): Promise<void> {
    if (batch.pages.length + batch.zeroPages.length > 0) await this.#send(ramPart([batch]))
  }

  /** A piece of another QEMU's stream. @throws FerryError `qemu.refused` */
  raw(bytes: Uint8Array): Promise<void> {
    return this.#send(bytes)
  }

  /**
   * Everything else. QEMU has the guest when this resolves, and does not run it.
   * @param bytes of `ending.ts`; none where all came by `raw`
   * @throws FerryError `qemu.refused`: it has not taken the guest
   */
  async finish(bytes: Uint8Array): Promise<void> {
    // QEMU may have taken the end of a stream of its own already, and have closed it.
    if (bytes.length > 0) await this.#send(bytes)
    const over = await this.#qmp.event(isOver, LOAD_DEADLINE_MS, this.#from).catch(() => null)
    this.#socket.destroy()
    if (over !== null && migrationStatus(over) === 'completed') return this.#settle()
    throw new FerryError('qemu.refused', 'QEMU did not take the guest that it was given.', {
      status: over === null ? 'no answer' : migrationStatus(over),
    })
  }

  /**
   * Everything but the pages that come late. The guest may run when this resolves, and does not run yet.
   * @param bytes of `ending.ts`
   * @param asked QEMU asks for pages that are missing
   * @throws FerryError `qemu.refused`
   */
  async begin(bytes: Uint8Array, asked: (first: number, count: number) => void): Promise<void> {
    this.#asked = asked
    await this.#send(bytes)
    await this.#saying(pongOf(DEVICES_LOADED))
  }

  /** The end of a stream of pages that came late: resolves when QEMU has placed them all. @throws FerryError `qemu.refused` */
  async end(): Promise<void> {
    await this.#send(Buffer.concat([ramEnd(), postcopyEnd()]))
    await this.#saying(SHUT)
    const over = await this.#qmp.event(isOver, LOAD_DEADLINE_MS, this.#from)
    this.#socket.destroy()
    if (over !== null && migrationStatus(over) === 'completed') return this.#settle()
    throw new FerryError('qemu.refused', "QEMU did not take the guest's last pages.")
  }

  close(): void {
    this.#socket.destroy()
  }

  /** The guest goes away as it likes, not as it came. */
  async #settle(): Promise<void> {
    if (this.way === 'late') await setCapabilities(this.#qmp, { 'postcopy-ram': false })
  }

  #listen(back: ReturnPath): void {
    this.#socket.on('data', (bytes: Buffer) => {
      try {
        back.push(bytes)
      } catch (thrown) {
        this.#fail(FerryError.from(thrown))
        this.#socket.destroy()
      }
    })
  }

  #events(): ReturnPathEvents {
    return {
      requestPages: (block, first, count, name) => {
        if (block === 'ram') this.#asked(first, count)
        // Memory that no guest's state has, as that of a ROM: QEMU has emptied it for the arrival.
        else if (block === null) this.#send(zeroPart(name, first, count)).catch(() => undefined)
      },
      pong: (number) => this.#say(pongOf(number)),
      shut: (status) => {
        if (status === 0) this.#say(SHUT)
        else this.#fail(new FerryError('qemu.refused', 'QEMU gave the guest up that it was given.', { status }))
      },
    }
  }

  #say(what: string): void {
    this.#said.add(what)
    this.#waiting.get(what)?.resolve()
  }

  /** Resolves when QEMU has said that on the way back. */
  #saying(what: string): Promise<void> {
    if (this.#said.has(what)) return Promise.resolve()
    if (this.#failed !== null) return Promise.reject(this.#failed)
    return new Promise((resolve, reject) => this.#waiting.set(what, { resolve, reject }))
  }

  #fail(error: FerryError): void {
    this.#failed ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#failed)
    this.#waiting.clear()
  }

  #send(bytes: Uint8Array): Promise<void> {
    if (this.#failed !== null) return Promise.reject(this.#failed)
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(this.#failed ?? new FerryError('qemu.refused', 'QEMU took no more of the guest.', {}, error))
      })
    })
  }
}

const SHUT = 'shut'
const pongOf = (number: number): string => `pong ${number}`

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (cause) => {
      reject(new FerryError('qemu.refused', 'QEMU does not take guests in.', {}, cause))
    })
  })
}
