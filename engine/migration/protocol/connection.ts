/**
 * A migration connection: messages over one TCP socket. Sending waits for room (back pressure of the socket and of
 * the emulated link), receiving has deadlines, and every failure is typed and interrupts the whole session.
 */
import type { Socket } from 'node:net'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import type { Interrupt } from '../interrupt.ts'
import { directionOf } from '../link.ts'
import type { LinkSpec } from '../link.ts'
import { Shaper } from '../shaper.ts'
import type { MessageName, Stage } from './frame.ts'
import { keptHead } from './heads.ts'
import { Inbox, closedError } from './inbox.ts'
import { encodeMessage } from './messages.ts'
import type { Message } from './messages.ts'
import { FrameReader } from './reader.ts'
import type { Received } from './reader.ts'
import type { Recorder, WireDirection } from './recorder.ts'
import { SentBuffers } from './spare-buffers.ts'

/** Buffers for sending that are kept: what is read ahead, and what is on its way out meanwhile. */
const PLACES = 8

/** One message, as the inspector shows it. */
export interface MessageEvent {
  readonly direction: 'sent' | 'received'
  readonly type: MessageName
  readonly stage: Stage
  /** Bytes of the frame, header included. */
  readonly bytes: number
  /** `nowMs()` when it was handed over for sending, or complete. */
  readonly atMs: number
  /** Copy of the frame's first bytes (`keptHead`). */
  readonly head: Uint8Array<ArrayBuffer>
}

export interface ConnectionOptions {
  readonly side: 'source' | 'target'
  readonly link: LinkSpec
  readonly idleMs: number
  readonly keepaliveMs: number
  /** Seed of the link's jitter. */
  readonly seed?: number | undefined
  readonly recorder?: Recorder | undefined
  readonly onMessage?: ((event: MessageEvent) => void) | undefined
}

export class Connection {
  readonly interrupt: Interrupt
  readonly #socket: Socket
  readonly #shaper: Shaper
  readonly #options: ConnectionOptions
  readonly #inbox: Inbox
  readonly #keepalive: NodeJS.Timeout
  readonly #reader: FrameReader
  readonly #places = new SentBuffers(PLACES)
  #sequence = 0
  #stage: Stage = 0
  #bytesSent = 0
  #bytesReceived = 0
  #lastReceivedMs = nowMs()
  #lastSentMs = nowMs()
  #onLink: ((text: string) => void) | null = null
  #peerEnded = false
  #closed = false

