/** Ethernet frames by hand (RFC 826, 791, 792), to speak to LabOS without the network folder. */
export const STATION = { mac: [0x02, 0, 0, 0, 0, 0xaa], ip: [10, 0, 0, 1] }
export const GUEST_IP = [10, 0, 0, 2]

const padded = (bytes: readonly number[]): Uint8Array => {
  const frame = new Uint8Array(Math.max(60, bytes.length))
  frame.set(bytes)
  return frame
}

/** Who has the guest's address? */
export const arpRequest = (): Uint8Array =>
  padded([
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...STATION.mac, 0x08, 0x06],
    ...[0, 1, 8, 0, 6, 4, 0, 1, ...STATION.mac, ...STATION.ip, 0, 0, 0, 0, 0, 0, ...GUEST_IP],
  ])

/** The sender's hardware and protocol address of an ARP reply to the station; undefined for any other frame. */
export function arpReply(frame: Uint8Array): { mac: number[]; ip: number[] } | undefined {
  if (frame[12] !== 0x08 || frame[13] !== 0x06 || frame[21] !== 2 || frame[5] !== STATION.mac[5]) return undefined
  return { mac: [...frame.subarray(22, 28)], ip: [...frame.subarray(28, 32)] }
}

function checksum(bytes: readonly number[]): [number, number] {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) + (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return [(~sum >> 8) & 0xff, ~sum & 0xff]
}

/** ICMP echo request number `sequence` with `length` bytes of data. */
export function echoRequest(guestMac: readonly number[], sequence: number, length = 32): Uint8Array {
  const data = Array.from({ length }, (_, i) => (i + sequence) & 0xff)
  const icmp = [8, 0, 0, 0, 0x12, 0x34, sequence >> 8, sequence & 0xff, ...data]
  icmp.splice(2, 2, ...checksum(icmp))
  const total = 20 + icmp.length
  const ip = [0x45, 0, total >> 8, total & 0xff, 0, 0, 0, 0, 64, 1, 0, 0, ...STATION.ip, ...GUEST_IP]
  ip.splice(10, 2, ...checksum(ip))
  return padded([...guestMac, ...STATION.mac, 0x08, 0x00, ...ip, ...icmp])
}

/** The number of an ICMP echo reply; undefined for any other frame. */
export function echoReply(frame: Uint8Array): number | undefined {
  if (frame[12] !== 0x08 || frame[13] !== 0x00 || frame[23] !== 1 || frame[34] !== 0) return undefined
  return (frame[40] << 8) | frame[41]
}
