import { describe, expect, it } from 'vitest'
import { announcement } from '../../engine/network/announce.ts'
import { decodeArp } from '../../engine/network/arp.ts'
import { HostBridge } from '../../engine/network/bridge.ts'
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from '../../engine/network/ethernet.ts'
import { encodeIcmp } from '../../engine/network/icmp.ts'
import { decodeIpv4, encodeIpv4, IPV4_DEFAULTS } from '../../engine/network/ipv4.ts'
import { outage } from '../../engine/network/outage.ts'
import type { ProbeKind } from '../../engine/network/probe.ts'
import { Station } from '../../engine/network/station.ts'
import { Switch } from '../../engine/network/switch.ts'
import { sleep } from '../../engine/util/clock.ts'
import { mac } from './arbitraries.ts'

const CLIENT = { name: 'client', mac: mac(0xfe), ip: '10.0.0.254' }
const GUEST = { name: 'guest', mac: mac(1), ip: '10.0.0.1', echoService: true }
const code = (text: string): unknown => expect.objectContaining({ code: text })

/** Counts the ARP requests on a switch. */
function countRequests(network: Switch): () => number {
  let count = 0
  network.tap((frame) => {
    const ethernet = decodeEthernet(frame)
    if (ethernet?.etherType === ETHER_TYPE.arp && decodeArp(ethernet.payload)?.operation === 'request') count++
  })
  return () => count
}

describe('station', () => {
  it('resolves an address once and keeps it', async () => {
    const network = new Switch()
    const requests = countRequests(network)
    const client = new Station(network, CLIENT)
    const guest = new Station(network, GUEST)
    expect(await Promise.all([client.resolve(GUEST.ip), client.resolve(GUEST.ip)])).toEqual([GUEST.mac, GUEST.mac])
    expect(await client.resolve(GUEST.ip)).toBe(GUEST.mac)
    expect(requests()).toBe(1)
    // The guest learned the asker's address from the request (RFC 826).
    expect(guest.arpTable).toMatchObject([{ ip: CLIENT.ip, mac: CLIENT.mac }])
  })

  it('asks again until somebody answers, and says so when nobody does', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    await expect(client.resolve('10.0.0.9', 30)).rejects.toEqual(code('network.arp-timeout'))
    await expect(client.resolve('10.0.0')).rejects.toEqual(code('network.ip'))
    const late = client.resolve(GUEST.ip, 3000)
    await sleep(20)
    new Station(network, GUEST)
    expect(await late).toBe(GUEST.mac)
  })

  it('takes a new address from an announcement, if it knew the old one', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    const guest = new Station(network, GUEST)
    const other = network.attach('other', () => undefined)
    other.send(announcement({ mac: mac(5), ip: '10.0.0.5' }))
    expect(client.arpTable).toEqual([])
    await client.resolve(GUEST.ip)
    guest.close()
    other.send(announcement({ mac: mac(7), ip: GUEST.ip }))
    expect(await client.resolve(GUEST.ip)).toBe(mac(7))
    // Nobody may claim to be everybody.
    const claim = announcement({ mac: mac(7), ip: GUEST.ip })
    claim.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 22)
    other.send(claim)
    expect(await client.resolve(GUEST.ip)).toBe(mac(7))
  })

  it('pings, and says when nobody answers', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    const guest = new Station(network, GUEST)
    const rtt = await client.ping(GUEST.ip)
    expect(rtt).toBeGreaterThanOrEqual(0)
    expect(rtt).toBeLessThan(100)
    guest.close()
    await expect(client.ping(GUEST.ip, 30)).rejects.toEqual(code('network.ping-timeout'))
  })

  it('releases all who wait when it is closed', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    const guest = new Station(network, GUEST)
    await client.resolve(GUEST.ip)
    guest.close()
    const ping = client.ping(GUEST.ip)
    const resolve = client.resolve('10.0.0.77')
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 1, kind: 'icmp' })
    client.close()
    client.close()
    await expect(ping).rejects.toEqual(code('network.closed'))
    await expect(resolve).rejects.toEqual(code('network.closed'))
    const before = probe.series().sentAtMs.length
    await sleep(10)
    expect(probe.series().sentAtMs.length).toBe(before)
    await expect(client.probe({ ip: GUEST.ip, intervalMs: 1, kind: 'icmp' })).rejects.toEqual(code('network.closed'))
  })

  it('survives whatever a guest sends it', () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    const guest = network.attach('guest', () => undefined)
    const to = { destination: CLIENT.mac, source: GUEST.mac }
    for (let length = 0; length < 60; length++) {
      for (const etherType of Object.values(ETHER_TYPE)) {
        guest.send(encodeEthernet({ ...to, etherType, payload: new Uint8Array(length).fill(0x45) }))
      }
    }
    // A ping of 1504 bytes in a frame of 1518, which cannot be answered.
    const echo = encodeIcmp({ kind: 'request', identifier: 0, sequence: 0, payload: new Uint8Array(1476) })
    const ip = encodeIpv4({ ...IPV4_DEFAULTS, source: GUEST.ip, destination: CLIENT.ip, protocol: 1, payload: echo })
    const head = encodeEthernet({ ...to, etherType: ETHER_TYPE.ipv4, payload: new Uint8Array(0) }).subarray(0, 14)
    guest.send(Uint8Array.of(...head, ...ip))
    expect(network.ports.map((port) => port.counters.droppedDelivery)).toEqual([0, 0])
    client.close()
  })

  it('does not let two echo services talk to each other for ever', async () => {
    const network = new Switch()
    const client = new Station(network, { ...CLIENT, echoService: true })
    new Station(network, GUEST)
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 10, kind: 'udp' })
    const series = await probe.stop()
    expect(series.answeredAtMs.every((at) => !Number.isNaN(at))).toBe(true)
  })
})

