/** QEMU's machine protocol (docs/interop/qmp-spec.txt of QEMU): one JSON object a line. Pure. */
import * as v from 'valibot'
import { FerryError } from '../util/errors.ts'

const timestamp = v.object({ seconds: v.number(), microseconds: v.number() })
const event = v.object({ event: v.string(), timestamp, data: v.optional(v.record(v.string(), v.unknown()), {}) })
const answer = v.object({ return: v.unknown() })
const failure = v.object({ error: v.object({ class: v.string(), desc: v.string() }) })
const greeting = v.object({ QMP: v.object({}) })

export interface QmpEvent {
  readonly kind: 'event'
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
  /** QEMU's own stamp: the host's wall clock, ms since 1970. */
  readonly stampMs: number
  /** Arrival here, `nowMs()`. */
  readonly atMs: number
}

export type QmpMessage =
  | QmpEvent
  | { readonly kind: 'return'; readonly value: unknown }
  | { readonly kind: 'error'; readonly class: string; readonly message: string }
  | { readonly kind: 'greeting' }

/** @throws FerryError `qemu.protocol` */
export function parseQmp(line: string, atMs: number): QmpMessage {
  const message = json(line)
  const asEvent = v.safeParse(event, message)
  if (asEvent.success) {
    const { event: name, data, timestamp: at } = asEvent.output
    return { kind: 'event', name, data, stampMs: at.seconds * 1000 + at.microseconds / 1000, atMs }
  }
  // An answer may be any value, null too, so its presence decides.
  const asFailure = v.safeParse(failure, message)
  if (asFailure.success) {
    return { kind: 'error', class: asFailure.output.error.class, message: asFailure.output.error.desc }
  }
  const asAnswer = v.safeParse(answer, message)
  if (asAnswer.success) return { kind: 'return', value: asAnswer.output.return }
  if (v.is(greeting, message)) return { kind: 'greeting' }
  throw new FerryError('qemu.protocol', 'QEMU said something on its control socket that is no message of QMP.', {
    line: line.slice(0, 200),
  })
}

function json(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The state that a MIGRATION event tells of, or null for another event. */
export function migrationStatus({ name, data }: QmpEvent): string | null {
  const { status } = data
  return name === 'MIGRATION' && typeof status === 'string' ? status : null
}

/** A migration has ended, one way or the other; a post-copy that is paused has lost its connection for good here. */
export const isOver = (event: QmpEvent): boolean =>
  ['completed', 'failed', 'cancelled', 'postcopy-paused'].includes(migrationStatus(event) ?? '')

/** Bytes per second: more than loopback carries. (0 means "no limit" for some of QEMU's parameters only.) */
export const UNLIMITED_BPS = 10e9

/**
 * From STOP on the source to RESUME on the target, ms. QEMU's stamps are exact but of the wall clock, which may be set;
 * arrivals are of the monotonic clock but late when this process is busy. Both delays are none of QEMU's, so the
 * smaller of two figures that are possible counts. Null where neither is.
 */
export function pauseToRun(stop: QmpEvent, resume: QmpEvent): number | null {
  const possible = [resume.stampMs - stop.stampMs, resume.atMs - stop.atMs].filter((ms) => ms >= 0)
  return possible.length === 0 ? null : Math.min(...possible)
}

const count = v.pipe(v.number(), v.minValue(0))
/** What `query-migrate` tells of a migration that is over; figures that a version does not have are absent. */
export const migrationInfo = v.object({
  status: v.optional(v.string()),
  'total-time': v.optional(count),
  downtime: v.optional(count),
  'setup-time': v.optional(count),
  /** While it slows the guest down. */
  'cpu-throttle-percentage': v.optional(count),
  'error-desc': v.optional(v.string()),
  'postcopy-blocktime': v.optional(count),
  'socket-address': v.optional(v.array(v.object({ type: v.string(), port: v.optional(v.string()) }))),
  ram: v.optional(
    v.object({
      transferred: count,
      normal: v.optional(count),
      duplicate: v.optional(count),
      'dirty-sync-count': v.optional(count),
      'postcopy-requests': v.optional(count),
    }),
  ),
})
export type MigrationInfo = v.InferOutput<typeof migrationInfo>

/** `query-replay`: instructions executed so far. */
export const icountAnswer = v.object({ icount: v.pipe(v.number(), v.integer(), v.minValue(0)) })

/** `info registers` of the monitor for people (x86_cpu_dump_state): whether the vCPU halts. No command of QMP tells it since 6.0. */
export const haltedAnswer = v.pipe(
  v.string(),
  v.regex(/\bHLT=[01]\b/),
  v.transform((text) => /\bHLT=1\b/.test(text)),
)
