import { expect, test } from 'vitest'
import { sleep } from '../../engine/util/clock.ts'
import { collectGarbage } from '../../engine/util/garbage.ts'

test('where there may be much of it, what nobody holds is gone afterwards, and what is held is not', async () => {
  const held = { bytes: new Uint8Array(1000) }
  const kept = new WeakRef(held)
  const lost = new WeakRef({ bytes: new Uint8Array(16 << 20) })
  // A weak reference holds until the end of the turn that made it.
  await sleep(0)
  collectGarbage()
  expect(lost.deref()).toBeUndefined()
  expect(kept.deref()).toBe(held)
})
