/** Algorithms that pull: refused, cancelled, cut again and again, with machines that die and hosts that do not return. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import type { MessageName } from '../../engine/migration/protocol/frame.ts'
import { TYPE } from '../../engine/migration/protocol/frame.ts'
import type { MigrationResult, SourceOptions } from '../../engine/migration/source-options.ts'
import type { MessageEvent } from '../../engine/migration/protocol/connection.ts'
import { verifyStream } from '../../engine/migration/verify-stream.ts'
import type { FakeMachine } from '../migration/fake-machine.ts'
import { MemoryRecorder, SHORT, World } from '../migration/world.ts'
import type { GuestSetup, HostSetup } from '../migration/world.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import type { ProxyAction, ProxyOptions } from './cutting-proxy.ts'
import { expectOneGuest } from './faults.ts'

const ALGORITHMS = ['pull-copy', 'hybrid'] as const
let world: World
let proxy: CuttingProxy | null = null

beforeEach(() => {
  proxy = null
})
afterEach(async () => {
  await proxy?.stop()
  await world.stop()
})

async function start(host: HostSetup = {}, guest: GuestSetup = {}): Promise<FakeMachine> {
  world = await World.start(host)
  const machine = world.guest(guest)
  await machine.resume()
  return machine
}

/** Through a proxy that acts after the first message of that type. */
async function behind(type: number, action: ProxyAction, options: ProxyOptions): Promise<Partial<SourceOptions>> {
  proxy = await CuttingProxy.start(world.server.port, (one) => one === type, action, options)
  return { target: { ...world.options(world.sources[0]).target, port: proxy.port } }
}

/** Nobody runs the guest, both sides say why, and the source has released its machine. */
async function expectLost(machine: FakeMachine, result: MigrationResult, atTarget: string | null): Promise<void> {
  expect(result).toMatchObject({ guestAt: 'lost', outcome: 'failed' })
  expect(result.error).toBeInstanceOf(FerryError)
  expect(result.error?.message).toContain('The guest is lost')
  expect(result.report).toMatchObject({ outcome: 'failed', downtime_ms: null, pull: null })
  expect(world.released).toEqual(['guest-1'])
  expect(machine.closed).toBe(true)
  expect(world.arbiters.get('guest-1')?.violations).toEqual([])
  if (atTarget !== null) {
    await world.targetEnded()
    expect(world.targetResults[0]).toMatchObject({ outcome: 'running', error: { code: atTarget } })
  }
  await expect.poll(() => [...(world.arbiters.get('guest-1')?.running ?? [])], { timeout: 60_000 }).toEqual([])
}

