import { expect, test, vi } from 'vitest'
import { Standby, type Spare } from '../../../engine/lab/standby/standby.ts'
import type { MachineShape } from '../../../engine/machine/blank-machine.ts'
import type { Machine } from '../../../engine/machine/machine.ts'
import { FerryError } from '../../../engine/util/errors.ts'

const MIB = 2 ** 20
const SMALL: MachineShape = { ramBytes: 64 * MIB, vgaBytes: MIB, disk: null, apic: false }
const LARGE: MachineShape = { ...SMALL, ramBytes: 128 * MIB }
const mac = '02:fe:00:00:01:01'

/** Spares without threads, and what became of each. */
class Factory {
  readonly made: { shape: MachineShape; closed: boolean; taken: boolean; end: () => void }[] = []
  broken = false
  #begin = () => {}
  /** Resolves when the first one is being made. */
  readonly begun = new Promise<void>((resolve) => (this.#begin = resolve))

  readonly start = (shape: MachineShape): Promise<Spare> => {
    const record = { shape, closed: false, taken: false, end: () => {} }
    this.made.push(record)
    this.#begin()
    if (this.broken) return Promise.reject(new FerryError('machine.start', 'It does not start.'))
    return Promise.resolve().then(() => ({
      shape,
      touch: vi.fn(),
      take: () => {
        record.taken = true
        return {} as Machine
      },
      onEnd: (listener) => (record.end = listener),
      close: () => {
        record.closed = true
        return Promise.resolve()
      },
    }))
  }
}

test('the machine that is ready is taken once, by a guest of its shape alone', async () => {
  const factory = new Factory()
  const standby = new Standby(factory.start)
  expect(await standby.take({ ...SMALL, mac })).toBeNull()
  expect(await standby.prepare(SMALL)).toBe(true)
  expect(await standby.take({ ...LARGE, mac })).toBeNull()
  expect(await standby.take({ ...SMALL, mac })).not.toBeNull()
  expect(await standby.take({ ...SMALL, mac })).toBeNull()
  expect(factory.made.map(({ taken }) => taken)).toEqual([true])
})

test('another shape takes the place of the one before, which is closed; the same is kept', async () => {
  const factory = new Factory()
  const standby = new Standby(factory.start)
  await standby.prepare(SMALL)
  await standby.prepare({ ...SMALL })
  expect(factory.made).toHaveLength(1)
  await standby.prepare(LARGE)
  expect(factory.made.map(({ closed }) => closed)).toEqual([true, false])
  expect(standby.ready).toEqual(LARGE)
})

test('a guest that comes while its machine is being made waits for that one', async () => {
  const factory = new Factory()
  const standby = new Standby(factory.start)
  const preparing = standby.prepare(SMALL)
  await factory.begun
  expect(await standby.take({ ...SMALL, mac })).not.toBeNull()
  await preparing
  expect(factory.made).toHaveLength(1)
})

test('one that ends by itself is made again, but not for ever', async () => {
  const factory = new Factory()
  const standby = new Standby(factory.start)
  for (let i = 0; i < 3; i++) {
    expect(await standby.prepare(SMALL)).toBe(true)
    factory.made.at(-1)?.end()
    expect(standby.ready).toBeNull()
  }
  expect(await standby.prepare(SMALL)).toBe(false)
  expect(factory.made).toHaveLength(3)
})

test('where none can be made guests still come, and a closed host holds none', async () => {
  const factory = new Factory()
  factory.broken = true
  const standby = new Standby(factory.start)
  expect(await standby.prepare(SMALL)).toBe(false)
  expect(await standby.take({ ...SMALL, mac })).toBeNull()
  factory.broken = false
  expect(await standby.prepare(SMALL)).toBe(true)
  await standby.close()
  expect(factory.made.at(-1)?.closed).toBe(true)
  expect(await standby.prepare(SMALL)).toBe(false)
})
