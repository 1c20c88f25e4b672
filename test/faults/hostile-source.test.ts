/** A source that speaks the protocol's frames and breaks its rules: refused with a typed error, nothing left behind. */
import { connect } from 'node:net'
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { PagesEncoding } from '../../engine/migration/protocol/binary.ts'
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
/** Pages of one byte each, from the first on, of which something else travels. */
function encoded(bytes: Uint8Array, changes: Partial<PagesEncoding> = {}, pages = [1, 2]): Message {
  const data = new Uint8Array(0)
  const batch = { block: 0 as const, pages: Uint32Array.from(pages), zeroPages: new Uint32Array(0), data }
  const crc = crc32(new Uint8Array(2 * 4096).fill(7))
  const encoding = { deltas: false, compression: null, crc, bytes: Uint8Array.from(bytes), ...changes }
  return { type: 'PAGES', body: { batch, hold: false, encoding } }
}
const sevens = new Uint8Array(2 * 4096).fill(7)
const [deflated, packed] = [deflateRawSync(sevens), zstdCompressSync(sevens)]
const offering = [
  { ...request, body: { ...request.body, savings: ['zero', 'delta', 'zstd', 'deflate', 'magic'] } },
  config,
  begin,
]
const [deflate, zstd, delta] = [{ compression: 'deflate' }, { compression: 'zstd' }, { deltas: true }] as const
/** Two deltas that change nothing. */
const unchanged = Uint8Array.of(0, 0, 0, 0)
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
  ['compressed pages, where it was not agreed on', [...opening, encoded(packed, zstd)], 'protocol.savings'],
  ['pages of zeros by their numbers, where they were to travel in full', [{ ...request, body: { ...request.body, savings: ['zstd'] } }, config, begin, zeros(0, 0, 1)], 'protocol.savings'],
  ['deltas, where they were not agreed on', [...opening, ...everything, encoded(unchanged, delta)], 'protocol.savings'],
  ['pages that are not compressed as they say', [...offering, encoded(deflated, zstd)], 'protocol.compressed'],
  ['compressed pages that are cut off', [...offering, encoded(packed.subarray(0, 9), zstd)], 'protocol.compressed'],
  ['a zstd frame that would be 64 MiB', [...offering, encoded(zstdCompressSync(new Uint8Array(64 << 20)), zstd)], 'protocol.compressed'],
  ['a deflated stream that would be 4 MiB', [...offering, encoded(deflateRawSync(new Uint8Array(4 << 20), { level: 9 }), deflate)], 'protocol.compressed'],
  ['fewer bytes than pages', [...offering, encoded(zstdCompressSync(sevens.subarray(1)), zstd)], 'protocol.compressed'],
  ['compressed pages of another CRC', [...offering, encoded(packed, { ...zstd, crc: 5 })], 'protocol.page-crc'],
  ['compressed pages outside of their block', [...offering, encoded(packed, zstd, [1, 2048])], 'protocol.page-range'],
  ['a delta to a page that never came', [...offering, encoded(unchanged, delta)], 'protocol.delta-base'],
  ['a delta to a page outside of its block', [...offering, ...everything, encoded(unchanged, delta, [1, 2048])], 'protocol.delta-base'],
  ['a delta to another version', [...offering, ...everything, encoded(unchanged, delta)], 'protocol.page-crc'],
  ['deltas without their lengths', [...offering, ...everything, encoded(Uint8Array.of(0, 0, 0), delta)], 'protocol.delta'],
  ['deltas that are longer than the frame', [...offering, ...everything, encoded(Uint8Array.of(0, 0, 9, 0, 1), delta)], 'protocol.delta'],
  ['a delta that goes beyond its page', [...offering, ...everything, encoded(Uint8Array.of(0, 0, 7, 0, 0xff, 7, 2, 1, 2, 3, 4), delta)], 'protocol.delta'],
  ['an encoding of no pages', [...offering, encoded(Uint8Array.of(1), delta, [])], 'protocol.invalid-message'],
  ['an encoding that is no shorter', [...offering, encoded(sevens, zstd)], 'protocol.invalid-message'],
  ['more savings than there are', [{ ...request, body: { ...request.body, savings: Array.from({ length: 17 }, () => 'zstd') } }], 'protocol.invalid-message'],
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