describe('probe', () => {
  it('refuses intervals outside 1–1000 ms', async () => {
    const client = new Station(new Switch(), CLIENT)
    for (const intervalMs of [0, 0.5, 1001, NaN]) {
      await expect(client.probe({ ip: GUEST.ip, intervalMs, kind: 'icmp' })).rejects.toEqual(
        code('network.probe-interval'),
      )
    }
  })

  it.each([
    ['icmp', 1],
    ['udp', 1],
    ['icmp', 2.5],
    ['udp', 10],
  ] as const)('keeps an even pace without drift (%s, every %d ms)', async (kind: ProbeKind, intervalMs: number) => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    new Station(network, GUEST)
    const probe = await client.probe({ ip: GUEST.ip, intervalMs, kind })
    await sleep(400)
    const series = await probe.stop()
    const sent = [...series.sentAtMs]
    const span = (sent.at(-1) ?? 0) - (sent[0] ?? 0)
    // As many as fit into the time there was, but for those skipped; a busy machine makes the first or the last one late.
    const fit = span / intervalMs + 1
    expect(Math.abs(fit - sent.length - series.skipped)).toBeLessThan(2 + fit / 20)
    // Never before it is due. The first may itself have been late, by less than an interval: else one was skipped.
    const due = (k: number): number => (sent[0] ?? 0) + k * intervalMs
    if (series.skipped === 0) sent.forEach((at, k) => expect(at).toBeGreaterThan(due(k) - intervalMs))
    expect(series.answeredAtMs.length).toBe(sent.length)
    expect(series.answeredAtMs.every((at, k) => at >= (sent[k] ?? 0))).toBe(true)
  })

  it('records true send times, catches up after a stall, and skips what is too much', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    new Station(network, GUEST)
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 1, kind: 'icmp' })
    await sleep(20)
    const until = performance.now() + 100
    while (performance.now() < until);
    await sleep(20)
    const series = await probe.stop()
    expect(series.skipped).toBeGreaterThanOrEqual(60)
    const span = (series.sentAtMs.at(-1) ?? 0) - (series.sentAtMs[0] ?? 0)
    expect(Math.abs(span + 1 - series.sentAtMs.length - series.skipped)).toBeLessThan(2 + span / 20)
    const report = outage(series)
    expect(report?.resolution_ms).toBeGreaterThanOrEqual(99)
    expect(report?.outage_ms).toBeLessThanOrEqual(report?.resolution_ms ?? 0)
  })

  it('measures how long a guest is away, with every request in its place', async () => {
    const network = new Switch()
    const xen = new HostBridge('xen', network)
    const kvm = new HostBridge('kvm', network)
    const client = new Station(network, CLIENT)
    const source = new Station(xen, GUEST)
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 2, kind: 'udp' })
    await sleep(100)
    source.close()
    const from = performance.timeOrigin + performance.now()
    await sleep(120)
    new Station(kvm, GUEST)
    kvm.announce(GUEST.name, GUEST)
    const to = performance.timeOrigin + performance.now()
    await sleep(100)
    const report = outage(await probe.stop(), { fromMs: from, toMs: to })
    expect(report?.recovered).toBe(true)
    expect(Math.abs((report?.outage_ms ?? 0) - (to - from))).toBeLessThanOrEqual((report?.resolution_ms ?? 0) + 1)
    expect(report?.lost).toBeGreaterThan(20)
    expect(network.portOf(GUEST.mac)).toBe('kvm')
  })

  it('shares the network with other probes', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    new Station(network, GUEST)
    new Station(network, { ...GUEST, name: 'second', mac: mac(2), ip: '10.0.0.2' })
    const probes = await Promise.all([
      client.probe({ ip: GUEST.ip, intervalMs: 5, kind: 'icmp' }),
      client.probe({ ip: GUEST.ip, intervalMs: 5, kind: 'udp' }),
      client.probe({ ip: '10.0.0.2', intervalMs: 5, kind: 'udp' }),
    ])
    await sleep(60)
    for (const series of await Promise.all(probes.map((probe) => probe.stop()))) {
      expect(series.sentAtMs.length).toBeGreaterThan(5)
      expect(series.duplicates).toBe(0)
      expect(series.answeredAtMs.some(Number.isNaN)).toBe(false)
    }
  })

  it('counts a refusal as lost, and tells of it', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    const port = network.attach('guest', (data) => {
      const frame = decodeEthernet(data)
      const packet = frame?.etherType === ETHER_TYPE.ipv4 ? decodeIpv4(frame.payload) : null
      if (frame === null || packet === null) return
      const quoted = frame.payload.slice(0, 28)
      const payload = encodeIcmp({ kind: 'unreachable', code: 3, quoted })
      const ip = { ...IPV4_DEFAULTS, source: GUEST.ip, destination: CLIENT.ip, protocol: 1, payload }
      const reply = { destination: CLIENT.mac, source: GUEST.mac, etherType: ETHER_TYPE.ipv4, payload: encodeIpv4(ip) }
      port.send(encodeEthernet(reply))
    })
    const resolved = client.resolve(GUEST.ip)
    port.send(announcement(GUEST))
    expect(await resolved).toBe(GUEST.mac)
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 10, kind: 'udp' })
    const series = await probe.stop(10)
    expect(series.refused).toBe(series.sentAtMs.length)
    expect(series.answeredAtMs.every(Number.isNaN)).toBe(true)
  })

  it('notes a second answer as a duplicate', async () => {
    const network = new Switch()
    const client = new Station(network, CLIENT)
    new Station(network, GUEST)
    await client.resolve(GUEST.ip)
    const mirror = network.attach('mirror', () => undefined)
    const untap = network.tap((frame, from) => {
      if (from === GUEST.name) mirror.send(frame)
    })
    const probe = await client.probe({ ip: GUEST.ip, intervalMs: 1000, kind: 'icmp' })
    untap()
    expect((await probe.stop()).duplicates).toBe(1)
  })
})
