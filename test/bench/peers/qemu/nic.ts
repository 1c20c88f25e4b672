/**
 * The guest's network card in QEMU, on a switch of ours: `-netdev socket` sends each frame over a TCP connection with
 * its length in front (net/socket.c of QEMU: 32 bits, big-endian). So the same client station looks at all peers.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Port, Switch } from '../../../../engine/network/switch.ts'
import { FerryError } from '../../../../engine/util/errors.ts'

const LENGTH_BYTES = 4
/** QEMU's own limit is 68 kB (NET_BUFSIZE); an Ethernet frame needs less. */
const MAX_FRAME_BYTES = 69 * 1024

/** Takes frames out of a stream; throws FerryError `qemu.frame` on a length that no frame has. */
export class FrameReader {
  #open: Buffer = Buffer.alloc(0)

  feed(bytes: Buffer): Buffer[] {
    this.#open = this.#open.length === 0 ? bytes : Buffer.concat([this.#open, bytes])
    const frames: Buffer[] = []
    while (this.#open.length >= LENGTH_BYTES) {
      const length = this.#open.readUInt32BE(0)
      if (length > MAX_FRAME_BYTES)
        throw new FerryError('qemu.frame', 'QEMU sent a frame that is too long.', { length })
      if (this.#open.length < LENGTH_BYTES + length) break
      frames.push(this.#open.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
      this.#open = this.#open.subarray(LENGTH_BYTES + length)
    }
    return frames
  }
}

/** A frame as it travels. */
export function withLength(frame: Uint8Array): Buffer {
  const out = Buffer.alloc(LENGTH_BYTES + frame.length)
  out.writeUInt32BE(frame.length, 0)
  out.set(frame, LENGTH_BYTES)
  return out
}

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
