/** UDP datagrams (RFC 768) over IPv4, with their checksum over the pseudo-header. */
import { bytes, pad, record, u16, u8 } from '../util/record.ts'
import { checkField, ipv4Bytes } from './address.ts'
import { internetChecksum } from './checksum.ts'
import { IP_PROTOCOL } from './ipv4.ts'

/** The echo service (RFC 862): whatever comes is sent back. */
export const ECHO_PORT = 7

export interface UdpDatagram {
  readonly sourcePort: number
  readonly destinationPort: number
  /** A view onto the datagram when decoded. */
  readonly payload: Uint8Array
}

/** The addresses of the packet around the datagram, which its checksum covers. */
export interface UdpAddresses {
  readonly source: string
  readonly destination: string
}

const layout = record('udp', 'be', { sourcePort: u16, destinationPort: u16, length: u16, checksum: u16 })
const pseudo = record('udp pseudo-header', 'be', {
  source: bytes(4),
  destination: bytes(4),
  zero: pad(1),
  protocol: u8,
  length: u16,
})

function checksum(addresses: UdpAddresses, datagram: Uint8Array): number {
  const before = pseudo.encode({
    source: ipv4Bytes(addresses.source),
    destination: ipv4Bytes(addresses.destination),
    protocol: IP_PROTOCOL.udp,
    length: datagram.length,
  })
  return internetChecksum(before, datagram)
}

/** The datagram with its checksum. Throws `network.ip`, or `network.field` for a value out of its range. */
export function encodeUdp(datagram: UdpDatagram, addresses: UdpAddresses): Uint8Array<ArrayBuffer> {
  const length = layout.bytes + datagram.payload.length
  checkField('udp.sourcePort', datagram.sourcePort, 16)
  checkField('udp.destinationPort', datagram.destinationPort, 16)
  checkField('udp.length', length, 16)
  const out = new Uint8Array(length)
  out.set(
    layout.encode({
      sourcePort: datagram.sourcePort,
      destinationPort: datagram.destinationPort,
      length,
      checksum: 0,
    }),
  )
  out.set(datagram.payload, layout.bytes)
  // Zero on the wire means "no checksum"; a computed zero is sent as its other form (RFC 768).
  new DataView(out.buffer).setUint16(6, checksum(addresses, out) || 0xffff)
  return out
}

/**
 * The datagram, or null where its length or checksum is wrong. A checksum of zero was not computed by the sender and
 * is accepted. Throws `network.ip` only where `addresses` are none.
 */
export function decodeUdp(data: Uint8Array, addresses: UdpAddresses): UdpDatagram | null {
  if (data.length < layout.bytes) return null
  const raw = layout.decode(data)
  if (raw.length < layout.bytes || raw.length > data.length) return null
  const datagram = data.subarray(0, raw.length)
  if (raw.checksum !== 0 && checksum(addresses, datagram) !== 0) return null
  return { sourcePort: raw.sourcePort, destinationPort: raw.destinationPort, payload: datagram.subarray(layout.bytes) }
}
