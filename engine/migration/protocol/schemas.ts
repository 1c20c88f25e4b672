/**
 * The structured messages: their bodies travel as JSON in UTF-8 and are checked against these schemas. Unknown keys
 * are dropped, so that a later minor version may add some.
 */
import * as v from 'valibot'
import { FerryError } from '../../util/errors.ts'
import { BLOCK } from '../../vmstate/blocks.ts'
import { code, extras, guestSummary, hostIdentity, label, machineSettings } from './guest-config.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff))
const ms = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1e9))
/** A moment on the sender's clock, ms. */
const instant = v.pipe(v.number(), v.finite())
/** A guest may have waited for hours, with its connection cut. */
const us = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1e12))
const text = v.pipe(v.string(), v.maxLength(2000))
/** Random, so that nobody else joins a migration. */
const token = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))
const blockId = v.picklist(Object.values(BLOCK))
/** Names of `saving/savings.ts`; others are not for this version. Absent: none. */
const savings = v.optional(v.pipe(v.array(label(32)), v.maxLength(16)))

const refusal = v.object({
  /** Reason for programs, e.g. `no-common-algorithm`. */
  code,
  /** Reason for people, one or two sentences. */
  message: text,
})

export const SCHEMAS = {
  MIG_REQ: v.object({
    session: label(64),
    source: hostIdentity,
    guest: guestSummary,
    /** Version of the common format that the state will have. */
    formatVersion: count,
    /** Names in order of preference. */
    algorithms: v.pipe(v.array(label(32)), v.minLength(1), v.maxLength(16)),
    /** Blocks to compare before the target's first instruction. */
    verify: v.picklist(['none', 'ram', 'all']),
    /** Whether guest time includes the time of the migration. */
    clock: v.picklist(['continue', 'freeze']),
    /** The emulated link, so that the target shapes its own direction. */
    link: v.pipe(v.string(), v.maxLength(64)),
    /** Savings of page transfer that the source can make. */
    savings,
  }),
  REQ_OK: v.object({
    target: hostIdentity,
    algorithm: label(32),
    /** True where the target takes REHEARSAL and answers it. */
    rehearsal: v.boolean(),
    /** Of the savings that were offered, those that the target knows too. */
    savings,
  }),
  REQ_FAIL: refusal,
  MIG_CFG: v.object({ algorithm: label(32), machine: machineSettings, extras }),
  CFG_OK: v.object({
    /** Where pages will be pulled: what a further connection has to say to belong to this migration. */
    channel: v.optional(token),
  }),
  CFG_FAIL: refusal,
  MEM_BEG: v.object({ pagesTotal: count }),
  ROUND_END: v.object({
    round: count,
    /** Pages of the round, zero pages included; the target compares. */
    pages: count,
  }),
  ACK: v.object({ of: v.picklist(['round', 'rehearsal', 'pages', 'pull']), number: count }),
  READY: v.object({
    unpackMs: ms,
    restoreMs: ms,
    /** When what was done, on the target's clock. */
    at: v.optional(
      v.object({
        /** The first of the last pages or of the state was taken; the last of it was. */
        arrivedMs: instant,
        receivedMs: instant,
        unpackedMs: instant,
        /** The machine took up the load, had its pages, had its state; its service knew of it. */
        loadBeganMs: instant,
        pagesLoadedMs: instant,
        stateLoadedMs: instant,
        loadedMs: instant,
        /** This message was written. */
        readyMs: instant,
      }),
    ),
  }),
  VERIFY_RESULT: v.object({
    comparedPages: count,
    wrongPages: count,
    /** The first of them. */
    examples: v.pipe(v.array(v.object({ block: blockId, page: count })), v.maxLength(16)),
  }),
  COMMIT: v.object({}),
  RUNNING: v.object({
    /** Time just before the first instruction, on the target's clock. */
    runAtMs: instant,
    /** From the order to run until the first instruction. */
    resumeMs: ms,
    /** From the first instruction until this message was written: for clocks that do not agree. */
    sinceRunMs: ms,
  }),
  ABORT: v.object({ code, message: text }),
  KEEPALIVE: v.object({}),
  LINK: v.object({ link: v.pipe(v.string(), v.maxLength(64)) }),
  /** The first message of a further connection of a migration under way. */
  CHANNEL: v.object({ session: label(64), channel: token, purpose: v.picklist(['pages', 'recovery']) }),
  CHANNEL_OK: v.object({}),
  /** The end of a hypervisor's own stream. */
  NATIVE_END: v.object({
    /** All that came in NATIVE. */
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    /** Input to the guest's serial port that it has not taken, in base 64. */
    typed: v.pipe(v.string(), v.base64(), v.maxLength(6000)),
  }),
  PULL_END: v.object({
    /** Pages sent since the switch-over, those asked for included. */
    pages: count,
  }),
  PULL_DONE: v.object({
    /** Accesses of the guest to pages that had not come, and of these those whose page had to be asked for. */
    faults: count,
    requests: count,
    /** How long the vCPU waited for pages that were asked for. */
    stall_ms: ms,
    p50_us: v.nullable(us),
    p99_us: v.nullable(us),
    max_us: v.nullable(us),
    /** Faults and waiting time in steps of time from the switch-over on. */
    series: v.pipe(v.array(v.object({ at_ms: ms, faults: count, stall_ms: ms })), v.maxLength(64)),
  }),
} as const

export type StructuredName = keyof typeof SCHEMAS
export type Body<N extends StructuredName> = v.InferOutput<(typeof SCHEMAS)[N]>

const encoder = new TextEncoder()

export function encodeBody<N extends StructuredName>(body: Body<N>): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(body))
}

/** @throws FerryError `protocol.invalid-message` with the path of the first wrong field */
export function decodeBody<N extends StructuredName>(name: N, payload: Uint8Array): Body<N> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new FerryError('protocol.invalid-message', `${name} is not JSON.`, { type: name }, cause)
  }
  const result = v.safeParse(SCHEMAS[name], json, { abortEarly: true })
  if (!result.success) {
    const issue = result.issues[0]
    const path = v.getDotPath(issue) ?? ''
    throw new FerryError('protocol.invalid-message', `${name}: ${path} ${issue.message}`.slice(0, 500), {
      type: name,
      path,
    })
  }
  return result.output
}
