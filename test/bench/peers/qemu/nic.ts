/**
 * The guest's network card in QEMU, on a switch of ours: `-netdev socket` sends each frame over a TCP connection with
 * its length in front (net/socket.c of QEMU: 32 bits, big-endian). So the same client station looks at all peers.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Port, Switch } from '../../../../engine/network/switch.ts'
import { FrameReader, withLength } from '../../../../engine/qemu/frames.ts'
import { FerryError } from '../../../../engine/util/errors.ts'

export class QemuNic {
  readonly #server: Server
  readonly #port: Port
  #socket: Socket | null = null

  private constructor(server: Server, network: Switch, name: string) {
    this.#server = server
    this.#port = network.attach(name, (frame) => this.#socket?.write(withLength(frame)))
    server.on('connection', (socket) => this.#connected(socket))
  }

  /** @param name of its port on the switch */
  static async listen(network: Switch, name: string): Promise<QemuNic> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new QemuNic(server, network, name)
  }

  /** Value of `-netdev`, for a card that names the network `n0`. */
  get netdev(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new FerryError('qemu.nic', 'The card is closed.')
    return `socket,id=n0,connect=127.0.0.1:${address.port}`
  }

  close(): void {
    this.#port.detach()
    this.#socket?.destroy()
    this.#server.close()
  }

  #connected(socket: Socket): void {
    this.#socket?.destroy()
    this.#socket = socket
    const frames = new FrameReader()
    socket.on('data', (bytes) => {
      try {
        for (const frame of frames.feed(bytes)) this.#port.send(frame)
      } catch {
        // A stream that has lost its frames cannot be read on; the guest is without a network, which its row shows.
        socket.destroy()
      }
    })
    // Reset when its process ends, which is told elsewhere.
    socket.on('error', () => socket.destroy())
  }
}
