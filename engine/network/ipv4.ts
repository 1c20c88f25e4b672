/** IPv4 packets (RFC 791). Options are skipped when read and never written; fragments are told, not reassembled. */
import { bytes, record, u16, u8 } from '../util/record.ts'
import { checkField, ipv4At, ipv4Bytes } from './address.ts'
import { internetChecksum } from './checksum.ts'

export const IP_PROTOCOL = { icmp: 1, udp: 17 } as const
/** Bytes of a header without options. */
export const IPV4_HEADER_BYTES = 20

export interface Ipv4Packet {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  /** Hops left, 0–255. */
  readonly timeToLive: number
  readonly identification: number
  /** Type of service, today DSCP and ECN (RFC 2474, RFC 3168). */
  readonly serviceType: number
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  /** Position of this fragment in units of 8 bytes. */
  readonly fragmentOffset: number
  /** A view onto the packet when decoded, without the frame's padding. */
  readonly payload: Uint8Array
}

const layout = record('ipv4', 'be', {
  versionAndLength: u8,
  serviceType: u8,
  totalLength: u16,
  identification: u16,
  flagsAndOffset: u16,
  timeToLive: u8,
  protocol: u8,
  checksum: u16,
  source: bytes(4),
  destination: bytes(4),
})
const CHECKSUM_OFFSET = 10
const DONT_FRAGMENT = 0x4000
const MORE_FRAGMENTS = 0x2000
const OFFSET_MASK = 0x1fff

/** The fields that most packets share: not a fragment, 64 hops (RFC 1700), plain service. */
export const IPV4_DEFAULTS = {
  timeToLive: 64,
  identification: 0,
  serviceType: 0,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
} as const

/** The packet with its header checksum. Throws `network.ip`, or `network.field` for a value out of its range. */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array<ArrayBuffer> {
  checkField('ipv4.protocol', packet.protocol, 8)
  checkField('ipv4.timeToLive', packet.timeToLive, 8)
  checkField('ipv4.identification', packet.identification, 16)
  checkField('ipv4.serviceType', packet.serviceType, 8)
  checkField('ipv4.fragmentOffset', packet.fragmentOffset, 13)
  const totalLength = IPV4_HEADER_BYTES + packet.payload.length
  checkField('ipv4.totalLength', totalLength, 16)
  const out = new Uint8Array(totalLength)
  out.set(
    layout.encode({
      versionAndLength: 0x45,
      serviceType: packet.serviceType,
      totalLength,
      identification: packet.identification,
      flagsAndOffset:
        (packet.dontFragment ? DONT_FRAGMENT : 0) | (packet.moreFragments ? MORE_FRAGMENTS : 0) | packet.fragmentOffset,
      timeToLive: packet.timeToLive,
      protocol: packet.protocol,
      checksum: 0,
      source: ipv4Bytes(packet.source),
      destination: ipv4Bytes(packet.destination),
    }),
  )
  new DataView(out.buffer).setUint16(CHECKSUM_OFFSET, internetChecksum(out.subarray(0, IPV4_HEADER_BYTES)))
  out.set(packet.payload, IPV4_HEADER_BYTES)
  return out
}

/** The packet at the start of `data`, or null where version, a length or the header checksum is wrong. */
export function decodeIpv4(data: Uint8Array): Ipv4Packet | null {
  if (data.length < IPV4_HEADER_BYTES) return null
  const raw = layout.decode(data)
  const headerBytes = (raw.versionAndLength & 0xf) * 4
  if (raw.versionAndLength >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES) return null
  if (raw.totalLength < headerBytes || raw.totalLength > data.length) return null
  if (internetChecksum(data.subarray(0, headerBytes)) !== 0) return null
  return {
    source: ipv4At(raw.source, 0),
    destination: ipv4At(raw.destination, 0),
    protocol: raw.protocol,
    timeToLive: raw.timeToLive,
    identification: raw.identification,
    serviceType: raw.serviceType,
    dontFragment: (raw.flagsAndOffset & DONT_FRAGMENT) !== 0,
    moreFragments: (raw.flagsAndOffset & MORE_FRAGMENTS) !== 0,
    fragmentOffset: raw.flagsAndOffset & OFFSET_MASK,
    payload: data.subarray(headerBytes, raw.totalLength),
  }
}

/** True where the packet is a piece of a larger one. */
export function isFragment(packet: Ipv4Packet): boolean {
  return packet.moreFragments || packet.fragmentOffset !== 0
}