  /** Takes over a connected socket. */
  constructor(socket: Socket, interrupt: Interrupt, options: ConnectionOptions) {
    this.#socket = socket
    this.interrupt = interrupt
    this.#options = options
    this.#shaper = new Shaper(socket, directionOf(options.link, options.side), options.seed)
    this.#inbox = new Inbox({
      interrupt,
      idleMs: options.idleMs,
      lastReceivedMs: () => this.#lastReceivedMs,
      isOver: () => this.#peerEnded || socket.destroyed,
      read: (more) => (more ? socket.resume() : socket.pause()),
    })
    socket.setNoDelay(true)
    this.#reader = new FrameReader((received) => {
      this.#take(received)
    })
    socket.on('data', (chunk: Uint8Array) => {
      this.#lastReceivedMs = nowMs()
      this.#bytesReceived += chunk.length
      // Its bytes may be good during the event only (`util/one-buffer.ts`).
      if (options.recorder !== undefined) {
        this.#record(options.side === 'source' ? 'target-to-source' : 'source-to-target', [new Uint8Array(chunk)])
      }
      this.#guard(() => {
        this.#reader.push(chunk)
      })
    })
    socket.on('end', () => {
      this.#guard(() => {
        this.#reader.end()
      })
      this.#hungUp()
    })
    socket.on('error', (error) => {
      this.#fail(new FerryError('connection.error', `The connection broke: ${error.message}.`, {}, error))
    })
    socket.on('close', () => {
      this.#shaper.close()
      clearInterval(this.#keepalive)
      this.#hungUp()
    })
    this.#keepalive = setInterval(
      () => {
        if (nowMs() - this.#lastSentMs >= options.keepaliveMs && this.#shaper.queuedBytes === 0) {
          this.post([{ type: 'KEEPALIVE', body: {} }])
        }
      },
      Math.max(10, options.keepaliveMs / 2),
    )
    this.#keepalive.unref()
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }
  /** Bytes handed over for sending so far. */
  get bytesSent(): number {
    return this.#bytesSent
  }
  get bytesReceived(): number {
    return this.#bytesReceived
  }
  /** Of the bytes sent, how many are not here any more. */
  get #bytesLeft(): number {
    return this.#bytesSent - this.#shaper.queuedBytes - this.#socket.writableLength
  }
  /** The stage that the next messages carry; it never goes back. */
  get stage(): Stage {
    return this.#stage
  }
  set stage(stage: Stage) {
    if (stage > this.#stage) this.#stage = stage
  }

  setLink(link: LinkSpec): void {
    this.#shaper.setDirection(directionOf(link, this.#options.side))
  }

  /** Bytes went over the same link by another connection: what is sent here next leaves so much later. */
  charge(bytes: number): void {
    this.#shaper.charge(bytes)
  }

  /** Sends at once, in one write, without waiting for room: for the few messages of the switch-over. */
  post(messages: readonly Message[]): void {
    if (this.#closed || this.#socket.destroyed) return
    const atMs = nowMs()
    const frames = messages.map((message) => {
      const frame = encodeMessage(message, this.#stage, this.#sequence)
      this.#sequence = (this.#sequence + 1) >>> 0
      const bytes = frame.reduce((sum, chunk) => sum + chunk.length, 0)
      this.#bytesSent += bytes
      return { type: message.type, frame, bytes }
    })
    const chunks = frames.flatMap(({ frame }) => frame)
    this.#lastSentMs = atMs
    this.#shaper.write(chunks)
    // On its way before anything is told of it: the other side may be waiting for it.
    this.#record(this.#options.side === 'source' ? 'source-to-target' : 'target-to-source', chunks)
    const stage = this.#stage
    for (const { type, frame, bytes } of frames) {
      this.#options.onMessage?.({ direction: 'sent', type, stage, bytes, atMs, head: keptHead(frame) })
    }
  }

  /**
   * Waits until at most `bytes` of what was sent are still here.
   * @throws FerryError the interruption's reason, `deadline.send`
   */
  async queueBelow(bytes: number, ms: number): Promise<void> {
    const waiting = async () => {
      while (this.#shaper.queuedBytes + this.#socket.writableLength > bytes && !this.#socket.destroyed) {
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    if (this.#shaper.queuedBytes + this.#socket.writableLength > bytes)
      await this.interrupt.within(waiting(), ms, 'send')
  }

  /**
   * Sends and waits until there is room for more.
   * @param ms how long that may take
   * @throws FerryError the interruption's reason, `connection.closed`, `deadline.send`
   */
  async send(message: Message, ms: number): Promise<void> {
    this.interrupt.check()
    if (this.#socket.destroyed) throw closedError()
    this.post([message])
    if (this.#shaper.full) await this.interrupt.within(this.#shaper.drained(), ms, 'send')
    const recorder = this.#options.recorder
    if (recorder !== undefined) await recorder.ready()
  }

  /**
   * The next message, which must be one of `types`.
   * @param ms deadline for the message; silence longer than `idleMs` ends the wait earlier
   * @param what names the wait in `deadline.<what>`
   * @throws FerryError the interruption's reason, `connection.closed`, `connection.idle`, `deadline.<what>`,
   *   `protocol.unexpected`
   */
  receive<N extends MessageName>(types: readonly N[], ms: number, what: string): Promise<Message<N>> {
    return this.#inbox.receive(types, ms, what)
  }

  /**
   * From now on every message is handed over in the step in which it comes: somebody waits for what follows from it.
   * @param types what may come
   * @param what names the wait in errors
   * @returns never resolves. Rejects, and hands nothing over any more, with the interruption's reason, `connection.closed`,
   *   `connection.idle`, `protocol.unexpected`, or what `take` throws
   */
  attend<N extends MessageName>(
    types: readonly N[],
    what: string,
    take: (message: Message<N>) => void,
  ): Promise<never> {
    return this.#inbox.attend(types, what, take)
  }

  /** A buffer to put in what is to be sent: `placed` is told when it was. */
  place(bytes: number): Uint8Array<ArrayBuffer> {
    return this.#places.take(bytes, this.#bytesLeft)
  }

  /** @param data what was sent last, which may be in the place or not */
  placed(place: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): void {
    // A recorder has what was sent still.
    if (this.#options.recorder !== undefined) return
    if (data.length > 0 && data.buffer === place.buffer) this.#places.sent(place, this.#bytesSent)
    else this.#places.unused(place)
  }

  /** What these bytes of a received message lie in is needed no more: a later message may come in it. */
  recycle(bytes: Uint8Array<ArrayBuffer>): void {
    this.#reader.recycle(bytes)
  }

  /** Sends what is queued and ends the connection; destroys it after `graceMs`. Never throws. */
  async close(graceMs: number): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#keepalive)
    this.#socket.resume()
    if (!this.#socket.destroyed) {
      this.#shaper.end()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs)
        this.#socket.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    this.destroy()
  }

  /** Resolves when the peer has ended its side, or after `ms`. */
  async peerEnd(ms: number): Promise<void> {
    if (this.#peerEnded) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#socket.once('end', done)
      this.#socket.once('close', done)
    })
  }

  /** Breaks the connection as a network that fails would: both sides find out, and what they do is up to them. */
  cut(): void {
    // This side knows at once: nothing is decided any more as if it still had a connection.
    this.#fail(new FerryError('connection.cut', 'The link was cut.'))
    this.#socket.destroy()
  }

  /** Ends the connection at once; nobody here waits for it any more. */
  destroy(): void {
    this.#closed = true
    clearInterval(this.#keepalive)
    this.#shaper.close()
    this.#socket.destroy()
  }

  #take(received: Received): void {
    const atMs = nowMs()
    this.#hand(received)
    // Handed over before anything is told of it: the guest may be waiting for what it brings.
    const { message, stage, bytes, head } = received
    this.#options.onMessage?.({ direction: 'received', type: message.type, stage, bytes, atMs, head })
  }

  #hand(received: Received): void {
    const { message } = received
    if (message.type === 'KEEPALIVE') return
    if (message.type === 'LINK' && this.#options.side === 'target') {
      this.#onLink?.(message.body.link)
      return
    }
    if (message.type === 'ABORT') {
      const { code, message: text } = message.body
      const peer = this.#options.side === 'source' ? 'target' : 'source'
      this.#fail(new FerryError('peer.aborted', `The ${peer} gave up: ${text}`, { reason: code, peer }))
      return
    }
    this.#inbox.put(received)
  }

  /** What to do with LINK: on the target only. */
  onLink(listener: (text: string) => void): void {
    this.#onLink = listener
  }

  /** The peer will send nothing more. What it sent before is still to be consumed; else the session ends here. */
  #hungUp(): void {
    this.#peerEnded = true
    if (this.#inbox.isEmpty) this.#fail(closedError())
    this.#inbox.wake()
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (thrown) {
      this.#fail(FerryError.from(thrown))
    }
  }

  #record(direction: WireDirection, chunks: readonly Uint8Array[]): void {
    this.#options.recorder?.record(direction, chunks, nowMs())
  }

  #fail(error: FerryError): void {
    if (this.#closed) return
    this.interrupt.fail(error)
  }
}
