/**
 * All messages in one table: how each is encoded, decoded, capped, and whether a receiver that does not know it may
 * skip it. Structured bodies are in `schemas.ts`, binary ones in `binary.ts`.
 */
import { FerryError } from '../../util/errors.ts'
import * as binary from './binary.ts'
import type { CpuBody, DeviceBody, NativeBody, PagesBody, RehearsalBody, VerifyBody } from './binary.ts'
import * as pageSets from './page-sets.ts'
import type { MissingBody, PageRequestBody } from './page-sets.ts'
import { FLAG, TYPE, encodeHeader, nameOfType } from './frame.ts'
import type { MessageName, Stage } from './frame.ts'
import { SCHEMAS, decodeBody, encodeBody } from './schemas.ts'
import type { Body, StructuredName } from './schemas.ts'

interface BinaryBodies {
  PAGES: PagesBody
  REHEARSAL: RehearsalBody
  CPU_BEG: CpuBody
  DEV_BEG: DeviceBody
  VERIFY: VerifyBody
  NATIVE: NativeBody
  PAGE_REQ: PageRequestBody
  MISSING: MissingBody
}
type BodyOf<N extends MessageName> = N extends StructuredName
  ? Body<N>
  : N extends keyof BinaryBodies
    ? BinaryBodies[N]
    : never

/** A message: its name and its body. */
export type Message<N extends MessageName = MessageName> = N extends MessageName
  ? { readonly type: N; readonly body: BodyOf<N> }
  : never

const KIB = 1024
/** Longest payload of each type, in bytes. */
const CAPS: { readonly [N in MessageName]: number } = {
  MIG_REQ: 64 * KIB,
  REQ_OK: 4 * KIB,
  REQ_FAIL: 16 * KIB,
  MIG_CFG: 512 * KIB,
  CFG_OK: KIB,
  CFG_FAIL: 16 * KIB,
  MEM_BEG: KIB,
  PAGES: binary.MAX_PAGES_PAYLOAD,
  ROUND_END: KIB,
  ACK: KIB,
  REHEARSAL: binary.MAX_STATE_BYTES + 8,
  CPU_BEG: binary.MAX_STATE_BYTES + 8,
  DEV_BEG: binary.MAX_STATE_BYTES,
  READY: KIB,
  VERIFY: 16 + binary.MAX_DIGESTS_PER_FRAME * 8,
  VERIFY_RESULT: 4 * KIB,
  COMMIT: KIB,
  RUNNING: KIB,
  ABORT: 16 * KIB,
  KEEPALIVE: KIB,
  LINK: KIB,
  CHANNEL: KIB,
  CHANNEL_OK: KIB,
  NATIVE: binary.MAX_NATIVE_BYTES,
  NATIVE_END: 8 * KIB,
  PAGE_REQ: pageSets.MAX_REQUEST_PAYLOAD,
  MISSING: pageSets.MAX_MISSING_PAYLOAD,
  PULL_END: KIB,
  // 64 steps of three numbers each, written out.
  PULL_DONE: 16 * KIB,
}
/** Longest payload of an unknown optional type, which is skipped. */
const UNKNOWN_CAP = 1024 * KIB
const OPTIONAL: ReadonlySet<MessageName> = new Set(['REHEARSAL', 'KEEPALIVE', 'LINK'])

/**
 * Whether a frame of this type and length may be read at all: before a byte of it is stored.
 * @returns the message's name, or null for an unknown optional type, to be skipped
 * @throws FerryError `protocol.type`, `protocol.too-long`
 */
export function admit(type: number, flags: number, length: number): MessageName | null {
  const name = nameOfType(type)
  if (name === undefined && (flags & FLAG.optional) === 0) {
    throw new FerryError('protocol.type', `The peer sent message number ${type}, which this host does not know.`, {
      type,
    })
  }
  const cap = name === undefined ? UNKNOWN_CAP : CAPS[name]
  if (length > cap) {
    throw new FerryError('protocol.too-long', `${name ?? `Message ${type}`} has ${length} bytes; at most ${cap}.`, {
      type,
      length,
      cap,
    })
  }
  return name ?? null
}

function encodePayload(message: Message): Uint8Array[] {
  switch (message.type) {
    case 'PAGES':
      return binary.encodePages(message.body)
    case 'REHEARSAL':
      return binary.encodeRehearsal(message.body)
    case 'CPU_BEG':
      return binary.encodeCpu(message.body)
    case 'DEV_BEG':
    case 'NATIVE':
      return [message.body.bytes]
    case 'VERIFY':
      return binary.encodeVerify(message.body)
    case 'PAGE_REQ':
      return pageSets.encodePageRequest(message.body)
    case 'MISSING':
      return pageSets.encodeMissing(message.body)
    default:
      return [encodeBody(message.body)]
  }
}

/** The message as chunks of one frame; page data is passed on without a copy. */
export function encodeMessage(message: Message, stage: Stage, sequence: number): Uint8Array[] {
  const payload = encodePayload(message)
  const flags = OPTIONAL.has(message.type) ? FLAG.optional : 0
  const header = encodeHeader(TYPE[message.type], flags, stage, sequence, payload)
  return joinSmall([header, ...payload])
}

/** Chunks up to 4 KiB are joined with their neighbours: one system call, one packet. */
function joinSmall(chunks: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = []
  let small: Uint8Array[] = []
  const flush = (): void => {
    if (small.length > 0) out.push(small.length === 1 && small[0] ? small[0] : Buffer.concat(small))
    small = []
  }
  for (const chunk of chunks) {
    if (chunk.length === 0) continue
    if (chunk.length <= 4096) small.push(chunk)
    else {
      flush()
      out.push(chunk)
    }
  }
  flush()
  return out
}

/**
 * The body of a frame whose CRC was right. The payload's buffer is handed over: views of it may be in the result.
 * @throws FerryError `protocol.invalid-message`
 */
export function decodeMessage(name: MessageName, payload: Uint8Array<ArrayBuffer>): Message {
  switch (name) {
    case 'PAGES':
      return { type: name, body: binary.decodePages(payload) }
    case 'REHEARSAL':
      return { type: name, body: binary.decodeRehearsal(payload) }
    case 'CPU_BEG':
      return { type: name, body: binary.decodeCpu(payload) }
    case 'DEV_BEG':
    case 'NATIVE':
      return { type: name, body: { bytes: payload } }
    case 'VERIFY':
      return { type: name, body: binary.decodeVerify(payload) }
    case 'PAGE_REQ':
      return { type: name, body: pageSets.decodePageRequest(payload) }
    case 'MISSING':
      return { type: name, body: pageSets.decodeMissing(payload) }
    default:
      return structured(name, payload)
  }
}

function structured<N extends StructuredName>(name: N, payload: Uint8Array): Message {
  // The table of schemas ties each name to its body; the compiler cannot follow that through the union.
  return { type: name, body: decodeBody(name, payload) } as unknown as Message
}

/** Names of the messages with a JSON body. */
export const STRUCTURED_NAMES = Object.keys(SCHEMAS) as readonly StructuredName[]
