/** A local socket of ours that QEMU connects to, once. */
import { createServer, type Socket } from 'node:net'

export interface Listening {
  readonly path: string
  readonly connected: Promise<Socket>
  /** Ends it, and the connection. */
  readonly close: () => void
}

/**
 * Listens for one connection at a path, and for none after it.
 * @param pauseOnConnect nothing of it is read before it is asked for
 */
export async function listen(path: string, pauseOnConnect = false): Promise<Listening> {
  const server = createServer({ pauseOnConnect })
  const connected = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      server.close()
      resolve(socket)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return {
    path,
    connected,
    close: () => {
      server.close()
      void connected.then((socket) => socket.destroy())
    },
  }
}
