import { expect, test } from 'vitest'
import { Throttle } from '../../engine/qemu/throttle.ts'
import { ThrottleWatch } from '../../engine/qemu/throttle-watch.ts'
import { FerryError } from '../../engine/util/errors.ts'

/** A vCPU that notes what was done to it. */
function vcpu() {
  const done: string[] = []
  const act = (what: string) => () => {
    done.push(what)
    return Promise.resolve()
  }
  return { done, throttle: new Throttle({ stop: act('stop'), cont: act('cont') }) }
}

test('the vCPU stops and goes on in turns, and goes on for good when it is over', async () => {
  const { done, throttle } = vcpu()
  expect(await throttle.set(0.5)).toBe(0)
  await expect.poll(() => done.length).toBeGreaterThan(4)
  const sleptMs = await throttle.set(0)
  expect(sleptMs).toBeGreaterThan(0)
  expect(done.filter((_, i) => i % 2 === 0).every((what) => what === 'stop')).toBe(true)
  expect(done.at(-1)).toBe('cont')
  const { length } = done
  expect(await throttle.set(0)).toBe(sleptMs)
  expect(done).toHaveLength(length)
})

test('an end does not wait for the end of a long sleep', async () => {
  const { done, throttle } = vcpu()
  await throttle.set(0.99)
  await expect.poll(() => done).toEqual(['stop'])
  await throttle.set(0)
  expect(done).toEqual(['stop', 'cont'])
})

test('what needs a vCPU that runs waits until it does, in its order', async () => {
  const { done, throttle } = vcpu()
  throttle.awake(() => done.push('first'))
  await throttle.set(0.99)
  await expect.poll(() => done).toEqual(['first', 'stop'])
  throttle.awake(() => done.push('second'))
  throttle.awake(() => done.push('third'))
  expect(await throttle.without(() => Promise.resolve(done.at(-1)))).toBe('third')
  expect(done).toEqual(['first', 'stop', 'cont', 'second', 'third'])
  expect(throttle.share).toBe(0.99)
  await throttle.set(0)
})

test('a vCPU that cannot be stopped any more is left alone', async () => {
  const throttle = new Throttle({
    stop: () => Promise.reject(new FerryError('qemu.ended', 'QEMU has ended.')),
    cont: () => Promise.resolve(),
  })
  await throttle.set(0.5)
  expect(await throttle.set(0)).toBe(0)
  await expect(throttle.set(1)).rejects.toMatchObject({ code: 'machine.throttle' })
})

test("QEMU's own throttle is told by its largest share and by how long the vCPU slept", async () => {
  const shares = [undefined, 20, 30]
  const ask = ((_: string, schema: unknown) => {
    void schema
    return Promise.resolve({ 'cpu-throttle-percentage': shares.length > 1 ? shares.shift() : shares[0] })
  }) as ConstructorParameters<typeof ThrottleWatch>[0]['ask']
  const watch = new ThrottleWatch({ ask })
  watch.begin()
  await expect.poll(() => watch.most).toBe(0.3)
  watch.end()
  const { sleptMs } = watch
  expect(sleptMs).toBeGreaterThan(0)
  watch.end()
  expect(watch.sleptMs).toBe(sleptMs)
})
