/** Pre-copy keeps its guest in check: pages that change again are left for later, and a throttle ends with the rounds. */
import { afterEach, describe, expect, test } from 'vitest'
import { withoutPages } from '../../engine/migration/page-sender.ts'
import { QEMU_THROTTLE } from '../../engine/migration/policy/throttle.ts'
import { parseLink } from '../../engine/migration/link.ts'
import type { SourceOptions } from '../../engine/migration/source-options.ts'
import { firstDifference, World } from './world.ts'

let world: World
afterEach(() => world.stop())

/** A guest that writes a thousand pages faster than the link takes them. */
const BUSY = { source: { dirtyPerMs: 20, workingSet: 1000 } }
const SLOW: Partial<SourceOptions> = { algorithms: ['pre-copy'], link: parseLink('100M'), verify: 'all' }

describe('pages dirtied again within the round', () => {
  test('are left to the next one and counted, and none is missing in the end', async () => {
    world = await World.start()
    const machine = world.guest(BUSY)
    await machine.resume()
    const result = await world.migrate(machine, SLOW).finished
    expect(result.error).toBeNull()
    await world.targetEnded()
    const { report, statistics } = result
    expect(report.pages_skipped).toBeGreaterThan(0)
    expect(report.rounds[0]?.pages_sent).toBeLessThan(statistics.pages_total)
    expect(report.pages_sent).toBe(statistics.pages_total + report.pages_retransmitted)
    expect(report.ram_equal).toBe(true)
    expect(firstDifference(machine.atStop, world.targetMachines.get('guest-1')?.atStart ?? null)).toBeNull()
  })

  test('are sent all the same where the user wants that', async () => {
    world = await World.start()
    const machine = world.guest(BUSY)
    await machine.resume()
    const result = await world.migrate(machine, { ...SLOW, policy: { preCopy: { skipDirtied: false } } }).finished
    expect(result.error).toBeNull()
    expect(result.report.pages_skipped).toBe(0)
    expect(result.report.rounds[0]?.pages_sent).toBe(result.statistics.pages_total)
  })

  test.each([
    [[1, 2, 3], [], [1, 2, 3]],
    [
      [1, 2, 3],
      [0, 2, 9],
      [1, 3],
    ],
    [[5, 7], [5, 6, 7], []],
    [[], [1], []],
  ])('%j without %j is %j', (pages, others, rest) => {
    expect([...withoutPages(Uint32Array.from(pages), Uint32Array.from(others))]).toEqual(rest)
  })
})

describe('the throttle', () => {
  const policy = { preCopy: { throttle: QEMU_THROTTLE, maxSentFactor: 30, maxRounds: 40 } }

  test('grows until the rounds converge, ends with them, and is reported', async () => {
    world = await World.start()
    const machine = world.guest(BUSY)
    await machine.resume()
    const result = await world.migrate(machine, { ...SLOW, policy }).finished
    expect(result.error).toBeNull()
    expect(machine.throttles.slice(0, 2)).toEqual([0.2, 0.3])
    expect(machine.throttles.at(-1)).toBe(0)
    expect(result.report.throttle_max).toBe(Math.max(...machine.throttles))
    expect(result.report.throttled_ms).toBeGreaterThan(0)
  })

  test.each(['cancelled', 'failed'] as const)('ends when the migration is %s', async (how) => {
    world = await World.start()
    const machine = world.guest({ ...BUSY, id: 'guest-1' })
    await machine.resume()
    let told = false
    const migration = world.migrate(machine, {
      ...SLOW,
      policy,
      onProgress: () => {
        if (told || machine.throttles.length === 0) return
        told = true
        if (how === 'cancelled') migration.cancel()
        else void world.server.close()
      },
    })
    const result = await migration.finished
    expect(result.outcome).toBe(how)
    expect(result.guestAt).toBe('source')
    expect(machine.throttles.length).toBeGreaterThan(1)
    expect(machine.throttles.at(-1)).toBe(0)
    expect(machine.running).toBe(true)
  })
})

test('a target that is given on the way ends the rounds', async () => {
  world = await World.start()
  const machine = world.guest(BUSY)
  await machine.resume()
  const endless = { maxRounds: 1e6, maxSentFactor: Infinity, maxRoundsWithoutProgress: Infinity, thresholdPages: -1 }
  const migration = world.migrate(machine, {
    ...SLOW,
    policy: { preCopy: endless },
    onProgress: ({ now }) => {
      if (now.round >= 2) migration.setPolicy({ preCopy: { ...endless, downtimeTarget_ms: 60_000 } })
    },
  })
  const result = await migration.finished
  expect(result.error).toBeNull()
  expect(result.decisions.at(-1)?.code).toBe('downtime-target')
})
