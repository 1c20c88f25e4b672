/**
 * The listening side of a host: a TCP server that makes a target session of each connection. It listens on loopback
 * unless told otherwise; whom it accepts is part of the host's offer (`hostsAllow`), and a peer that is not accepted
 * is told so by REQ_FAIL.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { FerryError } from '../util/errors.ts'
import { withOneBuffer } from '../util/one-buffer.ts'
import { Channels } from './pull/channels.ts'
import { TargetSession } from './target.ts'
import type { TargetOptions, TargetResult } from './target-options.ts'

/** Ports of the real ones: `xend-relocation-port`, and the first of libvirt's migration ports. */
export const DEFAULT_PORT = { xen: 8002, kvm: 49152, qemu: 4444 } as const

export interface ServerOptions extends Omit<TargetOptions, 'busy' | 'recorder'> {
  /** First port to try; 0: any. */
  readonly port: number
  /** How many ports are tried, upwards. Default 1; libvirt has 64. */
  readonly ports?: number | undefined
  /** Default `127.0.0.1`. */
  readonly address?: string | undefined
  /** Most guests that may come at the same time. Default 4. */
  readonly maxConcurrent?: number | undefined
  /** Called when a session has ended, whatever its outcome. */
  readonly onFinished?: ((result: TargetResult) => void) | undefined
}

/** Connections beyond those in use are accepted to be told so; beyond this many they are cut. */
const MAX_EXTRA_CONNECTIONS = 8

export class MigrationServer {
  readonly #server: Server
  readonly #options: ServerOptions
  readonly #sessions = new Set<TargetSession>()
  readonly #channels = new Channels()
  #admitted = 0

  private constructor(server: Server, options: ServerOptions) {
    this.#server = server
    this.#options = options
    server.on('connection', (socket) => {
      this.#accept(socket)
    })
  }

  /**
   * Starts listening.
   * @throws FerryError `server.port` when no port is free, `server.listen` for other reasons
   */
  static async listen(options: ServerOptions): Promise<MigrationServer> {
    const address = options.address ?? '127.0.0.1'
    const tries = Math.max(1, options.ports ?? 1)
    for (let i = 0; i < tries; i++) {
      const server = createServer({ noDelay: true, pauseOnConnect: true })
      try {
        await listening(server, options.port === 0 ? 0 : options.port + i, address)
        return new MigrationServer(server, options)
      } catch (thrown) {
        const code = (thrown as NodeJS.ErrnoException).code
        if (code === 'EADDRINUSE') continue
        throw new FerryError('server.listen', `Cannot listen on ${address}:${options.port}: ${String(thrown)}.`, {
          address,
          port: options.port,
        })
      }
    }
    const last = options.port + tries - 1
    const range = tries === 1 ? `Port ${options.port} is` : `Ports ${options.port}–${last} are`
    throw new FerryError('server.port', `${range} in use.`, { address, port: options.port })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }
  get address(): string {
    return (this.#server.address() as AddressInfo).address
  }
  /** Migrations coming in now. */
  get sessions(): readonly TargetSession[] {
    return [...this.#sessions]
  }

  /** Stops listening and gives up what is coming in; resolves when all sessions have ended. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve()
      })
    })
    const reason = new FerryError('target.closing', 'The target host stops listening.')
    for (const session of this.#sessions) session.cancel(reason)
    await Promise.all([...this.#sessions].map((session) => session.finished))
    await closed
  }

  #accept(socket: Socket): void {
    const limit = this.#options.maxConcurrent ?? 4
    if (this.#sessions.size >= limit + MAX_EXTRA_CONNECTIONS) {
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    let admitted = false
    const session = new TargetSession(withOneBuffer(socket), {
      ...this.#options,
      channels: this.#channels,
      busy: () => {
        if (this.#admitted >= limit) {
          return new FerryError('refused.busy', `The target takes at most ${limit} guests at the same time; try later.`)
        }
        admitted = true
        this.#admitted++
        return null
      },
    })
    this.#sessions.add(session)
    void session.finished.then((result) => {
      this.#sessions.delete(session)
      if (admitted) this.#admitted--
      if (result.outcome !== 'joined') this.#options.onFinished?.(result)
    })
  }
}

function listening(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
