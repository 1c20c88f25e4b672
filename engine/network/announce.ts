/**
 * The gratuitous ARP announcement by which the target host tells the network that a guest has moved: switches learn
 * the new port from the frame's source address, stations refresh their ARP cache from its content.
 */
import { BROADCAST_MAC, ZERO_MAC } from './address.ts'
import { decodeArp, encodeArp, type ArpPacket } from './arp.ts'
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from './ethernet.ts'

/** RFC 5227, 1.1: an announcement is sent twice … */
export const ANNOUNCE_COUNT = 2
/** … this many milliseconds apart. */
export const ANNOUNCE_INTERVAL_MS = 2000

/**
 * A broadcast frame in the guest's name: an ARP request whose sender and target IP are both the guest's, the target
 * hardware address being zero (RFC 5227, 2.3). To be sent from the target host's port once the guest may run there.
 * Throws `network.mac` or `network.ip`.
 */
export function announcement(guest: { readonly mac: string; readonly ip: string }): Uint8Array<ArrayBuffer> {
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: guest.mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: 'request',
      senderMac: guest.mac,
      senderIp: guest.ip,
      targetMac: ZERO_MAC,
      targetIp: guest.ip,
    }),
  })
}

/** True where an ARP packet announces its sender instead of asking for somebody. */
export function isAnnouncement(packet: ArpPacket): boolean {
  return packet.senderIp === packet.targetIp
}

/** Whom a frame announces, or null where it is no announcement. For captures and time lines. */
export function announcedBy(frame: Uint8Array): { readonly mac: string; readonly ip: string } | null {
  const ethernet = decodeEthernet(frame)
  if (ethernet?.etherType !== ETHER_TYPE.arp) return null
  const packet = decodeArp(ethernet.payload)
  return packet !== null && isAnnouncement(packet) ? { mac: packet.senderMac, ip: packet.senderIp } : null
}
