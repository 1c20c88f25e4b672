/**
 * The control socket of a running lab: its methods for other programs of the same user, such as `ferry guests`.
 *
 * One JSON object a line, both ways: `{"id": 1, "method": "guests.list", "input": {}}` is answered with
 * `{"id": 1, "result": …}` or `{"id": 1, "error": {"code", "message", "data"}}`, in the order in which the answers are
 * ready. Inputs are checked by the contract's schemas. A line that is too long, or no request, ends the connection.
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { FerryError } from '../util/errors.ts'
import { newEntry } from './control-address.ts'
import { runtimeDirectory } from './places.ts'
import { type Answer, MAX_REQUEST_BYTES, Requests, requestTooLong } from './requests.ts'
import type { LabService } from './service.ts'

const MAX_CONNECTIONS = 16
/** Answers that a peer has not read: more, and it is let go. */
const MAX_UNREAD_BYTES = 64 << 20
/** At the end of the lab, answers that are on their way get so long. */
const LAST_ANSWERS_MS = 500

export interface ControlServer {
  readonly address: string
  /** Ends all connections and removes the entry. */
  close(): Promise<void>
}

/** @throws FerryError `control.folder`, `control.path`, `control.listen` */
export async function serveControl(service: LabService, directory = runtimeDirectory()): Promise<ControlServer> {
  const { address, file } = await newEntry(directory)
  const connections = new Map<Socket, Connection>()
  const server = createServer((socket) => {
    connections.set(socket, serve(service, socket))
    socket.on('close', () => connections.delete(socket))
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new FerryError('control.listen', `Nothing can listen at ${address}: ${cause.message}.`, { address }, cause),
      )
    })
    server.listen(address, resolve)
  })
  if (address === file) await chmod(file, 0o600)
  return {
    address,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const connection of connections.values()) connection.end()
      // Who destroys the last guest wants to hear that it is done; who does not read is not waited for.
      const impatience = setTimeout(() => {
        for (const socket of connections.keys()) socket.destroy()
      }, LAST_ANSWERS_MS)
      await closed
      clearTimeout(impatience)
      await rm(file, { force: true })
    },
  }
}

interface Connection {
  /** Takes no further request; closes when what is under way was answered. */
  end(): void
}

function serve(service: LabService, socket: Socket): Connection {
  let rest: Buffer[] = []
  let restBytes = 0
  const answer = (message: Answer): void => {
    if (socket.destroyed) return
    socket.write(`${JSON.stringify(message)}\n`)
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy()
  }
  const requests = new Requests(service, answer)
  const refuseAndEnd = (error: FerryError): void => {
    answer({ id: null, error: error.toJSON() })
    socket.removeListener('data', onData)
    socket.destroySoon()
  }

  const onLine = (line: string): void => {
    try {
      requests.take(line)
    } catch (thrown) {
      refuseAndEnd(FerryError.from(thrown))
    }
  }

  const onData = (chunk: Buffer): void => {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, end)])
      rest = []
      restBytes = 0
      from = end + 1
      if (line.length > MAX_REQUEST_BYTES) return refuseAndEnd(requestTooLong())
      if (line.length > 0) onLine(line.toString('utf8'))
      if (!socket.writable) return
    }
    const tail = chunk.subarray(from)
    restBytes += tail.length
    if (restBytes > MAX_REQUEST_BYTES) return refuseAndEnd(requestTooLong())
    if (tail.length > 0) rest.push(tail)
  }
  socket.on('data', onData)
  // The peer went away; it will not read an answer.
  socket.on('error', () => socket.destroy())
  return {
    end() {
      socket.removeListener('data', onData)
      requests.whenAnswered(() => socket.destroySoon())
    },
  }
}
