/** A source that speaks the protocol's frames and breaks its rules: refused with a typed error, nothing left behind. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { Message } from '../../engine/migration/protocol/messages.ts'
import { MIB } from '../migration/fake-machine.ts'
import { stubHypervisor, stubTranslator, zeroState } from '../migration/stub-translator.ts'
import { World } from '../migration/world.ts'

let world: World
let socket: Socket
let sequence = 0

beforeEach(async () => {
  world = await World.start()
  world.guest()
  socket = connect(world.server.port, '127.0.0.1')
  sequence = 0
  socket.on('error', () => undefined).on('data', () => undefined)
})
afterEach(async () => {
  socket.destroy()
  await world.stop()
})

const blocks = [
  { id: 0 as const, name: 'ram' as const, bytes: 8 * MIB },
  { id: 1 as const, name: 'vgaPlanes' as const, bytes: 64 << 10 },
]
const TOTAL = 2048 + 16
const { bytes: state } = stubTranslator.toCommon(stubHypervisor, zeroState())

const request: Message<'MIG_REQ'> = {
  type: 'MIG_REQ',
  body: {
    session: 's',
    source: { name: 'xen', kind: 'xen' },
    guest: { id: 'guest-1', name: 'g', ramBytes: 8 * MIB, blocks, devices: [], cpuFeatures: [] },
    formatVersion: 1,
    algorithms: ['pre-copy'],
    verify: 'none',
    clock: 'continue',
    link: 'unlimited',
  },
}
const machine = { ramBytes: 8 * MIB, vgaBytes: 256 << 10, mac: '02:00:00:00:00:01', apic: false, disk: null }
const config: Message = { type: 'MIG_CFG', body: { algorithm: 'pre-copy', machine, extras: {} } }
const begin: Message = { type: 'MEM_BEG', body: { pagesTotal: TOTAL } }
const opening = [request, config, begin]

function zeros(block: 0 | 1, first: number, count: number, hold = false): Message {
  const zeroPages = Uint32Array.from({ length: count }, (_, i) => first + i)
  const batch = { block, pages: new Uint32Array(0), zeroPages, data: new Uint8Array(0) }
  return { type: 'PAGES', body: { batch, hold } }
}
const everything = [zeros(0, 0, 1024), zeros(0, 1024, 1024), zeros(1, 0, 16)]
const cpu = (pagesSent: number, stateBytes = state.length): Message => {
  return { type: 'CPU_BEG', body: { stateBytes, pagesSent, bytes: new Uint8Array(0) } }
}
const devices: Message = { type: 'DEV_BEG', body: { bytes: state } }
const commit: Message = { type: 'COMMIT', body: {} }
const end = (round: number, pages: number): Message => ({ type: 'ROUND_END', body: { round, pages } })

const STORIES: readonly (readonly [string, readonly Message[], string])[] = [
  ['another message first', [commit], 'protocol.unexpected'],
  ['no configuration', [request, begin], 'protocol.unexpected'],
  ['the request twice', [request, request], 'protocol.unexpected'],
  ['a page outside of its block', [...opening, zeros(1, 10, 7)], 'protocol.page-range'],
  ['a block that the guest has not', [...opening, { type: 'PAGES', body: { batch: { block: 4, pages: new Uint32Array(0), zeroPages: Uint32Array.from([0]), data: new Uint8Array(0) }, hold: false } }], 'protocol.page-range'],
  ['pages missing', [...opening, zeros(0, 0, 1024), cpu(1024), devices], 'protocol.incomplete'],
  ['pages not counted', [...opening, ...everything, cpu(7), devices], 'protocol.page-count'],
  ['another total', [request, config, { type: 'MEM_BEG', body: { pagesTotal: 1 } }], 'protocol.page-count'],
  ['a round of another size', [...opening, ...everything, end(0, 5)], 'protocol.round'],
  ['a round out of turn', [...opening, ...everything, end(3, TOTAL)], 'protocol.round'],
  ['pages after held pages', [...opening, zeros(0, 0, 9, true), zeros(0, 9, 1)], 'protocol.held-pages'],
  ['too many held pages', [...opening, ...Array.from({ length: 5 }, () => zeros(0, 0, 1024, true))], 'protocol.held-pages'],
  ['a state that is too short', [...opening, ...everything, cpu(TOTAL, state.length + 1), devices], 'protocol.state-size'],
  ['a state that is none', [...opening, ...everything, cpu(TOTAL, 3), { type: 'DEV_BEG', body: { bytes: new Uint8Array(3) } }], 'vmstate.size'],
  ['a rehearsal that is none', [...opening, { type: 'REHEARSAL', body: { number: 0, bytes: new Uint8Array(9) } }], 'vmstate.size'],
  ['COMMIT without the lease', [...opening, ...everything, cpu(TOTAL), devices, commit], 'lease.not-held'],
  ['a link that is none', [{ ...request, body: { ...request.body, link: 'fast' } }], 'link.syntax'],
  ['a configuration of another size', [request, { type: 'MIG_CFG', body: { algorithm: 'pre-copy', extras: {}, machine: { ...machine, ramBytes: 16 * MIB } } }], 'refused.configuration'],
  ['an algorithm that was not agreed on', [request, { type: 'MIG_CFG', body: { algorithm: 'magic', extras: {}, machine } }], 'refused.configuration'],
] // prettier-ignore

test.each(STORIES)('%s', async (_, story, code) => {
  for (const message of story) {
    for (const chunk of encodeMessage(message, 0, sequence)) socket.write(chunk)
    sequence++
  }
  await world.targetEnded()
  expect(world.targetResults[0]?.error?.code).toBe(code)
  expect(world.targetResults[0]?.outcome).not.toBe('running')
  expect(world.reservedBytes).toBe(0)
  expect(world.targetMachines.get('guest-1')?.closed ?? true).toBe(true)
  expect(world.arbiters.get('guest-1')?.running.size).toBe(0)
  expect(world.leases.get('guest-1')?.holder()).toBe('xen')
})
