/** A client of QEMU's control socket: commands one after the other, and the events that come in between. */
import type { Socket } from 'node:net'
import { nowMs } from '../../../../engine/util/clock.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import { parseQmp, type QmpEvent } from './qmp-messages.ts'

const COMMAND_DEADLINE_MS = 30_000
/** Longer than any answer to what is asked here: what is longer is no protocol. */
const MAX_LINE_CHARACTERS = 4 * 2 ** 20

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: FerryError) => void
}

export class Qmp {
  readonly events: QmpEvent[] = []
  readonly #socket: Socket
  readonly #answers: Waiter[] = []
  readonly #watchers = new Set<() => void>()
  #ended: FerryError | null = null
  #line = ''

  /** @param socket connected to QEMU's `-qmp` socket; the client owns it from now on */
  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#data(text))
    socket.on('error', () => this.#end('QEMU closed its control socket.'))
    socket.on('close', () => this.#end('QEMU closed its control socket: its process has ended.'))
  }

  /** @throws FerryError `qemu.command` (refused, or no answer), `qemu.ended`, `qemu.protocol` */
  async command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#ended !== null) throw this.#ended
    const answer = new Promise<unknown>((resolve, reject) => this.#answers.push({ resolve, reject }))
    this.#socket.write(`${JSON.stringify({ execute: name, arguments: args })}\n`)
    const timer = setTimeout(
      () => this.#end(`QEMU did not answer ${name} within ${COMMAND_DEADLINE_MS / 1000} s.`),
      COMMAND_DEADLINE_MS,
    )
    try {
      return await answer
    } catch (thrown) {
      const error = FerryError.from(thrown)
      throw new FerryError(error.code, `${name}: ${error.message}`, { command: name, ...error.data }, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** The first event that fits, come already or to come; null when none came in time. @throws FerryError `qemu.ended` */
  async event(fits: (event: QmpEvent) => boolean, timeoutMs: number): Promise<QmpEvent | null> {
    const until = nowMs() + timeoutMs
    for (;;) {
      const found = this.events.find(fits)
      if (found !== undefined) return found
      if (this.#ended !== null) throw this.#ended
      const left = until - nowMs()
      if (left <= 0) return null
      await this.#change(left)
    }
  }

  close(): void {
    this.#end('The control socket was closed.')
    this.#socket.destroy()
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#watchers.delete(done)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#watchers.add(done)
    })
  }

  #data(text: string): void {
    const atMs = nowMs()
    this.#line += text
    const lines = this.#line.split('\n')
    this.#line = lines.pop() ?? ''
    if (this.#line.length > MAX_LINE_CHARACTERS) return this.#end('QEMU sent a line without end.')
    for (const line of lines) this.#take(line, atMs)
    for (const told of [...this.#watchers]) told()
  }

  #take(line: string, atMs: number): void {
    try {
      const message = parseQmp(line, atMs)
      if (message.kind === 'event') this.events.push(message)
      else if (message.kind === 'return') this.#answers.shift()?.resolve(message.value)
      else if (message.kind === 'error') {
        this.#answers.shift()?.reject(new FerryError('qemu.command', message.message, { class: message.class }))
      }
    } catch (thrown) {
      this.#end(FerryError.from(thrown).message)
    }
  }

  #end(why: string): void {
    this.#ended ??= new FerryError('qemu.ended', why)
    for (const { reject } of this.#answers.splice(0)) reject(this.#ended)
    for (const told of [...this.#watchers]) told()
  }
}
