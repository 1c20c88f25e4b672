import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeArp, encodeArp } from '../../engine/network/arp.ts'
import { announcedBy, announcement } from '../../engine/network/announce.ts'
import { internetChecksum } from '../../engine/network/checksum.ts'
import { decodeEthernet, encodeEthernet } from '../../engine/network/ethernet.ts'
import { decodeIcmp, encodeIcmp, type IcmpEcho } from '../../engine/network/icmp.ts'
import { decodeIpv4, encodeIpv4, IPV4_DEFAULTS, type Ipv4Packet } from '../../engine/network/ipv4.ts'
import { macAt, macBytes, parseIpv4, parseMac } from '../../engine/network/address.ts'
import { decodeUdp, encodeUdp } from '../../engine/network/udp.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { anyIp, anyMac, bytesUpTo, port } from './arbitraries.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
/** One byte of `data` changed by a non-zero difference. */
const damaged = (data: Uint8Array, at: number, by: number): Uint8Array => {
  const copy = Uint8Array.from(data)
  const i = at % copy.length
  copy[i] = (copy[i] ?? 0) ^ by
  return copy
}
const ipv4Packet: fc.Arbitrary<Ipv4Packet> = fc.record({
  source: anyIp,
  destination: anyIp,
  protocol: fc.integer({ min: 0, max: 255 }),
  timeToLive: fc.integer({ min: 0, max: 255 }),
  identification: port,
  serviceType: fc.integer({ min: 0, max: 255 }),
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  fragmentOffset: fc.integer({ min: 0, max: 0x1fff }),
  payload: bytesUpTo(200),
})

describe('addresses', () => {
  it('reads back every MAC address it writes', () => {
    fc.assert(
      fc.property(anyMac, (mac) => {
        expect(macAt(macBytes(mac), 0)).toBe(mac)
      }),
    )
  })
  it('puts MAC addresses into one form, and refuses what is none', () => {
    expect(parseMac('02:AB:00:00:00:0F')).toBe('02:ab:00:00:00:0f')
    for (const text of ['', '02:00:00:00:00', '02-00-00-00-00-01', '02:00:00:00:00:0g'])
      expect(parseMac(text)).toBeNull()
  })
  it('refuses IPv4 addresses that could be read in two ways', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(parseIpv4(ip)).toBe(ip)
      }),
    )
    for (const text of ['10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1 ', '1.2.3.4.5'])
      expect(parseIpv4(text)).toBeNull()
  })
})

describe('Internet checksum', () => {
  it('agrees with the example of RFC 1071', () => {
    expect(internetChecksum(hex('0001 f203 f4f5 f6f7'))).toBe(~0xddf2 & 0xffff)
  })
  it('comes out as 0 over data that carry their own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 99 }), (data) => {
        const sum = internetChecksum(Uint8Array.of(0, 0), data)
        expect(internetChecksum(Uint8Array.of(sum >> 8, sum & 0xff), data)).toBe(0)
      }),
    )
  })
})

describe('Ethernet', () => {
  it('reads back every frame it writes, with the padding to 60 bytes behind the payload', () => {
    fc.assert(
      fc.property(anyMac, anyMac, port, bytesUpTo(1500), (destination, source, etherType, payload) => {
        const data = encodeEthernet({ destination, source, etherType, payload })
        const frame = decodeEthernet(data)
        expect(data.length).toBe(Math.max(60, 14 + payload.length))
        expect(frame).toMatchObject({ destination, source, etherType })
        expect(frame?.payload.slice(0, payload.length)).toEqual(payload)
        expect(frame?.payload.slice(payload.length).every((padding) => padding === 0)).toBe(true)
      }),
    )
  })
  it('takes 14 to 1518 bytes for a frame and nothing else', () => {
    for (const length of [0, 13, 1519, 9000]) expect(decodeEthernet(new Uint8Array(length))).toBeNull()
    for (const length of [14, 1518]) expect(decodeEthernet(new Uint8Array(length))).not.toBeNull()
  })
})

