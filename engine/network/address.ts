/**
 * MAC and IPv4 addresses. In values they are text in one canonical form (`02:00:00:00:00:0a`, `10.0.0.2`), so that
 * they can be compared, used as keys and shown as they are.
 */
import { FerryError } from '../util/errors.ts'

/** All stations of the link. */
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'
/** "No address" in the target field of an ARP request. */
export const ZERO_MAC = '00:00:00:00:00:00'

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
const MAC_PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
const IPV4_PATTERN = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

/** The address at `offset`, which must have six bytes left. */
export function macAt(data: Uint8Array, offset: number): string {
  const hex = (i: number): string => HEX[data[offset + i] ?? 0] ?? ''
  return `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}:${hex(4)}:${hex(5)}`
}

/** The address at `offset`, which must have four bytes left. */
export function ipv4At(data: Uint8Array, offset: number): string {
  return `${data[offset]}.${data[offset + 1]}.${data[offset + 2]}.${data[offset + 3]}`
}

/** The canonical (lower-case) form of a MAC address, or null where the text is none. */
export function parseMac(text: string): string | null {
  return MAC_PATTERN.test(text) ? text.toLowerCase() : null
}

/** The canonical form of a dotted IPv4 address, or null where the text is none (leading zeros are refused). */
export function parseIpv4(text: string): string | null {
  const parts = IPV4_PATTERN.exec(text)?.slice(1)
  return parts !== undefined && parts.every((part) => Number(part) <= 255) ? text : null
}

/** Six bytes. Throws `network.mac` where the text is no MAC address. */
export function macBytes(text: string): Uint8Array {
  const mac = parseMac(text)
  if (mac === null) {
    throw new FerryError('network.mac', `“${text}” is not a MAC address; write it like 02:00:00:00:00:01.`, { text })
  }
  return Uint8Array.from(mac.split(':'), (part) => parseInt(part, 16))
}

/** Four bytes. Throws `network.ip` where the text is no IPv4 address. */
export function ipv4Bytes(text: string): Uint8Array {
  const ip = parseIpv4(text)
  if (ip === null) {
    throw new FerryError('network.ip', `“${text}” is not an IPv4 address; write it like 10.0.0.2.`, { text })
  }
  return Uint8Array.from(ip.split('.'), Number)
}

/** True for multicast and broadcast: the lowest bit of the first byte (IEEE 802-2014, 8.2.2). */
export function isGroupMac(data: Uint8Array, offset: number): boolean {
  return ((data[offset] ?? 0) & 1) === 1
}

/**
 * Checks a number that is to go into a header field of `bits` bits (at most 32). Throws `network.field`, because a
 * value that is cut to its field would be sent without anybody noticing.
 */
export function checkField(name: string, value: number, bits: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new FerryError('network.field', `${name} must be a whole number below ${2 ** bits}, got ${value}.`, {
      field: name,
      value,
    })
  }
}
