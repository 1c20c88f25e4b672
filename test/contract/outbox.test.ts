/** What waits for a page that reads slowly. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { GuestView } from '../../engine/contract/lab.ts'
import { Outbox } from '../../engine/serve/outbox.ts'

/** Takes what it is told to take, and has sent nothing of it until `drain`. */
class SlowCarrier {
  readonly sent: { event?: string; id?: number; payload?: { state?: string; guest?: string; data?: string } }[] = []
  readonly closed: number[] = []
  unsent = 0
  send(text: string): void {
    this.sent.push(JSON.parse(text) as SlowCarrier['sent'][number])
  }
  unsent_B(): number {
    return this.unsent
  }
  close(code: number): void {
    this.closed.push(code)
  }
}

const guest = (id: string, state: GuestView['state']): GuestView => ({
  ...{ id, name: id, image: 'labos', host: 'xen', state, ram_B: 1, workload: 'idle', ip: '', mac: '' },
  ...{ started: 'booted', start_ms: 1 },
})

let carrier: SlowCarrier
let outbox: Outbox
beforeEach(() => {
  carrier = new SlowCarrier()
  outbox = new Outbox(carrier)
})
const block = (): void => void (carrier.unsent = 1 << 20)
const drain = (): void => {
  carrier.unsent = 0
  outbox.flush()
}

describe('while nothing is in the way', () => {
  test('everything leaves at once', () => {
    outbox.event('guests.changed', guest('a', 'paused'))
    outbox.event('guests.changed', guest('a', 'running'))
    outbox.answer({ id: 1, result: undefined })
    expect(carrier.sent).toMatchObject([{ payload: { state: 'paused' } }, { payload: { state: 'running' } }, { id: 1 }])
  })
})

describe('while the page does not read', () => {
  beforeEach(block)

  test('of each thing only the newest state waits; what else happened is kept, in order', () => {
    outbox.event('guests.changed', guest('a', 'paused'))
    outbox.event('guests.changed', guest('b', 'paused'))
    outbox.answer({ id: 1, result: null })
    outbox.event('guests.changed', guest('a', 'running'))
    outbox.event('guests.removed', { guest: 'c' })
    outbox.event('guests.removed', { guest: 'c' })
    drain()
    expect(carrier.sent).toMatchObject([
      { event: 'guests.changed', payload: { id: 'b', state: 'paused' } },
      { id: 1 },
      { event: 'guests.changed', payload: { id: 'a', state: 'running' } },
      { event: 'guests.removed' },
      { event: 'guests.removed' },
    ])
  })

  test('output of a guest is joined, but not across what happened in between', () => {
    for (const data of ['1', '2']) {
      outbox.event('guests.output', { guest: 'a', data: `a${data}` })
      outbox.event('guests.output', { guest: 'b', data: `b${data}` })
    }
    outbox.event('guests.changed', guest('a', 'paused'))
    outbox.event('guests.output', { guest: 'a', data: 'a3' })
    drain()
    outbox.event('guests.output', { guest: 'a', data: 'a4' })
    expect(carrier.sent.map(({ event, payload }) => payload?.data ?? event)).toEqual([
      'a1a2',
      'b1b2',
      'guests.changed',
      'a3',
      'a4',
    ])
  })

  test('a state that keeps changing does not fill it', () => {
    for (let i = 0; i < 100_000; i++) outbox.event('guests.changed', guest('a', i % 2 === 0 ? 'paused' : 'running'))
    drain()
    expect(carrier.sent).toMatchObject([{ payload: { state: 'running' } }])
    expect(carrier.closed).toEqual([])
  })

  test('more than 4 MiB of events close it, once, and nothing is sent any more', () => {
    for (let i = 0; i < 100; i++) outbox.event('guests.output', { guest: `g${i % 7}`, data: 'x'.repeat(100_000) })
    for (let i = 0; i < 100; i++) outbox.event('guests.removed', { guest: 'x'.repeat(100_000) })
    outbox.answer({ id: 1, result: null })
    drain()
    expect(carrier.closed).toEqual([4008])
    expect(carrier.sent).toEqual([])
  })

  test('what left does not count: megabytes after megabytes may pass', () => {
    for (let round = 0; round < 20; round++) {
      block()
      for (let i = 0; i < 30; i++) outbox.event('guests.output', { guest: `g${i % 7}`, data: 'x'.repeat(100_000) })
      drain()
    }
    expect(carrier.closed).toEqual([])
  })

  test('answers that nobody reads close it; one long answer does not', () => {
    carrier.unsent = 0
    const long = 'x'.repeat(65 << 20)
    outbox.answer({ id: 1, result: long })
    expect(carrier.closed).toEqual([])
    carrier.unsent = long.length
    outbox.answer({ id: 2, result: null })
    expect(carrier.closed).toEqual([4008])
  })
})
