/** Connecting to a target host. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { FerryError } from '../../util/errors.ts'
import type { Interrupt } from '../interrupt.ts'

export interface Peer {
  /** For messages. */
  readonly name: string
  readonly address: string
  readonly port: number
}

/**
 * A connected socket.
 * @param ms deadline
 * @throws FerryError `connection.failed`, `deadline.connection`, or the interruption's reason
 */
export async function dial({ name, address, port }: Peer, interrupt: Interrupt, ms: number): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true })
  const connecting = new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => {
      const message = `${name} (${address}:${port}) could not be reached: ${error.message}.`
      reject(new FerryError('connection.failed', message, { address, port }, error))
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      resolve()
    })
  })
  try {
    await interrupt.within(connecting, ms, 'connection')
  } catch (thrown) {
    socket.on('error', () => undefined)
    socket.destroy()
    throw thrown
  }
  return socket
}
