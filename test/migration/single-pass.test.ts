/** The paper's claim, made true: no page travels twice. */
import { afterEach, expect, test } from 'vitest'
import { MemoryRecorder } from '../../engine/migration/protocol/recorder.ts'
import { verifyStream } from '../../engine/migration/verify-stream.ts'
import { World } from './world.ts'

let world: World
afterEach(() => world.stop())

const once = { algorithms: ['single-pass'], tuning: { batchPages: 128, workingSetMs: 30 } } as const

test.each([
  ['a guest that writes all over its memory', { dirtyPerMs: 3, workingSet: 2048 }],
  ['a guest that writes the same pages again and again', { dirtyPerMs: 3, workingSet: 60 }],
  ['a guest that writes nothing', { dirtyPerMs: 0 }],
])('%s: every page crosses once, and the memories are equal', async (_, source) => {
  world = await World.start()
  const guest = world.guest({ source })
  await guest.resume()
  const recorder = new MemoryRecorder()
  const result = await world.migrate(guest, { ...once, verify: 'all', recorder }).finished
  expect(result.report).toMatchObject({ outcome: 'completed', error: null, wrong_pages: 0, pages_retransmitted: 0 })
  const pages = guest.blocks.reduce((sum, block) => sum + block.bytes / 4096, 0)
  expect(result.report.pages_sent).toBe(pages)
  // A second reading, that shares no code with the first.
  const verdict = verifyStream(recorder.bytes())
  expect(verdict.problems).toEqual([])
  expect(verdict.blocks.map((block) => [block.pages_sent, block.pages_retransmitted])).toEqual(
    verdict.blocks.map((block) => [block.pages, 0]),
  )
  expect(world.arbiters.get('guest-1')?.violations).toEqual([])
})

test('a cancel while cold pages cross leaves the guest running where it was', async () => {
  world = await World.start()
  const guest = world.guest({ source: { dirtyPerMs: 3, workingSet: 60 } })
  await guest.resume()
  const migration = world.migrate(guest, { ...once, tuning: { ...once.tuning, workingSetMs: 400 } })
  setTimeout(() => migration.cancel(), 150)
  const result = await migration.finished
  expect(result).toMatchObject({ outcome: 'cancelled', guestAt: 'source' })
  expect(guest.running).toBe(true)
})

test('a target that dies after the guest stopped by itself: the guest goes on at the source', async () => {
  world = await World.start()
  const guest = world.guest({
    source: { dirtyPerMs: 5, workingSet: 2048 },
    // The rehearsals come first: this is the load of the switch-over.
    targetFault: { call: 'load', at: 4, how: 'die' },
  })
  await guest.resume()
  const result = await world.migrate(guest, once).finished
  expect(result).toMatchObject({ outcome: 'failed', guestAt: 'source' })
  expect(guest.running).toBe(true)
  expect(guest.guarded.size).toBe(0)
})
