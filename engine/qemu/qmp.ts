/** A client of QEMU's control socket: commands one after the other, and the events that come in between. */
import type { Socket } from 'node:net'
import * as v from 'valibot'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { parseQmp, type QmpEvent } from './qmp-messages.ts'

/** No command that is given here takes long: one that is not answered by then will not be. */
const COMMAND_DEADLINE_MS = 15_000
/** Longer than any answer to what is asked here: what is longer is no protocol. */
const MAX_LINE_CHARACTERS = 4 * 2 ** 20
/** Events that are kept for whoever asks later. */
const KEPT_EVENTS = 1000

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: FerryError) => void
}

export class Qmp {
  /**
   * No command has a deadline: while memory of the guest is missing, QEMU does not answer as long as its vCPU waits for a
   * page in the middle of something that commands wait for, too.
   */
  patient = false
  readonly #socket: Socket
  readonly #answers: Waiter[] = []
  readonly #watchers = new Set<() => void>()
  #events: QmpEvent[] = []
  /** Events that were told before those that are kept. */
  #dropped = 0
  #ended: FerryError | null = null
  #line = ''

  /** @param socket the connection with QEMU's monitor; the client owns it from now on */
  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#data(text))
    socket.on('error', () => this.#end('QEMU closed its control socket.'))
    socket.on('close', () => this.#end('QEMU closed its control socket: its process has ended.'))
  }

  /** The events so far, but for the oldest where they are many. */
  get events(): readonly QmpEvent[] {
    return this.#events
  }

  /** Position behind the last event: `event` looks from there on. */
  get position(): number {
    return this.#dropped + this.#events.length
  }

  /** Forgets the events so far. */
  forget(): void {
    this.#dropped += this.#events.length
    this.#events = []
  }

  /**
   * Gives a command. One that is not answered in time ends the client: what came later could not be told apart.
   * @throws FerryError `qemu.command` (refused), `qemu.ended`, `qemu.protocol`
   */
  async command(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    deadlineMs = COMMAND_DEADLINE_MS,
  ): Promise<unknown> {
    if (this.#ended !== null) throw this.#ended
    const answer = new Promise<unknown>((resolve, reject) => this.#answers.push({ resolve, reject }))
    this.#socket.write(`${JSON.stringify({ execute: name, arguments: args })}\n`)
    const late = () => {
      if (this.patient) timer = setTimeout(late, deadlineMs)
      else this.#end(`QEMU did not answer ${name} within ${deadlineMs / 1000} s.`)
    }
    let timer = setTimeout(late, deadlineMs)
    try {
      return await answer
    } catch (thrown) {
      const error = FerryError.from(thrown)
      throw new FerryError(error.code, `${name}: ${error.message}`, { command: name, ...error.data }, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Gives a command whose answer has this form. @throws FerryError as `command`, and `qemu.protocol` for another form */
  async ask<T>(
    name: string,
    schema: v.GenericSchema<unknown, T>,
    args?: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    const parsed = v.safeParse(schema, await this.command(name, args))
    if (parsed.success) return parsed.output
    const message = `QEMU's answer to ${name} is of another form: ${parsed.issues[0].message}`
    throw new FerryError('qemu.protocol', message, { command: name })
  }

  /**
   * The first event that fits, come already or to come; null when none came in time.
   * @param from a `position`: earlier events do not count
   * @throws FerryError `qemu.ended`
   */
  async event(fits: (event: QmpEvent) => boolean, timeoutMs: number, from = 0): Promise<QmpEvent | null> {
    const until = nowMs() + timeoutMs
    for (;;) {
      const found = this.#events.find((event, i) => this.#dropped + i >= from && fits(event))
      if (found !== undefined) return found
      if (this.#ended !== null) throw this.#ended
      const left = until - nowMs()
      if (left <= 0) return null
      await this.#change(left)
    }
  }

  /** Ends the connection; who waits is told. */
  close(): void {
    this.#end('The control socket was closed.')
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
      if (message.kind === 'event') this.#keep(message)
      else if (message.kind === 'return') this.#answers.shift()?.resolve(message.value)
      else if (message.kind === 'error') {
        this.#answers.shift()?.reject(new FerryError('qemu.command', message.message, { class: message.class }))
      }
    } catch (thrown) {
      this.#end(FerryError.from(thrown).message)
    }
  }

  #keep(event: QmpEvent): void {
    this.#events.push(event)
    if (this.#events.length <= 2 * KEPT_EVENTS) return
    this.#dropped += this.#events.length - KEPT_EVENTS
    this.#events = this.#events.slice(-KEPT_EVENTS)
  }

  #end(why: string): void {
    this.#ended ??= new FerryError('qemu.ended', why)
    this.#socket.destroy()
    for (const { reject } of this.#answers.splice(0)) reject(this.#ended)
    for (const told of [...this.#watchers]) told()
  }
}
