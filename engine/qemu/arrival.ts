/** A guest on its way into a QEMU that waits for it: Ferry is the source of QEMU's own migration stream. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { ramPart, streamHead } from '../hypervisors/qemu/stream/writer.ts'
import type { PageBatch } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import type { Qmp } from './qmp.ts'
import { isOver, migrationStatus } from './qmp-messages.ts'

/** From the last byte to the guest being there. QEMU takes milliseconds; a loaded computer more. */
const LOAD_DEADLINE_MS = 15_000

export class Arrival {
  readonly #qmp: Qmp
  readonly #socket: Socket
  #failed: FerryError | null = null

  private constructor(qmp: Qmp, socket: Socket) {
    this.#qmp = qmp
    this.#socket = socket
    const ended = () => {
      this.#failed ??= new FerryError('qemu.refused', 'QEMU took no more of the guest.')
    }
    socket.on('error', ended)
    socket.on('close', ended)
    socket.resume()
  }

  /**
   * Opens the stream, up to the first page.
   * @param folder for the socket
   * @throws FerryError `qemu.*`
   */
  static async open(qmp: Qmp, folder: string, shape: { ramBytes: number; vgaBytes: number }): Promise<Arrival> {
    const path = join(folder, 'incoming')
    await qmp.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    await qmp.command('migrate-incoming', { uri: `unix:${path}` })
    const arrival = new Arrival(qmp, await dial(path))
    await arrival.#send(streamHead(shape))
    return arrival
  }

  /** Pages of RAM; resolves when they are on their way. @throws FerryError `qemu.refused` */
  pages({ pages, zeroPages, data }: PageBatch): Promise<void> {
    return this.#send(ramPart([{ block: 'ram', pages, zeroPages, data }]))
  }

  /**
   * Everything else. QEMU has the guest when this resolves, and does not run it.
   * @param bytes of `ending.ts`
   * @throws FerryError `qemu.refused`: it has not taken the guest
   */
  async finish(bytes: Uint8Array): Promise<void> {
    const from = this.#qmp.position
    await this.#send(bytes)
    const over = await this.#qmp.event(isOver, LOAD_DEADLINE_MS, from).catch(() => null)
    this.#socket.destroy()
    if (over !== null && migrationStatus(over) === 'completed') return
    throw new FerryError('qemu.refused', 'QEMU did not take the guest that it was given.', {
      status: over === null ? 'no answer' : migrationStatus(over),
    })
  }

  close(): void {
    this.#socket.destroy()
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
