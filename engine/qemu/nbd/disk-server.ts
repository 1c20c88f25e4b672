/** A guest's disk for a QEMU: a local socket of its own, on which it is served for as long as the process runs. */
import { join } from 'node:path'
import { FerryError } from '../../util/errors.ts'
import { listen } from '../listening.ts'
import { NbdSession } from './session.ts'

export interface DiskServer {
  /** The disk as `-drive` takes it. */
  readonly drive: string
  readonly close: () => void
}

/**
 * @param disk its bytes, which machines of other kinds may share
 * @param folder for the socket; nobody else can get there
 */
export async function serveDisk(disk: SharedArrayBuffer, folder: string): Promise<DiskServer> {
  const path = join(folder, 'disk')
  const { connected, close } = await listen(path)
  void connected.then((socket) => {
    const session = new NbdSession(new Uint8Array(disk), (bytes) => socket.write(bytes))
    socket.on('data', (bytes: Buffer) => {
      try {
        session.feed(bytes)
        if (session.over) socket.end()
      } catch (thrown) {
        socket.destroy(FerryError.from(thrown))
      }
    })
    socket.on('error', () => socket.destroy())
  })
  // QEMU answers a guest whose disk is gone with errors; nothing is written later, in some other order.
  return { drive: `file=nbd:unix:${path},format=raw,cache=none,werror=report,rerror=report`, close }
}
