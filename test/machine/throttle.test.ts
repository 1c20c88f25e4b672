/** A vCPU that sleeps a share of its time. */
import { expect, test } from 'vitest'
import type { Machine } from '../../engine/machine/machine.ts'
import { Throttle } from '../../engine/machine/throttle.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'
import { codePlan, labos, machine } from './helpers.ts'

test('after each slice the vCPU sleeps in proportion, and remembers how long', () => {
  let now = 0
  const throttle = new Throttle(() => now)
  const slice = (ms: number): number => {
    throttle.sliceBegins()
    now += ms
    throttle.sliceEnds()
    return throttle.leftMs
  }
  expect(slice(10)).toBe(0)
  expect(throttle.set(0.75)).toBe(0)
  expect(slice(10)).toBeCloseTo(30, 9)
  // Woken before the time: the rest is slept later.
  throttle.sleep(() => (now += 12))
  expect(throttle.leftMs).toBeCloseTo(18, 9)
  throttle.sleep((ms) => (now += ms))
  expect(throttle.leftMs).toBeCloseTo(0, 9)
  expect(throttle.set(0)).toBeCloseTo(30, 9)
  expect(slice(10)).toBe(0)
})

test('an end of the throttle ends the sleep', () => {
  let now = 0
  const throttle = new Throttle(() => now)
  throttle.set(0.99)
  throttle.sliceBegins()
  now = 10
  throttle.sliceEnds()
  expect(throttle.leftMs).toBeGreaterThan(900)
  throttle.set(0)
  expect(throttle.leftMs).toBe(0)
})

test('a share that is none is refused', async () => {
  const made = await machine()
  for (const share of [-0.1, 1, NaN])
    await expect(made.throttle(share)).rejects.toMatchObject({ code: 'machine.throttle' })
})

/** Share of the time in which the machine was awake, by its own account, and instructions per ms meanwhile. */
async function watch(made: Machine, share: number, ms: number): Promise<{ asleep: number; perMs: number }> {
  const sleptBefore = await made.throttle(share)
  const startMs = nowMs()
  const first = await made.instructions()
  await sleep(ms)
  const executed = ((await made.instructions()) - first) >>> 0
  const took = nowMs() - startMs
  return { asleep: ((await made.throttle(0)) - sleptBefore) / took, perMs: executed / took }
}

test('a throttled guest executes about as many fewer instructions', async () => {
  const made = await machine()
  // JMP to itself: always busy.
  await made.boot(codePlan([0xeb, 0xfe]))
  await made.resume()
  await sleep(200)
  const compared = async () => {
    const free = await watch(made, 0, 400)
    const throttled = await watch(made, 0.8, 800)
    expect(free.asleep).toBe(0)
    // A loaded computer makes slices, and so sleeps, longer; the proportion stays.
    expect(throttled.asleep).toBeGreaterThan(0.5)
    expect(throttled.perMs).toBeGreaterThan(0)
    return throttled.perMs / free.perMs
  }
  // What else runs takes its share of either time, and not the same one.
  await expect.poll(compared).toBeLessThan(0.6)
})

test('calls to a throttled guest are answered, and it is paused and goes on as any other', async () => {
  const { machine: made, console } = await labos('')
  await made.throttle(0.9)
  await made.pause()
  const before = await made.instructions()
  await sleep(30)
  expect(await made.instructions()).toBe(before)
  await made.resume()
  expect(await console.ask('echo slow', /ECHO slow/)).toBe('ECHO slow')
  await made.throttle(0)
  expect(await console.ask('echo fast', /ECHO fast/)).toBe('ECHO fast')
})
