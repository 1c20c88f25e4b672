/**
 * What has come on a connection, for whoever is to have it: kept until it is asked for, with deadlines, or handed over in
 * the step in which it comes.
 */
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import { deadlineError } from '../interrupt.ts'
import type { Interrupt } from '../interrupt.ts'
import type { MessageName } from './frame.ts'
import type { Message } from './messages.ts'
import type { Received } from './reader.ts'

/** Received and not yet consumed, in bytes, before no more is read. */
const LIMIT_BYTES = 8 << 20
/** A watch that looks so often within the longest silence notices it soon enough. */
const LOOKS = 4

/** The connection, as far as it matters here. */
export interface Line {
  readonly interrupt: Interrupt
  /** Longest silence of a peer that somebody waits for, ms. */
  readonly idleMs: number
  /** When something came last, `nowMs()`. */
  lastReceivedMs(): number
  /** Nothing will come any more. */
  isOver(): boolean
  /** Whether more is to be read. */
  read(more: boolean): void
}

export class Inbox {
  readonly #line: Line
  readonly #queue: Received[] = []
  #queueBytes = 0
  #paused = false
  #waiting: (() => void) | null = null
  #attendant: ((received: Received) => void) | null = null

  constructor(line: Line) {
    this.#line = line
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  put(received: Received): void {
    if (this.#attendant !== null) {
      this.#attendant(received)
      return
    }
    this.#queue.push(received)
    this.#queueBytes += received.bytes
    if (this.#queueBytes > LIMIT_BYTES) this.#read(false)
    this.wake()
  }

  /** Whoever waits looks whether there is something, or something has ended. */
  wake(): void {
    this.#waiting?.()
  }

  /** See `Connection.receive`. */
  async receive<N extends MessageName>(types: readonly N[], ms: number, what: string): Promise<Message<N>> {
    this.#line.interrupt.check()
    // Not checked again below: an answer that came just before the peer hung up is an answer.
    const received = this.#shift() ?? (await this.#next(ms, what))
    return expected(received.message, types)
  }

  /** See `Connection.attend`. */
  attend<N extends MessageName>(
    types: readonly N[],
    what: string,
    take: (message: Message<N>) => void,
  ): Promise<never> {
    const { interrupt, idleMs } = this.#line
    return new Promise<never>((_, reject) => {
      let off = (): void => undefined
      const end = (error: FerryError): void => {
        clearInterval(watch)
        off()
        this.#attendant = null
        reject(error)
      }
      const watch = setInterval(() => {
        if (this.#line.isOver()) end(interrupt.error ?? closedError())
        else if (nowMs() - this.#line.lastReceivedMs() > idleMs) end(idleError(what, idleMs))
      }, idleMs / LOOKS)
      this.#attendant = ({ message }) => {
        try {
          take(expected(message, types))
        } catch (thrown) {
          end(FerryError.from(thrown))
        }
      }
      off = interrupt.onFail(end)
      // What came before; an error among it ends that, too.
      for (let next = this.#forAttendant(); next !== undefined; next = this.#forAttendant()) this.put(next)
      if (this.#line.isOver()) end(interrupt.error ?? closedError())
    })
  }

  #forAttendant(): Received | undefined {
    return this.#attendant === null ? undefined : this.#shift()
  }

  #shift(): Received | undefined {
    const received = this.#queue.shift()
    if (received === undefined) return undefined
    this.#queueBytes -= received.bytes
    if (this.#paused && this.#queueBytes < LIMIT_BYTES / 2) this.#read(true)
    return received
  }

  #read(more: boolean): void {
    this.#paused = !more
    this.#line.read(more)
  }

  #next(ms: number, what: string): Promise<Received> {
    const { interrupt, idleMs } = this.#line
    return new Promise<Received>((resolve, reject) => {
      const startMs = nowMs()
      let timer: NodeJS.Timeout | null = null
      const finish = (): void => {
        if (timer !== null) clearTimeout(timer)
        this.#waiting = null
        off()
      }
      let off = (): void => undefined
      const look = (): void => {
        const received = this.#shift()
        if (received !== undefined) {
          finish()
          resolve(received)
        } else if (this.#line.isOver()) {
          finish()
          reject(interrupt.error ?? closedError())
        } else {
          if (timer !== null) clearTimeout(timer)
          const now = nowMs()
          const idleLeft = Math.max(this.#line.lastReceivedMs(), startMs) + idleMs - now
          const left = startMs + ms - now
          if (left <= 0 || idleLeft <= 0) {
            finish()
            // Where both are over, the connection's silence is the reason.
            reject(idleLeft <= 0 ? idleError(what, idleMs) : deadlineError(what, ms))
            return
          }
          timer = setTimeout(look, Math.min(left, idleLeft) + 1)
        }
      }
      off = interrupt.onFail((error) => {
        if (timer !== null) clearTimeout(timer)
        this.#waiting = null
        reject(error)
      })
      if (interrupt.error !== null) return
      this.#waiting = look
      look()
    })
  }
}

/** @throws FerryError `protocol.unexpected` */
function expected<N extends MessageName>(message: Message, types: readonly N[]): Message<N> {
  if ((types as readonly string[]).includes(message.type)) return message as Message<N>
  throw new FerryError('protocol.unexpected', `The peer sent ${message.type} in place of ${types.join(' or ')}.`, {
    type: message.type,
    expected: types.join(','),
  })
}

export const closedError = (): FerryError => new FerryError('connection.closed', 'The peer closed the connection.')

function idleError(what: string, idleMs: number): FerryError {
  const data = { what, deadline_ms: idleMs }
  return new FerryError('connection.idle', `Nothing came from the peer for ${idleMs} ms.`, data)
}
