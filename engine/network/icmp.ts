/** ICMP (RFC 792): echo and its reply, and "destination unreachable"; every other message is `other`. */
import { record, u16, u8 } from '../util/record.ts'
import { checkField } from './address.ts'
import { internetChecksum } from './checksum.ts'

export interface IcmpEcho {
  readonly kind: 'request' | 'reply'
  readonly identifier: number
  readonly sequence: number
  /** Comes back unchanged in the reply. A view onto the message when decoded. */
  readonly payload: Uint8Array
}

export interface IcmpUnreachable {
  readonly kind: 'unreachable'
  /** 3 is "nobody listens on that port". */
  readonly code: number
  /** The start of the packet that could not be delivered: its IP header and at least 8 bytes. */
  readonly quoted: Uint8Array
}

export interface IcmpOther {
  readonly kind: 'other'
  readonly type: number
  readonly code: number
}

export type IcmpMessage = IcmpEcho | IcmpUnreachable | IcmpOther

const layout = record('icmp', 'be', { type: u8, code: u8, checksum: u16, identifier: u16, sequence: u16 })
const TYPE = { echoReply: 0, unreachable: 3, echoRequest: 8 } as const
/** "Port unreachable", of the codes of an unreachable message. */
export const ICMP_PORT_UNREACHABLE = 3

/** The message with its checksum. Throws `network.field` for a value out of its range. */
export function encodeIcmp(message: IcmpEcho | IcmpUnreachable): Uint8Array<ArrayBuffer> {
  const echo = message.kind !== 'unreachable'
  const type = !echo ? TYPE.unreachable : message.kind === 'request' ? TYPE.echoRequest : TYPE.echoReply
  const fields = echo
    ? { code: 0, identifier: message.identifier, sequence: message.sequence, rest: message.payload }
    : { code: message.code, identifier: 0, sequence: 0, rest: message.quoted }
  checkField('icmp.code', fields.code, 8)
  checkField('icmp.identifier', fields.identifier, 16)
  checkField('icmp.sequence', fields.sequence, 16)
  const out = new Uint8Array(layout.bytes + fields.rest.length)
  out.set(layout.encode({ ...fields, type, checksum: 0 }))
  out.set(fields.rest, layout.bytes)
  new DataView(out.buffer).setUint16(2, internetChecksum(out))
  return out
}

/** The message, or null where it is shorter than 8 bytes or its checksum is wrong. */
export function decodeIcmp(data: Uint8Array): IcmpMessage | null {
  if (data.length < layout.bytes || internetChecksum(data) !== 0) return null
  const raw = layout.decode(data)
  const rest = data.subarray(layout.bytes)
  if (raw.type === TYPE.unreachable) return { kind: 'unreachable', code: raw.code, quoted: rest }
  if ((raw.type === TYPE.echoRequest || raw.type === TYPE.echoReply) && raw.code === 0) {
    return {
      kind: raw.type === TYPE.echoRequest ? 'request' : 'reply',
      identifier: raw.identifier,
      sequence: raw.sequence,
      payload: rest,
    }
  }
  return { kind: 'other', type: raw.type, code: raw.code }
}
