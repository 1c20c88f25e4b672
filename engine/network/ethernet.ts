/**
 * Ethernet II frames (IEEE 802.3-2018 clause 3; IP over them: RFC 894), without preamble and without the frame check
 * sequence: network cards strip both.
 */
import { FerryError } from '../util/errors.ts'
import { bytes, record, u16 } from '../util/record.ts'
import { checkField, macAt, macBytes } from './address.ts'

/** Bytes of the header; a shorter frame is none. */
export const ETHERNET_HEADER_BYTES = 14
/** Shortest frame that a station sends (64 less the check sequence). */
export const ETHERNET_MIN_BYTES = 60
/** Longest frame accepted: header, 1500 bytes, and room for one VLAN tag. */
export const ETHERNET_MAX_BYTES = 1518
/** Longest payload of a frame that we send. */
export const ETHERNET_MTU = 1500

export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806 } as const

export interface EthernetFrame {
  readonly destination: string
  readonly source: string
  /** Below 0x600 it is an IEEE 802.3 length; this codec keeps the number as it is. */
  readonly etherType: number
  /** May end with padding: what is inside must know its own length. A view onto the frame when decoded. */
  readonly payload: Uint8Array
}

const header = record('ethernet', 'be', { destination: bytes(6), source: bytes(6), etherType: u16 })

/**
 * A frame, padded with zeros to 60 bytes. Throws `network.mac`, or `network.field` for a type that is out of range or
 * a payload of more than 1500 bytes.
 */
export function encodeEthernet(frame: EthernetFrame): Uint8Array<ArrayBuffer> {
  checkField('ethernet.etherType', frame.etherType, 16)
  if (frame.payload.length > ETHERNET_MTU) {
    throw new FerryError('network.field', `An Ethernet payload has at most ${ETHERNET_MTU} bytes.`, {
      field: 'ethernet.payload',
      value: frame.payload.length,
    })
  }
  const out = new Uint8Array(Math.max(ETHERNET_MIN_BYTES, ETHERNET_HEADER_BYTES + frame.payload.length))
  out.set(
    header.encode({
      destination: macBytes(frame.destination),
      source: macBytes(frame.source),
      etherType: frame.etherType,
    }),
  )
  out.set(frame.payload, ETHERNET_HEADER_BYTES)
  return out
}

/** The frame in these bytes, or null where they are shorter than 14 or longer than 1518. */
export function decodeEthernet(data: Uint8Array): EthernetFrame | null {
  if (data.length < ETHERNET_HEADER_BYTES || data.length > ETHERNET_MAX_BYTES) return null
  return {
    destination: macAt(data, 0),
    source: macAt(data, 6),
    etherType: header.decode(data).etherType,
    payload: data.subarray(ETHERNET_HEADER_BYTES),
  }
}
