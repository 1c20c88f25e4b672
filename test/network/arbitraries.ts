import fc from 'fast-check'
import { encodeEthernet } from '../../engine/network/ethernet.ts'

const hex = fc.integer({ min: 0, max: 255 }).map((byte) => byte.toString(16).padStart(2, '0'))
/** Any address, group addresses included. */
export const anyMac = fc.tuple(hex, hex, hex, hex, hex, hex).map((parts) => parts.join(':'))
const byte = fc.integer({ min: 0, max: 255 })
export const anyIp = fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.'))
export const port = fc.integer({ min: 0, max: 0xffff })
export const bytesUpTo = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

/** The address of station number `n`. */
export const mac = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`

/** A frame of an experimental type between two addresses. */
export function frameBetween(source: string, destination: string, text = ''): Uint8Array<ArrayBuffer> {
  return encodeEthernet({ source, destination, etherType: 0x88b5, payload: new TextEncoder().encode(text) })
}
