/** TCP segments (RFC 9293, 3.1) over IPv4, as far as a client that downloads needs them. Pure. */
import { internetChecksum } from '../../../../engine/network/checksum.ts'
import { ipv4Bytes } from '../../../../engine/network/address.ts'
import type { UdpAddresses } from '../../../../engine/network/udp.ts'
import { bytes, pad, record, u16, u32, u8 } from '../../../../engine/util/record.ts'

export const TCP_PROTOCOL = 6
export const FIN = 1
export const SYN = 2
export const RST = 4
export const PSH = 8
export const ACK = 16
/** What fits into an Ethernet frame behind both headers. */
export const MAX_SEGMENT_BYTES = 1460

export interface Segment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgement: number
  readonly flags: number
  readonly window: number
  /** A view onto the segment when decoded. */
  readonly payload: Uint8Array
}

const layout = record('tcp', 'be', {
  sourcePort: u16,
  destinationPort: u16,
  sequence: u32,
  acknowledgement: u32,
  dataOffset: u8,
  flags: u8,
  window: u16,
  checksum: u16,
  urgent: u16,
})
const CHECKSUM_OFFSET = 16
const pseudo = record('tcp pseudo-header', 'be', {
  source: bytes(4),
  destination: bytes(4),
  zero: pad(1),
  protocol: u8,
  length: u16,
})
/** Option "maximum segment size" (3.2); absent, the other side would send 536 bytes at a time. */
const MSS_OPTION = Uint8Array.of(2, 4, MAX_SEGMENT_BYTES >> 8, MAX_SEGMENT_BYTES & 0xff)

/** The segment with its checksum; a SYN carries the maximum segment size. */
export function encodeTcp(segment: Segment, addresses: UdpAddresses): Uint8Array<ArrayBuffer> {
  const options = (segment.flags & SYN) !== 0 ? MSS_OPTION : new Uint8Array()
  const headerBytes = layout.bytes + options.length
  const { payload, ...header } = segment
  const out = new Uint8Array(headerBytes + payload.length)
  out.set(layout.encode({ ...header, dataOffset: (headerBytes / 4) << 4, checksum: 0, urgent: 0 }))
  out.set(options, layout.bytes)
  out.set(payload, headerBytes)
  new DataView(out.buffer).setUint16(CHECKSUM_OFFSET, checksum(addresses, out))
  return out
}

/** The segment, or null where a length or the checksum is wrong. Options are skipped. */
export function decodeTcp(data: Uint8Array, addresses: UdpAddresses): Segment | null {
  if (data.length < layout.bytes || checksum(addresses, data) !== 0) return null
  const { dataOffset, checksum: _sum, urgent: _urgent, ...header } = layout.decode(data)
  const headerBytes = (dataOffset >> 4) * 4
  if (headerBytes < layout.bytes || headerBytes > data.length) return null
  return { ...header, payload: data.subarray(headerBytes) }
}

function checksum({ source, destination }: UdpAddresses, segment: Uint8Array): number {
  const before = pseudo.encode({
    source: ipv4Bytes(source),
    destination: ipv4Bytes(destination),
    protocol: TCP_PROTOCOL,
    length: segment.length,
  })
  return internetChecksum(before, segment)
}
