import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { announcement } from '../../engine/network/announce.ts'
import { BROADCAST_MAC, macAt } from '../../engine/network/address.ts'
import { Switch, type LearnedEvent, type Port } from '../../engine/network/switch.ts'
import { frameBetween, mac } from './arbitraries.ts'

interface TestPort {
  readonly port: Port
  readonly got: Uint8Array[]
}

function plug(network: Switch, count: number): TestPort[] {
  return Array.from({ length: count }, (_, i) => {
    const got: Uint8Array[] = []
    return { port: network.attach(`p${i}`, (frame) => got.push(frame)), got }
  })
}
function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`no element ${index}`)
  return item
}

describe('switch', () => {
  it('floods a frame for an unknown address or for all to every port but its own', () => {
    const [a, b, c] = plug(new Switch(), 3) as [TestPort, TestPort, TestPort]
    a.port.send(frameBetween(mac(1), mac(9)))
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    expect([a, b, c].map((p) => p.got.length)).toEqual([0, 2, 2])
  })

  it('sends a frame for a learned address to exactly one port, wherever the addresses wander', () => {
    const PORTS = 4
    const step = fc.record({
      from: fc.nat(PORTS - 1),
      source: fc.nat(5),
      destination: fc.nat(5),
      announce: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const network = new Switch({ now: () => 0 })
        const ports = plug(network, PORTS)
        const place = new Map<number, number>()
        for (const { from, source, destination, announce } of steps) {
          const frame = announce
            ? announcement({ mac: mac(source), ip: `10.0.0.${source}` })
            : frameBetween(mac(source), mac(destination))
          for (const p of ports) p.got.length = 0
          at(ports, from).port.send(frame)
          place.set(source, from)
          const known = announce ? undefined : place.get(destination)
          const expected = ports.map((_, i) => (known === undefined ? i !== from : i === known && i !== from))
          expect(ports.map((p) => p.got.length)).toEqual(expected.map(Number))
          expect(network.portOf(mac(source))).toBe(`p${from}`)
        }
      }),
    )
  })

  it('lets traffic follow an announcement from another port at once', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(3), (before, after) => {
        const network = new Switch()
        const ports = plug(network, 5)
        const client = at(ports, 4)
        at(ports, before).port.send(frameBetween(mac(7), BROADCAST_MAC))
        client.port.send(frameBetween(mac(1), mac(7), 'before'))
        at(ports, after).port.send(announcement({ mac: mac(7), ip: '10.0.0.7' }))
        for (const p of ports) p.got.length = 0
        client.port.send(frameBetween(mac(1), mac(7), 'after'))
        expect(ports.map((p) => p.got.length)).toEqual([0, 1, 2, 3, 4].map((i) => Number(i === after)))
      }),
    )
  })

  it('tells when an address is new and when it moves, and not otherwise', () => {
    let now = 1000
    const network = new Switch({ now: () => now })
    const [a, b] = plug(network, 2) as [TestPort, TestPort]
    const events: LearnedEvent[] = []
    network.on('learned', (event) => events.push(event))
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    now = 2000
    b.port.send(announcement({ mac: mac(1), ip: '10.0.0.1' }))
    expect(events).toEqual([
      { mac: mac(1), from: null, to: 'p0', atMs: 1000 },
      { mac: mac(1), from: 'p0', to: 'p1', atMs: 2000 },
    ])
  })

  it('forgets an address that was not seen for the ageing time', () => {
    let now = 0
    const network = new Switch({ ageingMs: 100, now: () => now })
    const [a, b, c] = plug(network, 3) as [TestPort, TestPort, TestPort]
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    now = 100
    expect(network.portOf(mac(1))).toBe('p0')
    now = 101
    expect(network.portOf(mac(1))).toBeNull()
    c.got.length = 0
    b.port.send(frameBetween(mac(2), mac(1)))
    expect(c.got.length).toBe(1)
  })

  it('forgets a port with its addresses when it is detached, and drops what comes from it later', () => {
    const network = new Switch()
    const [a, b, c] = plug(network, 3) as [TestPort, TestPort, TestPort]
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    a.port.detach()
    a.port.detach()
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    expect(network.portOf(mac(1))).toBeNull()
    expect(a.port.attached).toBe(false)
    expect(a.port.counters.droppedDetached).toBe(1)
    expect([b, c].map((p) => p.got.length)).toEqual([1, 1])
    const again = network.attach('p0', () => undefined)
    a.port.detach()
    expect(again.attached).toBe(true)
  })

  it('refuses two ports of one name', () => {
    const network = new Switch()
    network.attach('a', () => undefined)
    expect(() => network.attach('a', () => undefined)).toThrow(expect.objectContaining({ code: 'network.port-name' }))
  })

  it('drops and counts frames that are too short, too long, or from a group address', () => {
    const [a, b] = plug(new Switch(), 2) as [TestPort, TestPort]
    for (const length of [0, 13, 14, 1518, 1519]) a.port.send(new Uint8Array(length))
    a.port.send(frameBetween(BROADCAST_MAC, mac(1)))
    expect(a.port.counters).toMatchObject({ droppedShort: 2, droppedLong: 1, droppedSource: 1, framesIn: 2 })
    expect(b.got.map((frame) => frame.length)).not.toContain(1519)
  })

  it('counts frames and bytes, and what it need not forward', () => {
    const [a, b] = plug(new Switch(), 2) as [TestPort, TestPort]
    const frame = frameBetween(mac(1), BROADCAST_MAC, 'x'.repeat(100))
    a.port.send(frame)
    a.port.send(frameBetween(mac(2), mac(1)))
    expect(a.port.counters).toMatchObject({ framesIn: 2, bytesIn: frame.length + 60, framesOut: 0, filtered: 1 })
    expect(b.port.counters).toMatchObject({ framesOut: 1, bytesOut: frame.length, framesIn: 0 })
  })

  it('gives every receiver bytes of its own', () => {
    const network = new Switch()
    const seen: number[] = []
    network.tap((frame) => frame.fill(0xaa))
    for (const name of ['b', 'c']) {
      network.attach(name, (frame) => {
        seen.push(frame[14] ?? 0)
        // As a machine's thread does with it.
        structuredClone(frame, { transfer: [frame.buffer] })
      })
    }
    const a = network.attach('a', () => undefined)
    const frame = Buffer.from(frameBetween(mac(1), BROADCAST_MAC, 'Z'))
    a.send(frame)
    expect(seen).toEqual([90, 90])
    expect(frame.length).toBe(60)
    expect(network.ports.map((p) => p.counters.bytesOut)).toEqual([60, 60, 0])
  })

  it('keeps the order of frames that are sent from within a delivery', () => {
    const network = new Switch()
    const seen: string[] = []
    const a = network.attach('a', (frame) => seen.push(`a<${macAt(frame, 6)}`))
    const b = network.attach('b', (frame) => {
      if (macAt(frame, 6) === mac(1)) b.send(frameBetween(mac(2), mac(9)))
    })
    network.attach('c', (frame) => seen.push(`c<${macAt(frame, 6)}`))
    a.send(frameBetween(mac(1), BROADCAST_MAC))
    expect(seen).toEqual([`c<${mac(1)}`, `a<${mac(2)}`, `c<${mac(2)}`])
  })

  it('serves the others when a receiver throws', () => {
    const network = new Switch()
    const bad = network.attach('bad', () => {
      throw new Error('broken')
    })
    const [a, b] = plug(network, 2) as [TestPort, TestPort]
    a.port.send(frameBetween(mac(1), BROADCAST_MAC))
    expect(b.got.length).toBe(1)
    expect(bad.counters).toMatchObject({ droppedDelivery: 1, framesOut: 0 })
  })

  it('bounds its table, the address unseen for longest giving way', () => {
    let now = 0
    const network = new Switch({ tableSize: 3, now: () => now++ })
    const a = network.attach('a', () => undefined)
    for (const n of [1, 2, 3, 1, 4]) a.send(frameBetween(mac(n), BROADCAST_MAC))
    expect(network.table().map((entry) => entry.mac)).toEqual([mac(3), mac(1), mac(4)])
  })
})
