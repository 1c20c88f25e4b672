/**
 * The lab's contract: what every front end may ask of the lab service, and what it is told. The same methods and events
 * travel in process, over a message port and over a socket; inputs are checked against these schemas at every border.
 */
import * as v from 'valibot'
import { type errorReport, hostKind, type RunReport, runReport } from './report.ts'

const name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name has 1 to 32 of a-z, 0-9 and -'))
const guestId = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const ramMb = v.pipe(v.number(), v.integer(), v.minValue(8), v.maxValue(1024))
const text = (length: number) => v.pipe(v.string(), v.maxLength(length))

export const hostInput = v.object({
  name,
  kind: hostKind,
  /** Machine memory, MiB. */
  memory_MB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(16384)), 2048),
  /** Port of the relocation server; 0 = any, absent = the kind's own. */
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535))),
  /** Regular expressions of peers that may connect; empty = all. */
  hosts_allow: v.optional(v.array(text(200)), []),
  /** Its algorithm pool; absent = all. */
  algorithms: v.optional(v.array(text(64))),
})
export type HostInput = v.InferInput<typeof hostInput>

export const hostView = v.object({
  name: v.string(),
  kind: hostKind,
  title: v.string(),
  address: v.string(),
  port: v.number(),
  memory_B: v.number(),
  memory_used_B: v.number(),
  algorithms: v.array(v.string()),
  hosts_allow: v.array(v.string()),
  guests: v.array(v.string()),
})
export type HostView = v.InferOutput<typeof hostView>

export const guestInput = v.object({
  image: text(64),
  host: name,
  /** Absent: the image's default. */
  ram_MB: v.optional(ramMb),
  /** `NAME[:VALUE,…]`. */
  workload: v.optional(text(100), 'idle'),
  /** Milliseconds between heartbeats on the console; 0 = none. */
  heartbeat_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(60_000)), 0),
  /** Size of the shared disk, MiB; 0 = none. */
  disk_MB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1024)), 0),
})
export type GuestInput = v.InferInput<typeof guestInput>

export const guestState = v.picklist(['starting', 'running', 'paused', 'migrating', 'crashed'])
export type GuestState = v.InferOutput<typeof guestState>

export const guestView = v.object({
  id: v.string(),
  name: v.string(),
  image: v.string(),
  host: v.string(),
  state: guestState,
  ram_B: v.number(),
  workload: v.string(),
  ip: v.string(),
  mac: v.string(),
  /** Host-wide figure of how the guest was started. */
  started: v.picklist(['booted', 'from saved state']),
  start_ms: v.number(),
})
export type GuestView = v.InferOutput<typeof guestView>

export const migrateInput = v.object({
  guest: guestId,
  to: name,
  /** In order of preference; absent = all of the pool. */
  algorithms: v.optional(v.array(text(64))),
  /** Choose among the common algorithms at random (seeded). */
  random_algorithm: v.optional(v.boolean(), false),
  link: v.optional(text(64), 'unlimited'),
  verify_ram: v.optional(v.boolean(), false),
  /** Run the guest's own check afterwards. */
  check: v.optional(v.boolean(), true),
  /** Milliseconds between the client's probes, 1–10; 0 = no probes. */
  probe_ms: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(10)), 5),
  pre_copy: v.optional(
    v.object({
      threshold_pages: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
      max_rounds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
      max_factor: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(1000))),
    }),
  ),
  seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 1),
  /** Path for the recorded byte stream, for `ferry verify-stream`. */
  record: v.optional(text(4096)),
})
export type MigrateInput = v.InferInput<typeof migrateInput>

export const compatibilityPoint = v.object({ id: v.string(), ok: v.boolean(), title: v.string(), detail: v.string() })
export type CompatibilityPoint = v.InferOutput<typeof compatibilityPoint>

export const runFilter = v.object({
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 100),
  offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  outcome: v.optional(v.picklist(['completed', 'failed', 'cancelled'])),
})

const byId = v.object({ guest: guestId })
const nothing = v.optional(v.object({}), {})
const done = v.undefined()

/** Every method: schema of its input and of its result. */
export const METHODS = {
  'hosts.list': { input: nothing, output: v.array(hostView) },
  'hosts.add': { input: hostInput, output: hostView },
  'hosts.remove': { input: v.object({ name }), output: done },
  'images.list': {
    input: nothing,
    output: v.array(
      v.object({
        name: v.string(),
        title: v.string(),
        minimum_MB: v.number(),
        default_MB: v.number(),
        workloads: v.array(v.string()),
      }),
    ),
  },
  'guests.list': { input: nothing, output: v.array(guestView) },
  'guests.create': { input: guestInput, output: guestView },
  'guests.pause': { input: byId, output: guestView },
  'guests.resume': { input: byId, output: guestView },
  'guests.destroy': { input: byId, output: done },
  'guests.workload': { input: v.object({ guest: guestId, workload: text(100) }), output: guestView },
  'guests.check': { input: byId, output: v.object({ ok: v.boolean(), answer: v.string() }) },
  'guests.write': { input: v.object({ guest: guestId, data: text(65_536) }), output: done },
  'guests.console': { input: byId, output: v.object({ text: v.string(), position: v.number() }) },
  'migrations.check': { input: migrateInput, output: v.array(compatibilityPoint) },
  'migrations.start': { input: migrateInput, output: v.object({ run_id: v.string() }) },
  'migrations.wait': { input: v.object({ run_id: text(64) }), output: runReport },
  'migrations.cancel': { input: v.object({ run_id: text(64) }), output: v.object({ cancelled: v.boolean() }) },
  'migrations.setLink': { input: v.object({ run_id: text(64), link: text(64) }), output: done },
  'runs.list': { input: v.optional(runFilter, {}), output: v.array(runReport) },
  'runs.get': { input: v.object({ run_id: text(64) }), output: runReport },
} as const

export type MethodName = keyof typeof METHODS
export type MethodInput<M extends MethodName> = v.InferInput<(typeof METHODS)[M]['input']>
export type MethodOutput<M extends MethodName> = v.InferOutput<(typeof METHODS)[M]['output']>

/** What the lab tells without being asked. */
export interface LabEvents {
  'hosts.changed': HostView
  'guests.changed': GuestView
  'guests.removed': { guest: string }
  /** Bytes from a guest's console, one character a byte. */
  'guests.output': { guest: string; data: string }
  'migrations.progress': {
    run_id: string
    stage: number
    round: number
    pages_total: number
    remaining_pages: number
    pages_sent: number
    bytes_sent_B: number
    rate_Bps: number
    estimate_ms: number | null
    /** What happened since the last event, in sentences. */
    notes: string[]
  }
  'runs.added': RunReport
}
export type EventName = keyof LabEvents
export type ErrorView = v.InferOutput<typeof errorReport>
