import { describe, expect, it } from 'vitest'
import { HostBridge } from '../../engine/network/bridge.ts'
import { Switch, type LearnedEvent } from '../../engine/network/switch.ts'
import { BROADCAST_MAC } from '../../engine/network/address.ts'
import { frameBetween, mac } from './arbitraries.ts'

function lab() {
  const network = new Switch()
  const xen = new HostBridge('xen', network)
  const kvm = new HostBridge('kvm', network)
  const client: Uint8Array[] = []
  const clientPort = network.attach('client', (frame) => client.push(frame))
  const guest = (host: HostBridge, name: string) => {
    const got: Uint8Array[] = []
    return { port: host.attach(name, (frame) => got.push(frame)), got }
  }
  return { network, xen, kvm, client, clientPort, guest }
}

describe('bridge of a host', () => {
  it('lets guests of one host talk without using the uplink', () => {
    const { xen, client, guest } = lab()
    const g1 = guest(xen, 'g1')
    const g2 = guest(xen, 'g2')
    g2.port.send(frameBetween(mac(2), BROADCAST_MAC))
    client.length = 0
    const before = xen.uplink.counters.framesIn
    g1.port.send(frameBetween(mac(1), mac(2)))
    expect(g2.got.length).toBe(1)
    expect(client.length).toBe(0)
    expect(xen.uplink.counters.framesIn).toBe(before)
    expect(xen.vifOf(mac(2))).toBe('g2')
  })

  it('carries frames between guests of two hosts and the client', () => {
    const { xen, kvm, client, clientPort, guest } = lab()
    const g1 = guest(xen, 'g1')
    const g2 = guest(kvm, 'g2')
    g1.port.send(frameBetween(mac(1), BROADCAST_MAC))
    g2.port.send(frameBetween(mac(2), mac(1)))
    clientPort.send(frameBetween(mac(9), mac(2)))
    expect([g1.got.length, g2.got.length, client.length]).toEqual([1, 2, 1])
  })

  it('forgets the address of a guest whose vif is removed, and drops its late frames', () => {
    const { xen, client, guest } = lab()
    const g1 = guest(xen, 'g1')
    g1.port.send(frameBetween(mac(1), BROADCAST_MAC))
    expect(xen.vifOf(mac(1))).toBe('g1')
    g1.port.detach()
    g1.port.send(frameBetween(mac(1), BROADCAST_MAC))
    expect(xen.vifOf(mac(1))).toBeNull()
    expect(xen.vifs).toEqual([])
    expect(client.length).toBe(1)
  })

  it('leads the client to a moved guest from its announcement on, and late frames of the source lead nowhere', () => {
    const { network, xen, kvm, client, clientPort, guest } = lab()
    const source = guest(xen, 'g1')
    const events: LearnedEvent[] = []
    network.on('learned', (event) => events.push(event))
    source.port.send(frameBetween(mac(1), BROADCAST_MAC))
    source.port.detach()
    const target = guest(kvm, 'g1')
    clientPort.send(frameBetween(mac(9), mac(1), 'lost'))
    expect([source.got.length, target.got.length]).toEqual([0, 0])
    kvm.announce('g1', { mac: mac(1), ip: '10.0.0.1' })
    source.port.send(frameBetween(mac(1), BROADCAST_MAC, 'late'))
    clientPort.send(frameBetween(mac(9), mac(1), 'found'))
    expect([source.got.length, target.got.length]).toEqual([0, 1])
    expect(client.length).toBe(2)
    expect(events.filter((event) => event.mac === mac(1)).map(({ from, to }) => [from, to])).toEqual([
      [null, 'xen'],
      ['xen', 'kvm'],
    ])
  })

  it('announces only guests that are plugged in', () => {
    const { xen } = lab()
    for (const vif of ['g1', 'uplink']) {
      expect(() => xen.announce(vif, { mac: mac(1), ip: '10.0.0.1' })).toThrow(
        expect.objectContaining({ code: 'network.no-vif' }),
      )
    }
  })

  it('leaves the switch when it is closed', () => {
    const { network, xen, guest } = lab()
    const g1 = guest(xen, 'g1')
    xen.close()
    xen.close()
    expect(network.ports.map((port) => port.name)).toEqual(['kvm', 'client'])
    expect(g1.port.attached).toBe(false)
    expect(() => xen.attach('g2', () => undefined)).toThrow(expect.objectContaining({ code: 'network.closed' }))
  })
})
