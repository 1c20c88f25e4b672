/** A source that breaks the rules of pulling: refused with a typed error; where nothing had switched over, nothing is left. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MessageName } from '../../engine/migration/protocol/frame.ts'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { Message } from '../../engine/migration/protocol/messages.ts'
import { FrameReader } from '../../engine/migration/protocol/reader.ts'
import { MIB } from '../migration/fake-machine.ts'
import { stubHypervisor, stubTranslator, zeroState } from '../migration/stub-translator.ts'
import { SHORT, World } from '../migration/world.ts'

/** One connection of the hostile source. */
class Peer {
  readonly received: Message[] = []
  readonly #socket: Socket
  #sequence = 0
  #wake: () => void = () => undefined

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    const reader = new FrameReader(({ message }) => {
      if (message.type !== 'KEEPALIVE') this.received.push(message)
      this.#wake()
    })
    this.#socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        reader.push(chunk)
      })
  }

  send(...messages: readonly Message[]): void {
    for (const message of messages) {
      for (const chunk of encodeMessage(message, 0, this.#sequence)) this.#socket.write(chunk)
      this.#sequence++
    }
  }

  /** The first message of that type; waits for it. */
  async next<N extends MessageName>(type: N): Promise<Message<N>> {
    for (;;) {
      const found = this.received.find((message) => message.type === type)
      if (found !== undefined) return found as Message<N>
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  end(): void {
    this.#socket.destroy()
  }
}

const RAM = 2048
const blocks = [
  { id: 0 as const, name: 'ram' as const, bytes: 8 * MIB },
  { id: 1 as const, name: 'vgaPlanes' as const, bytes: 64 << 10 },
]
const { bytes: state } = stubTranslator.toCommon(stubHypervisor, zeroState())
const machine = { ramBytes: 8 * MIB, vgaBytes: 256 << 10, mac: '02:00:00:00:00:01', apic: false, disk: null }
const request: Message<'MIG_REQ'> = {
  type: 'MIG_REQ',
  body: {
    session: 's',
    source: { name: 'xen', kind: 'xen' },
    guest: { id: 'guest-1', name: 'g', ramBytes: 8 * MIB, blocks, devices: [], cpuFeatures: [] },
    formatVersion: 1,
    algorithms: ['pull-copy'],
    verify: 'ram',
    clock: 'continue',
    link: 'unlimited',
  },
}
const config: Message = { type: 'MIG_CFG', body: { algorithm: 'pull-copy', machine, extras: {} } }
const begin: Message = { type: 'MEM_BEG', body: { pagesTotal: RAM + 16 } }
const ending = (pagesSent: number): readonly Message[] => [
  { type: 'CPU_BEG', body: { stateBytes: state.length, pagesSent, bytes: new Uint8Array(0) } },
  { type: 'DEV_BEG', body: { bytes: state } },
]

function zeros(block: 0 | 1, first: number, count: number, hold = false): Message {
  const zeroPages = Uint32Array.from({ length: count }, (_, i) => first + i)
  return {
    type: 'PAGES',
    body: { batch: { block, pages: new Uint32Array(0), zeroPages, data: new Uint8Array(0) }, hold },
  }
}
/** All pages of RAM are missing, but for the first `there`. */
function missing(there: number, count = RAM): Message {
  const bitmap = new Uint8Array(Math.ceil(count / 8))
  for (let page = there; page < count; page++) bitmap[page >> 3] |= 1 << (page & 7)
  return { type: 'MISSING', body: { block: 0, count, bitmap } }
}
const end = (pages: number): Message => ({ type: 'PULL_END', body: { pages } })
const digests = (first: number, count: number): Message => {
  return { type: 'VERIFY', body: { block: 0, last: true, first, digests: new BigUint64Array(count) } }
}
const devices = zeros(1, 0, 16)

let world: World
let main: Peer
let peers: Peer[]

beforeEach(async () => {
  // Shorter than the silence after which a connection counts as cut.
  world = await World.start({ server: { deadlines: { ...SHORT, progressMs: 500 } } })
  world.guest()
  peers = []
  main = dial()
})
afterEach(async () => {
  for (const peer of peers) peer.end()
  await world.stop()
})

function dial(): Peer {
  const peer = new Peer(world.server.port)
  peers.push(peer)
  return peer
}

/** As far as the reservation. */
async function agree(): Promise<string> {
  main.send(request, config)
  return (await main.next('CFG_OK')).body.channel ?? ''
}

async function join(channel: string, session = 's', purpose: 'pages' | 'recovery' = 'pages'): Promise<Peer> {
  const peer = dial()
  peer.send({ type: 'CHANNEL', body: { session, channel, purpose } })
  await peer.next('CHANNEL_OK')
  return peer
}

/** As far as RUNNING: the guest runs with all pages missing but the first. */
async function switchOver(): Promise<Peer> {
  const pages = await join(await agree())
  main.send(begin, devices, zeros(0, 0, 1), missing(1), ...ending(17))
  await main.next('READY')
  expect(world.leases.get('guest-1')?.transfer('xen', 'kvm')).toBe(true)
  main.send({ type: 'COMMIT', body: {} })
  await main.next('RUNNING')
  return pages
}

const STORIES: readonly (readonly [string, readonly Message[], string])[] = [
  ['MISSING of another size', [begin, devices, missing(0, RAM - 8)], 'protocol.unexpected'],
  ['MISSING twice', [begin, devices, missing(0), missing(0)], 'protocol.unexpected'],
  ['nothing said of what is missing', [begin, devices, ...ending(16)], 'protocol.incomplete'],
  ['pages counted that never came', [begin, zeros(1, 0, 15), missing(0), ...ending(16)], 'protocol.incomplete'],
  ['a page that is neither there nor missing', [begin, devices, missing(1), ...ending(16)], 'protocol.incomplete'],
  ['the end of pulling before its beginning', [begin, end(0)], 'protocol.unexpected'],
] // prettier-ignore

describe('before the switch-over', () => {
  test.each(STORIES)('%s', async (_, story, code) => {
    await join(await agree())
    main.send(...story)
    await expectDiscarded(code)
  })

  test('MISSING where nothing is pulled', async () => {
    main.send(
      { ...request, body: { ...request.body, algorithms: ['pre-copy'] } },
      { type: 'MIG_CFG', body: { algorithm: 'pre-copy', machine, extras: {} } },
      begin,
      missing(0),
    )
    await expectDiscarded('protocol.unexpected')
  })

  test('no connection for missing pages', async () => {
    await agree()
    await expectDiscarded('deadline.channel')
  })

  test.each([
    ['another token', 's', '0'.repeat(32)],
    ['a session that nobody knows', 'other', null],
  ])('a connection with %s is refused, and the migration waits for its own', async (_, session, token) => {
    const right = await agree()
    const stranger = dial()
    stranger.send({ type: 'CHANNEL', body: { session, channel: token ?? right, purpose: 'pages' } })
    expect((await stranger.next('ABORT')).body.code).toBe('refused.channel')
    expect(stranger.received).toHaveLength(1)
    await join(right)
    main.send(begin, devices, missing(0), ...ending(16))
    await main.next('READY')
  })

  async function expectDiscarded(code: string): Promise<void> {
    await world.targetEnded()
    expect(world.targetResults[0]).toMatchObject({ outcome: 'discarded', error: { code } })
    expect(world.reservedBytes).toBe(0)
    expect(world.arbiters.get('guest-1')?.running.size).toBe(0)
    expect(world.leases.get('guest-1')?.holder()).toBe('xen')
  }
})

describe('after the switch-over', () => {
  test.each<readonly [string, readonly Message[], string]>([
    ['a page that was not missing', [zeros(0, 0, 1)], 'protocol.page-range'],
    ['a page twice', [zeros(0, 5, 1), zeros(0, 5, 1)], 'protocol.page-range'],
    ['a page outside of RAM', [zeros(0, RAM, 1)], 'protocol.page-range'],
    ['a page of the video memory', [zeros(1, 3, 1)], 'protocol.page-range'],
    ['pages that are to be held back', [zeros(0, 1, 1, true)], 'protocol.page-range'],
    ['the end too early', [zeros(0, 1, 1000), end(1000)], 'protocol.page-count'],
    ['the end too early, with a wrong count', [zeros(0, 1, 1000), end(RAM - 1)], 'deadline.last-pages'],
    ['something of another part', [begin], 'protocol.unexpected'],
  ])('%s: the guest stands still, and the source is told', async (_, story, code) => {
    await switchOver()
    main.send(...story)
    await expectGivenUp(code)
    expect([...(world.arbiters.get('guest-1')?.running ?? [])]).toEqual([])
  })

  test('a page that was not missing, on the connection for those that were asked for', async () => {
    const pages = await switchOver()
    pages.send(zeros(0, 0, 1))
    await expectGivenUp('protocol.page-range')
  })

  test('digests that do not cover the memory: the guest has everything, and goes on', async () => {
    await switchOver()
    main.send(zeros(0, 1, 1024), zeros(0, 1025, 1023), end(RAM - 1), digests(0, 5))
    await expectGivenUp('protocol.verify')
    expect([...(world.arbiters.get('guest-1')?.running ?? [])]).toEqual(['kvm:guest-1'])
  })

  test('a stranger cannot take the place of a source that was cut off; the source can', async () => {
    const pages = await switchOver()
    const token = (await main.next('CFG_OK')).body.channel ?? ''
    main.send(zeros(0, 1, 1024))
    main.end()
    pages.end()
    const stranger = dial()
    stranger.send({ type: 'CHANNEL', body: { session: 's', channel: 'f'.repeat(32), purpose: 'recovery' } })
    expect((await stranger.next('ABORT')).body.code).toBe('refused.channel')
    const again = await join(token, 's', 'recovery')
    const { body } = await again.next('MISSING')
    expect(body.bitmap.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)).toBe(1023)
    await join(token)
    again.send(zeros(0, 1025, 1023), end(RAM - 1), digests(0, RAM))
    await again.next('VERIFY_RESULT')
    await again.next('PULL_DONE')
    again.send({ type: 'ACK', body: { of: 'pull', number: 0 } })
    again.end()
    await expect.poll(() => world.targetResults.find(({ session }) => session === 's')?.error).toBeNull()
    expect([...(world.arbiters.get('guest-1')?.running ?? [])]).toEqual(['kvm:guest-1'])
  })

  async function expectGivenUp(code: string): Promise<void> {
    expect((await main.next('ABORT')).body.code).toBe(code)
    await world.targetEnded()
    expect(world.targetResults[0]).toMatchObject({ outcome: 'running', error: { code } })
    expect(world.leases.get('guest-1')?.holder()).toBe('kvm')
  }
})
