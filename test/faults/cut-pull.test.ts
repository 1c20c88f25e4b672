/**
 * Algorithms that pull, with the connections cut after every message in turn: until the guest was handed over it goes
 * on at the source; afterwards it waits at the target, and has everything when the connection can be opened again.
 */
import { expect, test } from 'vitest'
import { TYPE } from '../../engine/migration/protocol/frame.ts'
import type { MigrationResult, SourceOptions } from '../../engine/migration/source-options.ts'
import { verifyStream } from '../../engine/migration/verify-stream.ts'
import { MemoryRecorder, World } from '../migration/world.ts'
import { variants } from '../setup/variants.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import type { ProxyAction, ProxyOptions } from './cutting-proxy.ts'
import { expectOneGuest } from './faults.ts'

const TUNING = { batchPages: 1024, pushPages: 700, rehearsals: 1 }

interface Outcome {
  readonly proxy: CuttingProxy
  readonly result: MigrationResult
}

async function run(
  after: number | ((type: number) => boolean),
  action: ProxyAction,
  options: ProxyOptions,
  extra: Partial<SourceOptions>,
): Promise<Outcome> {
  const world = await World.start()
  const proxy = await CuttingProxy.start(world.server.port, after, action, { recovers: true, ...options })
  const recorder = new MemoryRecorder()
  try {
    const machine = world.guest()
    await machine.resume()
    const { target } = world.options(machine)
    const input = {
      tuning: TUNING,
      verify: 'all',
      recorder,
      target: { ...target, port: proxy.port },
      ...extra,
    } as const
    const result = await world.migrate(machine, input).finished
    await expectOneGuest(world, machine, result, proxy.types.length > 0)
    if (result.guestAt === 'target') {
      expect(result.error).toBeNull()
      expect(result.report).toMatchObject({ ram_equal: true, wrong_pages: 0 })
      expect(result.report.pull?.recoveries).toBeLessThanOrEqual(1)
      const verdict = verifyStream(recorder.bytes())
      const again = verdict.blocks.reduce((sum, { pages_retransmitted: n, pages_resent: m }) => sum + n + m, 0)
      expect(verdict).toMatchObject({ problems: [], outcome: 'completed', recoveries: result.report.pull?.recoveries })
      expect(again).toBe(result.report.pages_retransmitted)
      if (result.report.algorithm === 'pull-copy') expect(verdict.blocks[0].pages_retransmitted).toBe(0)
      expect(world.targetResults.find(({ session }) => session !== '')?.error).toBeNull()
    } else {
      expect(proxy.cut).toBeGreaterThan(0)
      expect(proxy.types).not.toContain(TYPE.COMMIT)
    }
    if (proxy.cut === 0) expect(result.error).toBeNull()
    return { proxy, result }
  } catch (thrown) {
    throw new Error(`after message ${String(after)} (${proxy.types.join()}): ${String(thrown)}`, { cause: thrown })
  } finally {
    await proxy.stop()
    await world.stop()
  }
}

const CUTS = [
  ['pull-copy', 'the connection of the migration', 'cut', 0],
  ['hybrid', 'the connection for missing pages', 'cut', 1],
  ['pull-copy', 'both connections, in the middle of a frame', 'half', 'all'],
] as const
const OTHER_CUTS = [
  ['hybrid', 'the connection of the migration', 'cut', 0],
  ['pull-copy', 'the connection for missing pages', 'cut', 1],
  ['pull-copy', 'both connections', 'reset', 'all'],
  ['hybrid', 'both connections', 'reset', 'all'],
  ['hybrid', 'both connections, in the middle of a frame', 'half', 'all'],
] as const

test.each(variants<(typeof CUTS)[number] | (typeof OTHER_CUTS)[number]>(CUTS, OTHER_CUTS))(
  '%s: %s after every message',
  async (algorithm, _, action, which) => {
    const extra = { algorithms: [algorithm], policy: { hybridRounds: 1 } }
    const ends = new Set<string>()
    for (let k = 1; ; k++) {
      const { proxy, result } = await run(k, action, { which }, extra)
      if (!proxy.acted) break
      ends.add(`${result.guestAt}, ${result.report.pull?.recoveries ?? 0} recoveries`)
    }
    expect(ends).toContain('source, 0 recoveries')
    expect(ends).toContain('target, 1 recoveries')
  },
)