describe.each(ALGORITHMS)('%s', (algorithm) => {
  const algorithms = [algorithm]

  test.each([
    ['refused.no-common-algorithm', { offer: { algorithms: ['pre-copy', 'stop-and-copy'] } }],
    ['refused.out-of-memory', { offer: { freeMemoryBytes: 1 << 20 } }],
    ['refused.host.full', { reserve: () => Promise.reject(new FerryError('host.full', 'No room.')) }],
  ] as const)('%s: the guest goes on at the source', async (code, host) => {
    const machine = await start(host)
    const result = await world.migrate(machine, { algorithms }).finished
    await expectOneGuest(world, machine, result)
    expect(result.error?.code).toBe(code)
  })

  const MOMENTS: readonly MessageName[] = [
    'MIG_REQ', 'CFG_OK', 'CHANNEL', 'CHANNEL_OK', 'MEM_BEG', 'PAGES', 'ROUND_END', 'REHEARSAL', 'MISSING', 'CPU_BEG',
    'DEV_BEG', 'READY',
  ] // prettier-ignore
  test.each(MOMENTS)('a cancel at %s leaves the guest at the source', async (moment) => {
    const machine = await start()
    const migration = world.migrate(machine, {
      algorithms,
      onMessage: ({ type }) => {
        if (type === moment) migration.cancel()
      },
    })
    const result = await migration.finished
    await expectOneGuest(world, machine, result)
    expect(result).toMatchObject({ outcome: 'cancelled', error: { code: 'migration.cancelled' } })
  })

  test.each(['COMMIT', 'RUNNING', 'PULL_END', 'PULL_DONE'] as const)('a cancel at %s is too late', async (moment) => {
    const machine = await start()
    const migration = world.migrate(machine, {
      algorithms,
      onMessage: ({ type }) => {
        if (type === moment) expect(migration.cancel()).toBe(false)
      },
    })
    const result = await migration.finished
    expect(result.error).toBeNull()
    await expectOneGuest(world, machine, result)
  })

  test('pages that differ at the end are told; the guest is at the target all the same', async () => {
    const machine = await start()
    const result = await world.migrate(machine, {
      algorithms,
      verify: 'all',
      onMessage: ({ type }) => {
        const target = world.targetMachines.get('guest-1')
        if (type !== 'PULL_END' || target === undefined) return
        const pages = Array.from({ length: 100 }, (_, i) => 1900 + i)
        for (const page of pages) {
          const at = page * PAGE_SIZE
          const ram = target.memory.get(BLOCK.ram)
          if (ram !== undefined && !target.written.has(page)) ram[at] ^= 1
        }
      },
    }).finished
    expect(result).toMatchObject({ outcome: 'completed', guestAt: 'target', error: { code: 'verify.pages-differ' } })
    expect(result.report.ram_equal).toBe(false)
    expect(result.report.wrong_pages).toBeGreaterThan(0)
    expect(result.report.wrong_pages).toBeLessThanOrEqual(100)
    expect(result.report.pull).not.toBeNull()
  })

  test('a target that cannot be reached for too long: the guest is lost, and the source lets go of it', async () => {
    const machine = await start()
    const extra = await behind(-TYPE.RUNNING, 'cut', { recovers: false })
    const states: string[] = []
    const result = await world.migrate(machine, {
      algorithms,
      ...extra,
      onProgress: ({ now }) => {
        if (now.pull !== null && now.pull.state !== states.at(-1)) states.push(now.pull.state)
      },
    }).finished
    await expectLost(machine, result, null)
    expect(result.error?.code).toBe('pull.lost')
    // Progress is told every 50 ms: a pull that is cut at once may never be seen pulling.
    expect(states.at(-1)).toBe('paused')
    // The target waits, whatever the source does, until its host is closed.
    const ended = () => world.targetResults.filter(({ session }) => session !== '')
    expect(ended()).toEqual([])
    expect(world.targetMachines.get('guest-1')?.closed).toBe(false)
    await world.server.close()
    expect(ended()).toMatchObject([{ outcome: 'running', error: { code: 'target.closing' } }])
  })

  test.each(['READY', 'RUNNING', 'PULL_END'] as const)('a connection that falls silent after %s', async (type) => {
    const machine = await start()
    const extra = await behind(type === 'PULL_END' ? TYPE[type] : -TYPE[type], 'swallow', { recovers: true })
    const result = await world.migrate(machine, { algorithms, verify: 'ram', ...extra }).finished
    expect(result.error).toBeNull()
    await expectOneGuest(world, machine, result)
    expect(result.report.pull?.recoveries).toBeGreaterThan(0)
    expect(result.report.ram_equal).toBe(true)
  })

  test('a target that is silent longer than an answer may take has not lost the guest: the source comes back', async () => {
    const machine = await start()
    const extra = await behind(-TYPE.RUNNING, 'swallow', { recovers: true })
    // The wait for an answer ends before the silence of the connection is noticed.
    const deadlines = { ...SHORT, progressMs: 400 }
    const result = await world.migrate(machine, { algorithms, verify: 'ram', ...extra, deadlines }).finished
    expect(result.error).toBeNull()
    await expectOneGuest(world, machine, result)
    expect(result.report.pull?.recoveries).toBeGreaterThan(0)
  })

  test('a connection that is cut again and again, in the middle of coming back too', async () => {
    const machine = await start({}, { source: { dirtyPerMs: 50, workingSet: 1000 } })
    const recorder = new MemoryRecorder()
    const through = await behind(0, 'cut', { recovers: true })
    const cuts = { PAGES: 2, MISSING: 2, CHANNEL_OK: 2, PULL_END: 1 }
    let running = false
    const onMessage = ({ type, direction }: MessageEvent): void => {
      running ||= type === 'RUNNING'
      if (!running || (type === 'MISSING' && direction === 'sent')) return
      if (type in cuts && cuts[type as keyof typeof cuts]-- > 0) setImmediate(() => proxy?.drop())
    }
    const tuning = { pushPages: 50 }
    const deadlines = { ...SHORT, recoverMs: 20_000 }
    const input = { algorithms, verify: 'all', recorder, onMessage, tuning, deadlines, ...through } as const
    const result = await world.migrate(machine, input).finished
    expect(result.error).toBeNull()
    await expectOneGuest(world, machine, result)
    expect(Math.max(...Object.values(cuts))).toBeLessThanOrEqual(0)
    expect(result.report.pull?.recoveries).toBeGreaterThanOrEqual(3)
    expect(result.report.ram_equal).toBe(true)
    expect(verifyStream(recorder.bytes())).toMatchObject({ problems: [], outcome: 'completed' })
  })

  test("the source's machine dies with pages that the target has not: both hosts know", async () => {
    const machine = await start()
    const result = await world.migrate(machine, {
      algorithms,
      onMessage: ({ type }) => {
        if (type === 'RUNNING') machine.die()
      },
    }).finished
    await expectLost(machine, result, 'peer.aborted')
    expect(result.error?.code).toMatch(/^(source\.machine-died|machine\.closed)$/)
  })

  test("the target's machine dies before its memory has come: both hosts know", async () => {
    const machine = await start()
    const result = await world.migrate(machine, {
      algorithms,
      onMessage: ({ type }) => {
        if (type === 'RUNNING') world.targetMachines.get('guest-1')?.die()
      },
    }).finished
    await expectLost(machine, result, 'target.machine-died')
    expect(result.error).toMatchObject({ code: 'peer.aborted', data: { reason: 'target.machine-died', guest: 'lost' } })
  })

  test.each(['throw', 'hang'] as const)('a page cannot be read at the source (%s): both hosts know', async (how) => {
    const before = algorithm === 'pull-copy' ? 1 : 18
    // So many that reading them takes more than three calls, whoever asks for them.
    const source = { dirtyPerMs: 30, workingSet: 2000 }
    const machine = await start({}, { source, sourceFault: { call: 'readPages', at: before + 3, how } })
    const result = await world.migrate(machine, { algorithms, policy: { hybridRounds: 1 } }).finished
    await expectLost(machine, result, 'peer.aborted')
    expect(result.error?.code).toBe(how === 'throw' ? 'machine.fault' : 'deadline.machine-read')
  })

  test('an end of the lab takes a guest that is on both hosts with it', async () => {
    const machine = await start()
    const reason = new FerryError('lab.closing', 'The lab closes.')
    const migration = world.migrate(machine, {
      algorithms,
      onMessage: ({ type }) => {
        if (type === 'RUNNING') setImmediate(() => migration.abandon(reason))
      },
    })
    const result = await migration.finished
    await expectLost(machine, result, 'peer.aborted')
    expect(result.error?.code).toBe('lab.closing')
  })

  test('the target cannot run the guest: it goes on at the source', async () => {
    const machine = await start({}, { targetFault: { call: 'resume', at: 1, how: 'throw' } })
    const result = await world.migrate(machine, { algorithms }).finished
    await expectOneGuest(world, machine, result)
    expect(result.guestAt).toBe('source')
  })

  test.each(['throw', 'hang', 'die'] as const)(
    'the target cannot load the guest (%s): it goes on at the source',
    async (how) => {
      const machine = await start({}, { targetFault: { call: 'load', at: 4, how } })
      const result = await world.migrate(machine, { algorithms }).finished
      await expectOneGuest(world, machine, result)
      expect(result.error?.code).toBe('peer.aborted')
    },
  )
})