describe('ARP', () => {
  const packets = fc.record({
    operation: fc.constantFrom('request' as const, 'reply' as const),
    senderMac: anyMac,
    senderIp: anyIp,
    targetMac: anyMac,
    targetIp: anyIp,
  })
  it('reads back every packet it writes, padding behind it or not', () => {
    fc.assert(
      fc.property(packets, bytesUpTo(20), (packet, padding) => {
        const data = encodeArp(packet)
        expect(data.length).toBe(28)
        expect(decodeArp(Uint8Array.of(...data, ...padding))).toEqual(packet)
      }),
    )
  })
  it('refuses packets that are cut short or about other networks', () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 0, max: 27 }), fc.integer({ min: 0, max: 6 }), (packet, cut, at) => {
        expect(decodeArp(encodeArp(packet).subarray(0, cut))).toBeNull()
        expect(decodeArp(damaged(encodeArp(packet), at, 0x40))).toBeNull()
      }),
    )
  })
  it('announces a guest by a broadcast request for its own address, target hardware address zero (RFC 5227)', () => {
    expect(announcement({ mac: '02:00:00:00:00:0a', ip: '10.0.0.2' })).toEqual(
      hex(`ffffffffffff 02000000000a 0806  0001 0800 06 04 0001  02000000000a 0a000002  000000000000 0a000002
           ${'00'.repeat(18)}`),
    )
  })
  it('tells announcements from other frames', () => {
    fc.assert(
      fc.property(anyMac, anyIp, (mac, ip) => {
        expect(announcedBy(announcement({ mac, ip }))).toEqual({ mac, ip })
      }),
    )
    fc.assert(
      fc.property(bytesUpTo(80), (garbage) => {
        expect(announcedBy(garbage)).toBeNull()
      }),
    )
  })
})

describe('IPv4', () => {
  it('reads back every packet it writes, without the padding behind it', () => {
    fc.assert(
      fc.property(ipv4Packet, bytesUpTo(30), (packet, padding) => {
        expect(decodeIpv4(Uint8Array.of(...encodeIpv4(packet), ...padding))).toEqual(packet)
      }),
    )
  })
  it('agrees with a header whose checksum is known', () => {
    const header = hex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7')
    const packet = decodeIpv4(Uint8Array.of(...header, ...new Uint8Array(95)))
    expect(packet).toMatchObject({ source: '192.168.0.1', destination: '192.168.0.199', protocol: 17, timeToLive: 64 })
  })
  it('skips options', () => {
    const plain = encodeIpv4({
      ...IPV4_DEFAULTS,
      source: '1.2.3.4',
      destination: '5.6.7.8',
      protocol: 1,
      payload: hex('aabb'),
    })
    const header = Uint8Array.of(...plain.subarray(0, 20), 1, 1, 1, 0)
    header.set([0x46], 0)
    header.set([0, 26], 2)
    header.set([0, 0], 10)
    const sum = internetChecksum(header)
    header.set([sum >> 8, sum & 0xff], 10)
    expect(decodeIpv4(Uint8Array.of(...header, 0xaa, 0xbb))?.payload).toEqual(hex('aabb'))
  })
  it('refuses a header with any byte damaged, and a packet cut short', () => {
    fc.assert(
      fc.property(ipv4Packet, fc.nat(19), fc.integer({ min: 1, max: 255 }), fc.nat(), (packet, at, by, cut) => {
        const data = encodeIpv4(packet)
        expect(decodeIpv4(damaged(data.subarray(0, 20), at, by))).toBeNull()
        expect(decodeIpv4(data.subarray(0, cut % data.length))).toBeNull()
      }),
    )
  })
})

describe('ICMP', () => {
  const echoes: fc.Arbitrary<IcmpEcho> = fc.record({
    kind: fc.constantFrom('request' as const, 'reply' as const),
    identifier: port,
    sequence: port,
    payload: bytesUpTo(100),
  })
  it('reads back every message it writes', () => {
    fc.assert(
      fc.property(echoes, (echo) => {
        expect(decodeIcmp(encodeIcmp(echo))).toEqual(echo)
      }),
    )
    fc.assert(
      fc.property(fc.nat(255), bytesUpTo(60), (code, quoted) => {
        const message = { kind: 'unreachable' as const, code, quoted }
        expect(decodeIcmp(encodeIcmp(message))).toEqual(message)
      }),
    )
  })
  it('refuses a message with any byte damaged', () => {
    fc.assert(
      fc.property(echoes, fc.nat(), fc.integer({ min: 1, max: 255 }), (echo, at, by) => {
        expect(decodeIcmp(damaged(encodeIcmp(echo), at, by))).toBeNull()
      }),
    )
  })
})

