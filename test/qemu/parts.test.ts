/** The small parts around a QEMU process, without one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeviceBlocks } from '../../engine/qemu/device-blocks.ts'
import { keyEvents } from '../../engine/qemu/keys.ts'
import { order, type Orders } from '../../engine/qemu/orders.ts'
import { parsePixmap } from '../../engine/qemu/picture.ts'
import type { QmpEvent } from '../../engine/qemu/qmp-messages.ts'
import { StampClock } from '../../engine/qemu/stamp-clock.ts'
import { blocksOf } from '../../engine/machine/memory-layout.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'

describe('the screen', () => {
  const pixmap = (head: string, bytes: number) => Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 7)])

  test('is the pixels of the picture that QEMU wrote', () => {
    expect(parsePixmap(pixmap('P6\n2 1\n255\n', 6))).toEqual({
      ...{ kind: 'graphics', width: 2, height: 1 },
      rgba: Uint8ClampedArray.of(7, 7, 7, 255, 7, 7, 7, 255),
    })
  })

  test.each(['P5\n2 1\n255\n', 'P6\n2 2\n255\n', 'P6\n0 1\n255\n', 'P6\n99999 99999\n255\n', ''])(
    'is not %j',
    (head) => {
      expect(() => parsePixmap(pixmap(head, 6))).toThrow(expect.objectContaining({ code: 'qemu.screen' }))
    },
  )
})

test('keys are pressed and released, with and without the prefix', () => {
  const told = keyEvents(Uint8Array.of(0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8)).map(({ data }) => [
    data.key.data,
    data.down,
  ])
  expect(told).toEqual([
    [0x1e, true],
    [0x1e, false],
    [0xc8, true],
    [0xc8, false],
  ])
})

describe('an order', () => {
  const resumed: QmpEvent = { kind: 'event', name: 'RESUME', data: {}, stampMs: 1, atMs: 1 }
  /** A QEMU that answers as it is told to, one answer after the other. */
  const answering = (...answers: (string | null)[]): Orders => ({
    position: 0,
    patient: false,
    command: () => {
      const wrong = answers.shift() ?? null
      return wrong === null ? Promise.resolve({}) : Promise.reject(new FerryError('qemu.command', `cont: ${wrong}`))
    },
    event: () => Promise.resolve(resumed),
  })

  test('is given again to a QEMU that has not tidied up after its migration', async () => {
    const qemu = answering('Migration is not finalized yet', 'Migration is not finalized yet')
    expect(await order(qemu, 'cont', 'RESUME')).toBe(resumed)
  })

  test('that is refused for another reason is not given again', async () => {
    const qemu = answering('Resetting the Virtual Machine is required')
    await expect(order(qemu, 'cont', 'RESUME')).rejects.toMatchObject({ code: 'qemu.command' })
  })
})

describe('the time of an event', () => {
  const event = (stampMs: number, atMs: number): QmpEvent => ({ kind: 'event', name: 'STOP', data: {}, stampMs, atMs })

  test('is its stamp, by the distance of the clocks that the quickest event told', () => {
    const clock = new StampClock()
    expect(clock.timeOf(event(1000, 5000.5), 4990)).toBe(5000.5)
    expect(clock.timeOf(event(2000, 6080), 5990)).toBe(6000.5)
  })

  test('is never before its order nor after its arrival, whatever happens to the wall clock', () => {
    const clock = new StampClock()
    clock.timeOf(event(1000, 5000), 4990)
    expect(clock.timeOf(event(1, 6000), 5990)).toBe(5990)
    expect(clock.timeOf(event(9_000_000, 7000), 6990)).toBe(7000)
  })
})

describe('the memory of devices', () => {
  const make = () => new DeviceBlocks(blocksOf({ ramBytes: 2 ** 20, vgaBytes: 2 ** 18 }))

  test('counts as changed where it is not as it was given out', () => {
    const page = fc.nat(7)
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ learn: page }), fc.record({ read: page }))), (steps) => {
        const devices = make()
        const memory = new Uint8Array(8 * 4096)
        const given = new Uint8Array(8 * 4096)
        steps.forEach((step, i) => {
          if ('learn' in step) {
            memory[step.learn * 4096] = i
            devices.learn(BLOCK.nicMemory, memory)
          } else {
            devices.read({ block: BLOCK.nicMemory, pages: Uint32Array.of(step.read) })
            given[step.read * 4096] = memory[step.read * 4096]
          }
        })
        const changed = devices.changed().flatMap(({ pages }) => [...pages])
        expect(changed).toEqual([...Array(8).keys()].filter((p) => memory[p * 4096] !== given[p * 4096]))
      }),
    )
  })

  test('takes no page that the device has not', () => {
    const batch = { pages: Uint32Array.of(8), zeroPages: new Uint32Array(0), data: new Uint8Array(4096) }
    expect(() => make().write({ block: BLOCK.nicMemory, ...batch })).toThrow(/Page 8 is outside/)
    expect(() => make().bytes(BLOCK.ram)).toThrow(/no memory block/)
  })
})
