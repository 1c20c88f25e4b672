/** ARP for IPv4 over Ethernet (RFC 826): the payload of frames of type 0x0806. */
import { bytes, record, u16, u8 } from '../util/record.ts'
import { ipv4At, ipv4Bytes, macAt, macBytes } from './address.ts'
import { ETHER_TYPE } from './ethernet.ts'

export interface ArpPacket {
  readonly operation: 'request' | 'reply'
  readonly senderMac: string
  readonly senderIp: string
  readonly targetMac: string
  readonly targetIp: string
}

const HARDWARE_ETHERNET = 1
const REQUEST = 1
const REPLY = 2

const layout = record('arp', 'be', {
  hardwareType: u16,
  protocolType: u16,
  hardwareBytes: u8,
  protocolBytes: u8,
  operation: u16,
  senderMac: bytes(6),
  senderIp: bytes(4),
  targetMac: bytes(6),
  targetIp: bytes(4),
})

/** 28 bytes. Throws `network.mac` or `network.ip`. */
export function encodeArp(packet: ArpPacket): Uint8Array<ArrayBuffer> {
  return layout.encode({
    hardwareType: HARDWARE_ETHERNET,
    protocolType: ETHER_TYPE.ipv4,
    hardwareBytes: 6,
    protocolBytes: 4,
    operation: packet.operation === 'request' ? REQUEST : REPLY,
    senderMac: macBytes(packet.senderMac),
    senderIp: ipv4Bytes(packet.senderIp),
    targetMac: macBytes(packet.targetMac),
    targetIp: ipv4Bytes(packet.targetIp),
  })
}

/** The packet, or null where it is cut short, not about IPv4 over Ethernet, or neither request nor reply. */
export function decodeArp(data: Uint8Array): ArpPacket | null {
  if (data.length < layout.bytes) return null
  const raw = layout.decode(data)
  if (raw.hardwareType !== HARDWARE_ETHERNET || raw.protocolType !== ETHER_TYPE.ipv4) return null
  if (raw.hardwareBytes !== 6 || raw.protocolBytes !== 4) return null
  if (raw.operation !== REQUEST && raw.operation !== REPLY) return null
  return {
    operation: raw.operation === REQUEST ? 'request' : 'reply',
    senderMac: macAt(raw.senderMac, 0),
    senderIp: ipv4At(raw.senderIp, 0),
    targetMac: macAt(raw.targetMac, 0),
    targetIp: ipv4At(raw.targetIp, 0),
  }
}
