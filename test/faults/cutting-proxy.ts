/**
 * A TCP proxy between source and target that counts frames (all connections and both directions together) and cuts the
 * connections after frame number k, or swallows everything from there on. It reads only the length field of the headers.
 */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export type ProxyAction = 'cut' | 'reset' | 'swallow' | 'half'

export interface ProxyOptions {
  /** Which connections it acts on: all, or the one of that number, in the order in which they were opened. */
  readonly which?: 'all' | number
  /** Connections that are opened afterwards work again. */
  readonly recovers?: boolean
}

interface Link {
  readonly source: Socket
  readonly target: Socket
  /** Nothing passes any more. */
  dead: boolean
}

export class CuttingProxy {
  /** Frames seen so far, keep-alives not counted. */
  frames = 0
  /** Types of the frames that passed, in order, as numbers; negative: target → source. */
  readonly types: number[] = []
  acted = false
  /** Connections that were open when it acted, and were acted on. */
  cut = 0
  readonly #server: Server
  readonly #links: Link[] = []
  readonly #after: number | ((type: number) => boolean)
  readonly #action: ProxyAction
  readonly #options: ProxyOptions

  private constructor(
    server: Server,
    after: number | ((type: number) => boolean),
    action: ProxyAction,
    options: ProxyOptions,
  ) {
    this.#server = server
    this.#after = after
    this.#action = action
    this.#options = options
  }

  /** @param after act when that many frames have passed (Infinity: only count), or after the first such type */
  static async start(
    targetPort: number,
    after: number | ((type: number) => boolean),
    action: ProxyAction,
    options: ProxyOptions = {},
  ): Promise<CuttingProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new CuttingProxy(server, after, action, options)
    server.on('connection', (source) => {
      const target = connect(targetPort, '127.0.0.1')
      const link = { source, target, dead: proxy.acted && options.recovers !== true }
      proxy.#links.push(link)
      for (const socket of [source, target]) {
        socket.setNoDelay(true)
        socket.on('error', () => undefined)
      }
      source.on('data', proxy.#pump(link, target, 1))
      target.on('data', proxy.#pump(link, source, -1))
      source.on('close', () => target.destroy())
      target.on('close', () => source.destroy())
      if (after === 0 && !proxy.acted) proxy.#act()
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const { source, target } of this.#links) {
      source.destroy()
      target.destroy()
    }
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #pump(link: Link, to: Socket, sign: 1 | -1): (chunk: Buffer) => void {
    let pending: Buffer = Buffer.alloc(0)
    return (chunk) => {
      if (link.dead) return
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      while (pending.length >= 24) {
        const size = 24 + pending.readUInt32LE(12)
        if (pending.length < size) break
        const type = pending[5] ?? 0
        to.write(pending.subarray(0, size))
        pending = pending.subarray(size)
        if (type === 20) continue
        this.types.push(type * sign)
        this.frames++
        if (this.acted) continue
        const now = typeof this.#after === 'number' ? this.frames === this.#after : this.#after(type * sign)
        if (now) {
          if (this.#action === 'half' && pending.length > 0) to.write(pending.subarray(0, pending.length >> 1))
          // What was written shall arrive, nothing after it.
          this.acted = true
          const links = this.#chosen()
          for (const one of links) one.dead = true
          setImmediate(() => this.#end(links))
          if (link.dead) return
        }
      }
    }
  }

  #chosen(): Link[] {
    const { which = 'all' } = this.#options
    return this.#links.filter(({ dead }, i) => !dead && (which === 'all' || which === i))
  }

  #act(): void {
    this.acted = true
    const links = this.#chosen()
    for (const link of links) link.dead = true
    this.#end(links)
  }

  #end(links: readonly Link[]): void {
    this.cut = links.length
    for (const { source, target } of links) {
      for (const socket of [source, target]) {
        if (this.#action === 'cut' || this.#action === 'half') socket.end(() => socket.destroy())
        else if (this.#action === 'reset') socket.resetAndDestroy()
      }
    }
  }
}