describe('UDP', () => {
  const datagrams = fc.record({ sourcePort: port, destinationPort: port, payload: bytesUpTo(100) })
  const addresses = fc.record({ source: anyIp, destination: anyIp })
  it('reads back every datagram it writes, and never writes the checksum that means none', () => {
    fc.assert(
      fc.property(datagrams, addresses, (datagram, between) => {
        const data = encodeUdp(datagram, between)
        expect(decodeUdp(data, between)).toEqual(datagram)
        expect((data[6] ?? 0) | (data[7] ?? 0)).not.toBe(0)
      }),
    )
  })
  it('sends a checksum that comes out as 0 as all ones (RFC 768)', () => {
    const between = { source: '0.0.0.0', destination: '0.0.0.0' }
    // The pseudo-header and header add up to 17 + 2·10; a payload word completes the sum to 0xffff.
    const word = 0xffff - 37
    const data = encodeUdp(
      { sourcePort: 0, destinationPort: 0, payload: Uint8Array.of(word >> 8, word & 0xff) },
      between,
    )
    expect(data.subarray(6, 8)).toEqual(hex('ffff'))
    expect(decodeUdp(data, between)).not.toBeNull()
  })
  it('accepts a datagram whose sender computed no checksum', () => {
    const data = hex('0007 c000 000a 0000 6869')
    expect(decodeUdp(data, { source: '10.0.0.2', destination: '10.0.0.1' })?.payload).toEqual(hex('6869'))
  })
  it('refuses a datagram with any byte of payload or ports damaged, or one for other addresses', () => {
    fc.assert(
      fc.property(datagrams, addresses, fc.nat(3), fc.integer({ min: 1, max: 255 }), (datagram, between, at, by) => {
        expect(decodeUdp(damaged(encodeUdp(datagram, between), at, by), between)).toBeNull()
      }),
    )
    const data = encodeUdp(
      { sourcePort: 1, destinationPort: 2, payload: hex('00') },
      { source: '1.1.1.1', destination: '2.2.2.2' },
    )
    expect(decodeUdp(data, { source: '1.1.1.1', destination: '2.2.2.3' })).toBeNull()
  })
})

describe('every codec', () => {
  it('answers garbage with null or a value, and never throws', () => {
    const between = { source: '10.0.0.1', destination: '10.0.0.2' }
    fc.assert(
      fc.property(fc.oneof(bytesUpTo(64), bytesUpTo(2000)), (garbage) => {
        for (const decode of [decodeEthernet, decodeArp, decodeIpv4, decodeIcmp]) decode(garbage)
        decodeUdp(garbage, between)
      }),
      { numRuns: 1000 },
    )
  })
  it('refuses with a typed error what does not fit its field', () => {
    const between = { source: '10.0.0.1', destination: '10.0.0.2' }
    const payload = new Uint8Array(0)
    const refused: readonly (() => unknown)[] = [
      () => encodeEthernet({ destination: 'nobody', source: '02:00:00:00:00:01', etherType: 1, payload }),
      () =>
        encodeEthernet({ destination: '02:00:00:00:00:01', source: '02:00:00:00:00:01', etherType: 65536, payload }),
      () =>
        encodeEthernet({
          destination: '02:00:00:00:00:01',
          source: '02:00:00:00:00:01',
          etherType: 1,
          payload: new Uint8Array(1501),
        }),
      () => encodeIpv4({ ...IPV4_DEFAULTS, source: '10.0.0.1', destination: '10.0.0.300', protocol: 1, payload }),
      () => encodeIpv4({ ...IPV4_DEFAULTS, ...between, protocol: 1, payload: new Uint8Array(65520) }),
      () => encodeIcmp({ kind: 'request', identifier: -1, sequence: 0, payload }),
      () => encodeUdp({ sourcePort: 1.5, destinationPort: 0, payload }, between),
    ]
    for (const call of refused) expect(call).toThrow(FerryError)
  })
})
