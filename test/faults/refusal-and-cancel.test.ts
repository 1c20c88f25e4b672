/** Refusals with their reasons, cancels in every stage, deadlines, a target that closes. */
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { sleep } from '../../engine/util/clock.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { parseLink } from '../../engine/migration/link.ts'
import type { SourceOptions } from '../../engine/migration/source-options.ts'
import type { MessageName } from '../../engine/migration/protocol/frame.ts'
import { MIB } from '../migration/fake-machine.ts'
import { SHORT, World } from '../migration/world.ts'
import type { HostSetup } from '../migration/world.ts'
import { expectOneGuest } from './faults.ts'

const REFUSALS: readonly (readonly [string, HostSetup, Partial<SourceOptions>])[] = [
  ['refused.peer-not-allowed', { offer: { hostsAllow: ['^other-host$'] } }, {}],
  ['refused.format-version', { offer: { formatVersions: [7] } }, {}],
  ['refused.no-common-algorithm', { offer: { algorithms: ['stop-and-copy'] } }, { algorithms: ['pre-copy'] }],
  ['refused.guest-exists', { offer: { guestIds: ['guest-1'] } }, {}],
  ['refused.ram-limit', { offer: { guestRamLimitBytes: 4 * MIB } }, {}],
  ['refused.out-of-memory', { offer: { freeMemoryBytes: 4 * MIB } }, {}],
  ['refused.unknown-device', { offer: { devices: ['i8259'] } }, {}],
  ['refused.cpu-features', { offer: { cpuFeatures: ['fpu'] } }, {}],
  ['refused.busy', { server: { maxConcurrent: 0 } }, {}],
  [
    'refused.host.out-of-memory',
    { reserve: () => Promise.reject(new FerryError('host.out-of-memory', 'The host has no memory left.')) },
    {},
  ],
  ['refused.deadline.reservation', { reserve: () => sleep(1200) }, {}],
]

test.each(REFUSALS)('%s', async (code, setup, extra) => {
  const world = await World.start(setup)
  try {
    const machine = world.guest()
    await machine.resume()
    const result = await world.migrate(machine, extra).finished
    await world.targetEnded()
    await sleep(code.includes('reservation') ? 600 : 0)
    await expectOneGuest(world, machine, result)
    expect(result.error?.code).toBe(code)
    expect(world.targetResults[0]?.outcome).toBe('refused')
  } finally {
    await world.stop()
  }
})

describe('cancel', () => {
  const MOMENTS: readonly MessageName[] = [
    'MIG_REQ', 'REQ_OK', 'MIG_CFG', 'CFG_OK', 'MEM_BEG', 'PAGES', 'ROUND_END', 'ACK', 'REHEARSAL', 'CPU_BEG', 'DEV_BEG',
    'READY', 'VERIFY', 'VERIFY_RESULT',
  ] // prettier-ignore

  test.each(MOMENTS)('at %s takes effect within a second; the guest goes on', async (moment) => {
    const world = await World.start()
    try {
      const machine = world.guest()
      await machine.resume()
      let cancelledAt = 0
      const migration = world.migrate(machine, {
        verify: 'ram',
        onMessage: (event) => {
          if (event.type !== moment || cancelledAt !== 0) return
          cancelledAt = performance.now()
          expect(migration.cancel()).toBe(true)
        },
      })
      const result = await migration.finished
      expect(performance.now() - cancelledAt).toBeLessThan(1000)
      await expectOneGuest(world, machine, result)
      expect(result.outcome).toBe('cancelled')
      expect(result.error?.code).toBe('migration.cancelled')
    } finally {
      await world.stop()
    }
  })

  test.each(['COMMIT', 'RUNNING'] as const)('at %s is too late', async (moment) => {
    const world = await World.start()
    try {
      const machine = world.guest()
      await machine.resume()
      const migration = world.migrate(machine, {
        onMessage: (event) => {
          if (event.type === moment) expect(migration.cancel()).toBe(false)
        },
      })
      const result = await migration.finished
      await expectOneGuest(world, machine, result)
      expect(result.outcome).toBe('completed')
    } finally {
      await world.stop()
    }
  })

  test('on a slow link, with data queued, takes effect within a second', async () => {
    const world = await World.start()
    try {
      const machine = world.guest()
      await machine.resume()
      const migration = world.migrate(machine, { link: parseLink('ADSL') })
      await sleep(400)
      const start = performance.now()
      migration.cancel()
      const result = await migration.finished
      expect(performance.now() - start).toBeLessThan(1000)
      await expectOneGuest(world, machine, result)
    } finally {
      await world.stop()
    }
  })
})

test('nobody listens: typed, and the guest was never stopped', async () => {
  const world = await World.start()
  try {
    const machine = world.guest()
    await machine.resume()
    const options = world.options(machine)
    const result = await world.migrate(machine, { target: { ...options.target, port: 1 } }).finished
    await expectOneGuest(world, machine, result, false)
    expect(result.error?.code).toBe('connection.failed')
  } finally {
    await world.stop()
  }
})

test('a target host that closes gives up what is coming in', async () => {
  const world = await World.start()
  const machine = world.guest()
  await machine.resume()
  const migration = world.migrate(machine, { link: parseLink('20M') })
  await sleep(300)
  await world.server.close()
  const result = await migration.finished
  await expectOneGuest(world, machine, result)
  expect(result.error?.code).toBe('peer.aborted')
  await machine.close()
})

test('a connection that says nothing, or garbage, is ended; the server goes on', async () => {
  const world = await World.start()
  try {
    const silent = connect(world.server.port, '127.0.0.1')
    const garbage = connect(world.server.port, '127.0.0.1')
    for (const socket of [silent, garbage]) socket.on('error', () => undefined).on('data', () => undefined)
    garbage.write(Buffer.alloc(200, 0x41))
    await world.targetEnded(2)
    const codes = world.targetResults.map((r) => r.error?.code).sort()
    expect(codes[0]).toMatch(/^(connection\.idle|deadline\.request)$/)
    expect(codes[1]).toBe('protocol.magic')
    const machine = world.guest()
    await machine.resume()
    const result = await world.migrate(machine).finished
    expect(result.error).toBeNull()
  } finally {
    await world.stop()
  }
})

test('a policy that aborts leaves the guest at the source', async () => {
  const world = await World.start()
  try {
    const machine = world.guest({ source: { dirtyPerMs: 100, workingSet: 2000 } })
    await machine.resume()
    const result = await world.migrate(machine, {
      policy: { preCopy: { maxRounds: 3, whenStuck: 'abort', thresholdPages: 0 } },
      link: parseLink('500M'),
    }).finished
    await expectOneGuest(world, machine, result)
    expect(result.error?.code).toMatch(/^policy\./)
  } finally {
    await world.stop()
  }
})

test('the short deadlines of these tests are all set', () => {
  expect(Object.values(SHORT).every((ms) => ms <= 1500)).toBe(true)
})
