/**
 * A TCP proxy between source and target that counts frames (both directions together) and cuts the connection after
 * frame number k, or swallows everything from there on. It reads only the length field of the headers.
 */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export type ProxyAction = 'cut' | 'reset' | 'swallow' | 'half'

export class CuttingProxy {
  /** Frames seen so far, keep-alives not counted. */
  frames = 0
  /** Types of the frames that passed, in order, as numbers; negative: target → source. */
  readonly types: number[] = []
  acted = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #after: number | ((type: number) => boolean)
  readonly #action: ProxyAction

  private constructor(server: Server, after: number | ((type: number) => boolean), action: ProxyAction) {
    this.#server = server
    this.#after = after
    this.#action = action
  }

  /** @param after act when that many frames have passed (Infinity: only count), or after the first such type */
  static async start(
    targetPort: number,
    after: number | ((type: number) => boolean),
    action: ProxyAction,
  ): Promise<CuttingProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new CuttingProxy(server, after, action)
    server.on('connection', (source) => {
      const target = connect(targetPort, '127.0.0.1')
      for (const socket of [source, target]) {
        proxy.#sockets.add(socket)
        socket.setNoDelay(true)
        socket.on('error', () => undefined)
      }
      source.on('data', proxy.#pump(target, 1))
      target.on('data', proxy.#pump(source, -1))
      source.on('close', () => target.destroy())
      target.on('close', () => source.destroy())
      if (after === 0) proxy.#act()
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #pump(to: Socket, sign: 1 | -1): (chunk: Buffer) => void {
    let pending: Buffer = Buffer.alloc(0)
    return (chunk) => {
      if (this.acted) return
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
        const now = typeof this.#after === 'number' ? this.frames === this.#after : this.#after(type * sign)
        if (now) {
          if (this.#action === 'half' && pending.length > 0) to.write(pending.subarray(0, pending.length >> 1))
          // What was written shall arrive, nothing after it.
          setImmediate(() => this.#act())
          this.acted = true
          return
        }
      }
    }
  }

  #act(): void {
    this.acted = true
    for (const socket of this.#sockets) {
      if (this.#action === 'cut' || this.#action === 'half') socket.end(() => socket.destroy())
      else if (this.#action === 'reset') socket.resetAndDestroy()
    }
  }
}
