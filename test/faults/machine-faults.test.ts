/** Each call of either machine throws, hangs, or kills the thread, in turn. */
import { describe, expect, test } from 'vitest'
import type { CallName, Fault } from '../migration/fake-parts.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { TYPE } from '../../engine/migration/protocol/frame.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import type { FakeMachine } from '../migration/fake-machine.ts'
import type { HostSetup } from '../migration/world.ts'
import { World } from '../migration/world.ts'
import type { GuestSetup } from '../migration/world.ts'
import { expectOneGuest } from './faults.ts'
import type { MigrationResult } from '../../engine/migration/source-options.ts'

async function run(setup: GuestSetup, check: (result: MigrationResult, world: World) => void): Promise<void> {
  const world = await World.start()
  try {
    const machine = world.guest(setup)
    await machine.resume()
    const result = await world.migrate(machine, { verify: 'all' }).finished
    await expectOneGuest(world, machine, result)
    check(result, world)
  } finally {
    await world.stop()
  }
}

const TARGET_CALLS: readonly (readonly [CallName, number])[] = [
  ['writePages', 1],
  ['writePages', 9],
  ['load', 1],
  ['load', 3],
  ['load', 4],
  ['digests', 1],
  ['resume', 1],
]

describe.each(['throw', 'hang', 'die'] as const)('target machine: %s', (how) => {
  test.each(TARGET_CALLS)('in call %s number %i', async (call, at) => {
    const targetFault: Fault = { call, at, how }
    await run({ targetFault }, (result, world) => {
      expect(result.guestAt).toBe('source')
      expect(result.error?.code).toBe('peer.aborted')
      expect(world.targetMachines.get('guest-1')?.calls.filter((c) => c === call).length).toBeGreaterThanOrEqual(at)
    })
  })
})

const SOURCE_CALLS: readonly (readonly [CallName, number])[] = [
  ['dirtyLogStart', 1],
  ['readPages', 1],
  ['readPages', 7],
  ['dirtyLogFetch', 1],
  ['dirtyLogFetch', 2],
  ['capture', 1],
  ['capture', 3],
  ['stop', 1],
  ['digests', 1],
]

describe.each(['throw', 'hang'] as const)('source machine: %s', (how) => {
  test.each(SOURCE_CALLS)('in call %s number %i', async (call, at) => {
    await run({ sourceFault: { call, at, how } }, (result) => {
      expect(result.guestAt).toBe('source')
      expect(result.error?.code).toMatch(/^(machine\.fault|deadline\.)/)
    })
  })
})

test('a source machine that dies takes the guest with it; nothing is left at the target', async () => {
  const world = await World.start()
  try {
    const machine = world.guest({ sourceFault: { call: 'readPages', at: 3, how: 'die' } })
    await machine.resume()
    const result = await world.migrate(machine).finished
    expect(result.guestAt).toBe('lost')
    expect(result.error?.code).toBe('source.machine-died')
    await world.targetEnded()
    expect(world.reservedBytes).toBe(0)
    expect(world.arbiters.get('guest-1')?.running.size).toBe(0)
  } finally {
    await world.stop()
  }
})

test('memory that is not equal never runs: the guest goes on at the source', async () => {
  await run({ targetFault: { call: 'load', at: 4, how: 'corrupt' } }, (result) => {
    expect(result.guestAt).toBe('source')
    expect(result.error).toMatchObject({ code: 'verify.pages-differ', data: { wrong_pages: 1, block: 0, page: 77 } })
    expect(result.report).toMatchObject({ ram_equal: false, wrong_pages: 1, outcome: 'failed' })
    expect(result.report.verify_ms).toBeGreaterThan(0)
  })
})

describe('COMMIT arrived, then the connection is cut, and the target cannot run the guest', () => {
  async function afterCommit(
    how: 'throw' | 'hang' | 'die',
    setup: HostSetup,
  ): Promise<[World, FakeMachine, MigrationResult]> {
    const world = await World.start(setup)
    const proxy = await CuttingProxy.start(world.server.port, (type) => type === TYPE.COMMIT, 'cut')
    const machine = world.guest({ targetFault: { call: 'resume', at: 1, how } })
    await machine.resume()
    const options = world.options(machine)
    const result = await world.migrate(machine, { target: { ...options.target, port: proxy.port } }).finished
    await proxy.stop()
    return [world, machine, result]
  }

  test.each(['throw', 'hang', 'die'] as const)('%s: it hands the lease back, and the source goes on', async (how) => {
    const [world, machine, result] = await afterCommit(how, {})
    await expectOneGuest(world, machine, result)
    expect(result.guestAt).toBe('source')
    await world.stop()
  })

  test('its machine cannot be ended for certain: the lease stays, nobody runs, the source keeps its copy', async () => {
    const discard = (): Promise<void> => Promise.reject(new FerryError('test.stuck', 'The machine is stuck.'))
    const [world, machine, result] = await afterCommit('throw', { discard })
    await world.targetEnded()
    expect(result).toMatchObject({ guestAt: 'undecided', outcome: 'failed', error: { code: 'migration.undecided' } })
    expect(world.arbiters.get('guest-1')?.running.size).toBe(0)
    expect(world.leases.get('guest-1')?.holder()).toBe('kvm')
    expect(machine.closed).toBe(false)
    expect(world.released).toEqual([])
    expect(world.targetResults[0]).toMatchObject({
      error: { code: 'target.discard' },
      discardError: { code: 'test.stuck' },
    })
    await world.stop()
  })
})
