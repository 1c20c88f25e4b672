/** The connection is cut after every message in turn: exactly one host runs the guest afterwards. */
import { expect, test } from 'vitest'
import type { SourceOptions } from '../../engine/migration/source-options.ts'
import { TYPE } from '../../engine/migration/protocol/frame.ts'
import { sleep } from '../../engine/util/clock.ts'
import { World } from '../migration/world.ts'
import { variants } from '../setup/variants.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import type { ProxyAction } from './cutting-proxy.ts'
import { expectOneGuest } from './faults.ts'

const TUNING = { batchPages: 1024, rehearsals: 1 }

async function run(after: number, action: ProxyAction, extra: Partial<SourceOptions>): Promise<CuttingProxy> {
  const world = await World.start()
  const proxy = await CuttingProxy.start(world.server.port, after, action)
  try {
    const machine = world.guest()
    await machine.resume()
    const options = world.options(machine)
    const result = await world.migrate(machine, {
      tuning: TUNING,
      verify: 'all',
      target: { ...options.target, port: proxy.port },
      // A short pre-copy, so that the messages are few.
      policy: { preCopy: { maxRounds: 2 } },
      ...extra,
    }).finished
    await expectOneGuest(world, machine, result, after > 0)
    // After RUNNING nothing is left to go wrong (a reset may overtake it); before, the error says that something did.
    const last = proxy.types.at(-1) === -TYPE.RUNNING
    if (last) expect(result.guestAt).toBe('target')
    else if (proxy.acted) expect(result.error).not.toBeNull()
    else expect(result.error).toBeNull()
    if (proxy.types.at(-1) === TYPE.COMMIT) {
      expect(result.guestAt).toBe('target')
      expect(result.error?.code).toBe('connection.lost-after-commit')
    }
  } catch (thrown) {
    throw new Error(`after message ${after} (${proxy.types.join()}): ${String(thrown)}`, { cause: thrown })
  } finally {
    await proxy.stop()
    await world.stop()
  }
  return proxy
}

const CUTS = variants<readonly [algorithm: 'pre-copy' | 'stop-and-copy', action: ProxyAction]>(
  [
    ['pre-copy', 'cut'],
    ['stop-and-copy', 'reset'],
    ['stop-and-copy', 'half'],
  ],
  [
    ['pre-copy', 'reset'],
    ['pre-copy', 'half'],
    ['stop-and-copy', 'cut'],
  ],
)

test.each(CUTS)('%s: %s after every message', async (algorithm, action) => {
  const whole = await run(Infinity, action, { algorithms: [algorithm] })
  expect(whole.frames).toBeGreaterThan(10)
  let k = 0
  for (;;) {
    const proxy = await run(k, action, { algorithms: [algorithm] })
    if (!proxy.acted) break
    k++
  }
  expect(k).toBeGreaterThan(whole.types.indexOf(TYPE.COMMIT) - 4)
})

test.each(variants([0, 4, 12], [1, 2, 3, 6, 8, 10, 14]))('a peer that falls silent after message %i', async (after) => {
  await run(after, 'swallow', { algorithms: ['stop-and-copy'] })
})

test('the lease was handed over and COMMIT is lost: the target runs the guest', async () => {
  const world = await World.start()
  const proxy = await CuttingProxy.start(world.server.port, (type) => type === -TYPE.READY, 'swallow')
  const machine = world.guest()
  await machine.resume()
  const options = world.options(machine)
  const result = await world.migrate(machine, { target: { ...options.target, port: proxy.port } }).finished
  await expectOneGuest(world, machine, result)
  expect(result).toMatchObject({ guestAt: 'target', error: { code: 'connection.lost-after-commit' } })
  expect(result.report).toMatchObject({ outcome: 'completed', downtime_ms: null })
  await proxy.stop()
  await world.stop()
})

test('a cut is noticed at once, also while the source waits for its machine', async () => {
  const world = await World.start()
  const proxy = await CuttingProxy.start(world.server.port, Infinity, 'cut')
  const machine = world.guest({ sourceFault: { call: 'readPages', at: 4, how: 'hang' } })
  await machine.resume()
  const options = world.options(machine)
  const migration = world.migrate(machine, { target: { ...options.target, port: proxy.port } })
  await sleep(200)
  await proxy.stop()
  const result = await migration.finished
  await expectOneGuest(world, machine, result)
  expect(result.error?.code).toMatch(/^connection\./)
  await world.stop()
})
