import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { withOneBuffer } from '../../engine/util/one-buffer.ts'

test('all bytes arrive in order, answers leave, and the server ends when the connection has', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const received: Buffer[] = []
  const done = new Promise<void>((resolve) => {
    server.once('connection', (accepted) => {
      const socket = withOneBuffer(accepted)
      expect(socket).not.toBe(accepted)
      socket.on('data', (bytes: Uint8Array) => received.push(Buffer.from(bytes)))
      socket.on('end', () => socket.end('heard'))
      socket.on('close', () => resolve())
    })
  })
  const client = connect(port, '127.0.0.1')
  const bytes = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >>> 11)) & 0xff))
  client.end(bytes)
  const answer: Buffer[] = []
  client.on('data', (chunk) => answer.push(chunk))
  await Promise.all([done, once(client, 'close')])
  expect(Buffer.concat(received).equals(bytes)).toBe(true)
  expect(Buffer.concat(answer).toString()).toBe('heard')
  server.close()
  await once(server, 'close')
})

test('a paused socket takes nothing until it is told to go on', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const accepted = await new Promise<Socket>((resolve) => server.once('connection', resolve))
  const socket = withOneBuffer(accepted)
  let length = 0
  socket.on('data', (bytes: Uint8Array) => {
    length += bytes.length
    socket.pause()
  })
  client.write(new Uint8Array(1 << 20))
  while (length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const first = length
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  expect(length).toBe(first)
  socket.on('data', () => socket.resume())
  socket.resume()
  while (length < 1 << 20) await new Promise((resolve) => setTimeout(resolve, 1))
  client.destroy()
  await once(socket, 'close')
  server.close()
  await once(server, 'close')
})
