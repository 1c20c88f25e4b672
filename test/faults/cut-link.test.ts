/** The user has the link cut in a stage, to see what becomes of the guest. */
import { expect, test } from 'vitest'
import type { AlgorithmName } from '../../engine/migration/policy/pool.ts'
import { World } from '../migration/world.ts'
import { expectOneGuest } from './faults.ts'

const TUNING = { batchPages: 1024, pushPages: 700, rehearsals: 1 }

async function cut(stage: 0 | 1 | 2 | 3 | 4 | 5, algorithm: AlgorithmName) {
  const world = await World.start()
  const machine = world.guest()
  await machine.resume()
  const result = await world.migrate(machine, { tuning: TUNING, algorithms: [algorithm], cutInStage: stage }).finished
  // In stage 0 there may be no session yet.
  await expectOneGuest(world, machine, result, stage > 0)
  await world.stop()
  return result
}

test.each([0, 1, 2, 3, 4] as const)(
  'cut in stage %i: the guest goes on at the source, and only there',
  async (stage) => {
    const { guestAt, error, report } = await cut(stage, 'pre-copy')
    expect({ guestAt, code: error?.code, stage: error?.data['stage'] }).toEqual({
      guestAt: 'source',
      code: 'connection.cut',
      stage,
    })
    expect(report.stages.at(-1)?.number).toBe(stage)
  },
)

test('cut in stage 5, the guest is at the target: it was handed over', async () => {
  expect(await cut(5, 'pre-copy')).toMatchObject({
    guestAt: 'target',
    error: { code: 'connection.lost-after-commit' },
  })
})

test('cut in stage 5 with pages still at the source: the source comes back, and brings them', async () => {
  const { guestAt, error, report } = await cut(5, 'pull-copy')
  expect({ guestAt, error, recoveries: report.pull?.recoveries }).toEqual({
    guestAt: 'target',
    error: null,
    recoveries: 1,
  })
})
