import { expect, test } from 'vitest'
import { HostMemory } from '../../engine/hypervisors/memory.ts'
import { P2m } from '../../engine/hypervisors/xen/p2m.ts'
import { HostedMachine } from '../../engine/lab/hosted-machine.ts'
import { FakeMachine, MIB } from '../migration/fake-machine.ts'
import { Arbiter } from '../migration/fake-parts.ts'

class Card extends FakeMachine {
  readonly received: number[] = []
  override frameReceive(frame: Uint8Array): void {
    this.received.push(frame[0])
  }
}

function hosted() {
  const card = new Card({ name: 'guest', arbiter: new Arbiter() })
  const view = new P2m(new HostMemory({ bytes: 64 * MIB, seed: 1 }), (8 * MIB) / 4096)
  return { card, machine: new HostedMachine(card, view) }
}
const frame = (number: number) => Uint8Array.of(number)

test('frames that come while the guest stands still to switch over are kept for where it goes on, in order', async () => {
  const { card, machine } = hosted()
  await machine.resume()
  machine.frameReceive(frame(1))
  await machine.stop({ inlinePages: 0 })
  machine.frameReceive(frame(2))
  machine.frameReceive(frame(3))
  expect(card.received).toEqual([1])
  expect(machine.takeHeld().map(([number]) => number)).toEqual([2, 3])
  expect(machine.takeHeld()).toEqual([])
  await machine.close()
})

test('a guest that goes on where it was gets them there', async () => {
  const { card, machine } = hosted()
  await machine.resume()
  await machine.stop({ inlinePages: 0 })
  machine.frameReceive(frame(4))
  await machine.resume()
  machine.frameReceive(frame(5))
  expect(card.received).toEqual([4, 5])
  await machine.close()
})

test('a guest that stands still for long does not fill the memory', async () => {
  const { machine } = hosted()
  await machine.stop({ inlinePages: 0 })
  for (let i = 0; i < 5000; i++) machine.frameReceive(frame(i & 0xff))
  expect(machine.takeHeld().length).toBeLessThan(1000)
  await machine.close()
})
