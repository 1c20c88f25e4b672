/**
 * Reads a connection into one buffer, over and over. Node makes a new buffer of 64 KB for each piece that comes; a guest's
 * memory is thousands of them, and V8 looks for garbage in the very milliseconds in which the guest stands still.
 */
import { Socket } from 'node:net'

const BUFFER_BYTES = 256 * 1024

/**
 * Node reads into a buffer of ours (`onread`) only what it has been told so when the socket was made, and makes those of a
 * server itself; so another socket takes over what is below. Where Node does not give that away, the socket serves as it is.
 * @param socket accepted with `pauseOnConnect`: nothing of it has been read. Not to be used any more
 * @returns the socket to use; what its event `data` gives is valid during the event only
 */
export function withOneBuffer(socket: Socket): Socket {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return socket
  const callback = (length: number, buffer: Uint8Array): boolean => reader.emit('data', buffer.subarray(0, length))
  // Node's types know of no handle that a server made.
  const below: Readonly<Record<string, unknown>> = { handle }
  const reader: Socket = new Socket({
    ...below,
    readable: true,
    writable: true,
    onread: { buffer: new Uint8Array(BUFFER_BYTES), callback },
  })
  Reflect.set(socket, '_handle', null)
  socket.once('close', () => reader.destroy())
  // Its server counts it as open until then.
  reader.once('close', () => socket.destroy())
  return reader
}

/**
 * @param socket accepted with `pauseOnConnect`: nothing of it has been read
 * @param take gets bytes that are valid during the call only; what it throws ends the connection
 * @returns resolves when the other side has ended, rejects with what `take` threw or what broke the connection
 */
export function readThrough(socket: Socket, take: (bytes: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = withOneBuffer(socket)
    reader.on('data', (bytes: Uint8Array) => {
      try {
        take(bytes)
      } catch (thrown) {
        reader.destroy()
        reject(thrown instanceof Error ? thrown : new Error(String(thrown)))
      }
    })
    reader.on('error', reject)
    reader.on('end', () => {
      reader.end()
      resolve()
    })
    reader.on('close', () => resolve())
    reader.resume()
  })
}
