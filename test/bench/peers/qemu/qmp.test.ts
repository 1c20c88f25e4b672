import { createServer, type Socket } from 'node:net'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FrameReader, withLength } from '../../../../engine/qemu/frames.ts'
import { qemuArguments } from './process.ts'
import { migrationStatus, parseQmp, pauseToRun, type QmpEvent } from '../../../../engine/qemu/qmp-messages.ts'
import { Qmp } from '../../../../engine/qemu/qmp.ts'

const stop = '{"timestamp": {"seconds": 1700000000, "microseconds": 250500}, "event": "STOP"}'
const event = (name: string, stampMs: number, atMs: number, data = {}): QmpEvent => ({
  ...{ kind: 'event', name, data, stampMs, atMs },
})

describe('messages of QMP', () => {
  it('reads greeting, event, answer and error', () => {
    expect(parseQmp('{"QMP": {"version": {}, "capabilities": []}}', 1)).toEqual({ kind: 'greeting' })
    expect(parseQmp(stop, 5)).toEqual(event('STOP', 1_700_000_000_250.5, 5))
    expect(parseQmp('{"return": {"status": "paused"}}', 1)).toEqual({ kind: 'return', value: { status: 'paused' } })
    expect(parseQmp('{"error": {"class": "GenericError", "desc": "no"}}', 1)).toMatchObject({ message: 'no' })
  })

  it.each(['', 'null', '[]', '{"event": 1}', '{"timestamp": {}, "event": "STOP"}', '{'])('refuses %j', (line) => {
    expect(() => parseQmp(line, 0)).toThrow(expect.objectContaining({ code: 'qemu.protocol' }))
  })

  it('tells the state of a migration from other events', () => {
    expect(migrationStatus(event('MIGRATION', 0, 0, { status: 'active' }))).toBe('active')
    expect(migrationStatus(event('MIGRATION', 0, 0, { status: 4 }))).toBeNull()
    expect(migrationStatus(event('STOP', 0, 0, { status: 'active' }))).toBeNull()
  })

  it('counts the smaller of the possible times from pause to run', () => {
    expect(pauseToRun(event('STOP', 1000, 10), event('RESUME', 1006, 19))).toBe(6)
    expect(pauseToRun(event('STOP', 1000, 10), event('RESUME', 1030, 19))).toBe(9)
    // The wall clock was set back in between.
    expect(pauseToRun(event('STOP', 1000, 10), event('RESUME', 500, 19))).toBe(9)
    expect(pauseToRun(event('STOP', 1000, 19), event('RESUME', 500, 10))).toBeNull()
  })
})

describe('the client of a control socket', () => {
  const open: { close(): void }[] = []
  afterEach(() => {
    for (const each of open.splice(0)) each.close()
  })

  /** A client, and the other end. */
  async function pair(): Promise<{ qmp: Qmp; other: Socket }> {
    const server = createServer()
    open.push(server)
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('not listening')
    const qmp = new Qmp(connect(address.port, '127.0.0.1'))
    open.push(qmp)
    return { qmp, other: await accepted }
  }

  it('gives each command its own answer, and keeps the events in between', async () => {
    const { qmp, other } = await pair()
    const [first, second] = [qmp.command('a'), qmp.command('b')]
    other.write(`{"return": 1}\n${stop}\n{"error": {"class": "X", "desc": "not now"}}\n`)
    expect(await first).toBe(1)
    await expect(second).rejects.toMatchObject({ code: 'qemu.command', message: 'b: not now' })
    expect(await qmp.event(({ name }) => name === 'STOP', 0)).toMatchObject({ name: 'STOP' })
    expect(await qmp.event(({ name }) => name === 'RESUME', 1)).toBeNull()
  })

  it('ends whatever waits when QEMU ends', async () => {
    const { qmp, other } = await pair()
    const waiting = [qmp.command('a'), qmp.event(() => false, 60_000)]
    other.destroy()
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'qemu.ended' })
    await expect(qmp.command('b')).rejects.toMatchObject({ code: 'qemu.ended' })
  })
})

describe('frames of the card', () => {
  it('come out as they went in, however the stream is cut', () => {
    const sent = [Buffer.from('first'), Buffer.alloc(1514, 7), Buffer.from('x')]
    const stream = Buffer.concat(sent.map(withLength))
    for (const size of [1, 3, 1000, stream.length]) {
      const reader = new FrameReader()
      const got: Buffer[] = []
      for (let at = 0; at < stream.length; at += size) got.push(...reader.feed(stream.subarray(at, at + size)))
      expect(got.map((frame) => frame.toString('hex'))).toEqual(sent.map((frame) => frame.toString('hex')))
    }
  })

  it('are refused at a length that no frame has', () => {
    expect(() => new FrameReader().feed(Buffer.from('7fffffff00', 'hex'))).toThrow(
      expect.objectContaining({ code: 'qemu.frame' }),
    )
  })
})

describe('the command line of QEMU', () => {
  const options = { folder: '/f', ramMb: 64, mac: 'm', netdev: 'socket,id=n0', onSerial: () => undefined }
  const sockets = { qmp: '/q', serial: '/s' }

  it('is the same machine on both sides, but for how the guest comes in', () => {
    const source = qemuArguments({ ...options, incoming: { file: '/state' } }, sockets)
    const target = qemuArguments({ ...options, incoming: 'defer', paused: true }, sockets)
    expect(source.slice(0, source.indexOf('-incoming'))).toEqual(target.slice(0, target.indexOf('-incoming')))
    expect(target.slice(-3)).toEqual(['-incoming', 'defer', '-S'])
  })
})
