/**
 * The lab's contract: what every front end may ask of the lab service, and what it is told. The same methods and events
 * travel in process, over a message port and over a socket; inputs are checked against these schemas at every border.
 */
import * as v from 'valibot'
import { EXPERIMENTS_EVENTS, EXPERIMENTS_METHODS } from './experiments.ts'
import { guestFileFormat, guestFileView } from './guest-files.ts'
import { GUIDE_EVENTS, GUIDE_METHODS } from './guide.ts'
import { memoryView, screenView, stateView } from './inspection.ts'
import { MERGING_EVENTS, MERGING_METHODS } from './merging.ts'
import { messageDetails, messageList, messageView } from './messages.ts'
import { pagesView } from './pages.ts'
import { dirtyRateView, importance, measureMs, predictionTable, qosTargets, targetChanges } from './prediction.ts'
import { preCopyInput } from './pre-copy.ts'
import { RECORDINGS_EVENTS, RECORDINGS_METHODS } from './recordings.ts'
import { type errorReport, hostKind, roundReport, runReport } from './report.ts'
import { savingsInput } from './savings.ts'
import { TOOLSTACK_METHODS } from './toolstack.ts'
import { imageView } from './workloads.ts'

export * from './inspection.ts'

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
  /** With its configuration files as a distribution ships them: it takes no guests until they are edited. */
  as_installed: v.optional(v.boolean(), false),
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

/** A kind of host. */
export const hostKindView = v.object({
  kind: hostKind,
  title: v.string(),
  available: v.boolean(),
  /** Why there can be none here, and what to do; null where there can. */
  reason: v.nullable(v.string()),
  /** Of the program behind it; null where Ferry is that itself, or there is none. */
  version: v.nullable(v.string()),
})
export type HostKindView = v.InferOutput<typeof hostKindView>

export const guestInput = v.object({
  /** Absent: made of the image's name. */
  name: v.optional(name),
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

/** A guest out of a file that a QEMU wrote (`migrate exec:cat>FILE`), or `guests.export` did. */
export const guestImport = v.object({
  path: text(4096),
  host: name,
  /** The image that it was started from, whose commands Ferry knows; absent: nothing is known of it. */
  image: v.optional(text(64)),
  name: v.optional(name),
  /** The file of its disk, sector by sector; absent: `path` and `.disk`, where the guest has one. */
  disk: v.optional(text(4096)),
})
export type GuestImport = v.InferOutput<typeof guestImport>

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
  ...qosTargets.entries,
  /** Measure the guest, predict, and take the first algorithm that keeps the targets; `qos.none-fits` where none does. */
  automatic: v.optional(v.boolean(), false),
  /** Figures by which `automatic` orders the algorithms, the most important first; absent = their order of preference. */
  importance: v.optional(importance),
  /** Keep a prediction with the run, though the user chose the algorithm. */
  predict: v.optional(v.boolean(), false),
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
  /** The link is cut as soon as this stage begins, to see what becomes of the guest. */
  cut_in_stage: v.optional(v.picklist([0, 1, 2, 3, 4, 5])),
  pre_copy: v.optional(preCopyInput),
  savings: v.optional(savingsInput),
  seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 1),
  /** Path for the recorded byte stream, for `ferry verify-stream`. */
  record: v.optional(text(4096)),
})
export type MigrateInput = v.InferInput<typeof migrateInput>

/** How a migration stands. */
export const migrationProgress = v.object({
  stage: v.number(),
  round: v.number(),
  pages_total: v.number(),
  remaining_pages: v.number(),
  pages_sent: v.number(),
  bytes_sent_B: v.number(),
  rate_Bps: v.number(),
  estimate_ms: v.nullable(v.number()),
  /** What happened, in sentences. */
  /** After the switch-over of an algorithm that pulls; null before it, and for the others. */
  pull: v.nullable(
    v.object({
      /** `paused`: the connection is cut, and the guest waits on the target for pages that only the source has. */
      state: v.picklist(['pulling', 'paused']),
      /** Pages that the source still holds: it is not released before they have crossed. */
      left_pages: v.number(),
      /** Pages that the guest had to ask for so far. */
      requests: v.number(),
    }),
  ),
  notes: v.array(v.string()),
  /** Stages entered; times since the start of the migration. */
  stages: v.array(v.object({ number: v.number(), started_ms: v.number() })),
  /** Rounds finished. */
  rounds: v.array(roundReport),
})
export type MigrationProgress = v.InferOutput<typeof migrationProgress>

/** A migration under way, whoever started it. */
export const activeMigration = v.object({
  run_id: v.string(),
  /** Id of the guest. */
  guest: v.string(),
  from: v.string(),
  to: v.string(),
  /** As it was asked for; without the path of a recording. */
  input: v.omit(migrateInput, ['record']),
  /** Since it was asked for. */
  age_ms: v.number(),
  /** All that was told of it so far; null: nothing yet. */
  progress: v.nullable(migrationProgress),
})
export type ActiveMigration = v.InferOutput<typeof activeMigration>

export const compatibilityPoint = v.object({ id: v.string(), ok: v.boolean(), title: v.string(), detail: v.string() })
export type CompatibilityPoint = v.InferOutput<typeof compatibilityPoint>

export const probeView = v.object({
  seq: v.number(),
  sent_ms: v.number(),
  /** Null = lost. */
  rtt_ms: v.nullable(v.number()),
})
export type ProbeView = v.InferOutput<typeof probeView>

export const runDetails = v.object({
  report: runReport,
  messages: v.array(messageView),
  probes: v.array(probeView),
  /** Versions, machine, settings, seed, digests: plain values. */
  provenance: v.record(v.string(), v.unknown()),
  note: v.nullable(v.string()),
})
export type RunDetails = v.InferOutput<typeof runDetails>

export const runFilter = v.object({
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 100),
  offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  outcome: v.optional(runReport.entries.outcome),
  algorithm: v.optional(text(64)),
  from_kind: v.optional(hostKind),
  to_kind: v.optional(hostKind),
  /** Name of the guest's image. */
  guest: v.optional(text(64)),
  /** Words, each of which has to occur somewhere in the run or in its note; case does not matter. */
  text: v.optional(text(200)),
})
export type RunFilter = v.InferInput<typeof runFilter>

/** A run in the list: its report, and the user's words on it. */
export const listedRun = v.object({ ...runReport.entries, note: v.nullable(v.string()) })
export type ListedRun = v.InferOutput<typeof listedRun>

const byId = v.object({ guest: guestId })
const nothing = v.optional(v.object({}), {})
const done = v.undefined()

/** Every method: schema of its input and of its result. */
export const METHODS = {
  ...TOOLSTACK_METHODS,
  ...GUIDE_METHODS,
  'hosts.list': { input: nothing, output: v.array(hostView) },
  'hosts.kinds': { input: nothing, output: v.array(hostKindView) },
  'hosts.add': { input: hostInput, output: hostView },
  'hosts.remove': { input: v.object({ name }), output: done },
  'images.list': { input: nothing, output: v.array(imageView) },
  'guests.list': { input: nothing, output: v.array(guestView) },
  'guests.create': { input: guestInput, output: guestView },
  'guests.pause': { input: byId, output: guestView },
  'guests.resume': { input: byId, output: guestView },
  'guests.destroy': { input: byId, output: done },
  'guests.workload': { input: v.object({ guest: guestId, workload: text(100) }), output: guestView },
  /** Writes a paused guest into a file that another hypervisor's tools read; the guest stays as it is. */
  'guests.export': {
    input: v.object({ guest: guestId, format: guestFileFormat, path: text(4096) }),
    output: guestFileView,
  },
  /** Makes a paused guest of a file; the file stays as it is. */
  'guests.import': { input: guestImport, output: guestView },
  'guests.check': { input: byId, output: v.object({ ok: v.boolean(), answer: v.string() }) },
  /** Watches which pages the guest changes for so long. Not while it is migrated (`guest.migrating`). */
  'guests.dirtyRate': {
    input: v.object({ guest: guestId, duration_ms: v.optional(measureMs, 1000) }),
    output: dirtyRateView,
  },
  'guests.write': { input: v.object({ guest: guestId, data: text(65_536) }), output: done },
  'guests.console': { input: byId, output: v.object({ text: v.string(), position: v.number() }) },
  'guests.screen': { input: byId, output: screenView },
  /** PS/2 scan codes, set 1. */
  'guests.keys': {
    input: v.object({
      guest: guestId,
      scan_codes: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))), v.maxLength(64)),
    }),
    output: done,
  },
  'guests.memory': {
    input: v.object({
      guest: guestId,
      rows: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4096)), 256),
      /** Whether to tell the p2m table. */
      frames: v.optional(v.boolean(), false),
    }),
    output: memoryView,
  },
  /** The state of every page of RAM, now. Meant to be asked a few times a second while somebody looks. */
  'guests.pages': { input: byId, output: pagesView },
  /** Captures the state and carries it through both hypervisors' native records; the guest goes on. */
  'guests.state': { input: v.object({ guest: guestId, as: hostKind }), output: stateView },
  'algorithms.list': {
    input: nothing,
    output: v.array(v.object({ name: v.string(), title: v.string(), summary: v.string() })),
  },
  'links.list': {
    input: nothing,
    output: v.array(
      v.object({
        text: v.string(),
        forward_bps: v.nullable(v.number()),
        backward_bps: v.nullable(v.number()),
        latency_ms: v.number(),
        jitter_ms: v.number(),
      }),
    ),
  },
  'migrations.check': { input: migrateInput, output: v.array(compatibilityPoint) },
  /** Measures the guest, and tells what a migration with this input would cost by each algorithm. Starts nothing. */
  'migrations.predict': {
    input: v.object({ ...migrateInput.entries, measure_ms: v.optional(measureMs, 1000) }),
    output: predictionTable,
  },
  'migrations.active': { input: nothing, output: v.array(activeMigration) },
  /** With `automatic` or `predict` the guest is measured first, and the predictions are told; else they are null. */
  'migrations.start': {
    input: migrateInput,
    output: v.object({
      run_id: v.string(),
      predictions: v.nullable(v.object({ table: predictionTable, chosen: v.string() })),
    }),
  },
  'migrations.wait': { input: v.object({ run_id: text(64) }), output: runReport },
  'migrations.cancel': { input: v.object({ run_id: text(64) }), output: v.object({ cancelled: v.boolean() }) },
  'migrations.setLink': { input: v.object({ run_id: text(64), link: text(64) }), output: done },
  /** Changes the targets of a running migration: pre-copy's stop rule and the link follow them at once. */
  'migrations.setTargets': { input: v.object({ run_id: text(64), ...targetChanges.entries }), output: qosTargets },
  'runs.list': { input: v.optional(runFilter, {}), output: v.array(listedRun) },
  'runs.get': { input: v.object({ run_id: text(64) }), output: runReport },
  'runs.details': { input: v.object({ run_id: text(64) }), output: runDetails },
  /** Messages of a run under way or in the store, in their order, those from `from` on. */
  'runs.messages': {
    input: v.object({ run_id: text(64), from: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0) }),
    output: messageList,
  },
  /** One message of a run under way or in the store, taken apart. */
  'runs.message': {
    input: v.object({ run_id: text(64), index: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
    output: messageDetails,
  },
  'runs.note': { input: v.object({ run_id: text(64), text: text(10_000) }), output: done },
  'runs.remove': { input: v.object({ run_id: text(64) }), output: done },
  'runs.restore': { input: v.object({ run_id: text(64) }), output: done },
  /** CSV of all runs that the filter selects: raw, one row a run; rounds; probes; or the summary by conditions. */
  'runs.export': {
    input: v.object({
      what: v.picklist(['runs', 'rounds', 'windows', 'probes', 'summary']),
      filter: v.optional(runFilter, {}),
    }),
    output: v.object({ csv: v.string(), runs: v.number() }),
  },
  ...MERGING_METHODS,
  ...EXPERIMENTS_METHODS,
  ...RECORDINGS_METHODS,
} as const

export type MethodName = keyof typeof METHODS
export type MethodInput<M extends MethodName> = v.InferInput<(typeof METHODS)[M]['input']>
export type MethodOutput<M extends MethodName> = v.InferOutput<(typeof METHODS)[M]['output']>

/** What the lab tells without being asked: the schema of each event. */
export const EVENTS = {
  ...GUIDE_EVENTS,
  'hosts.changed': hostView,
  'guests.changed': guestView,
  'guests.removed': byId,
  /** Bytes from a guest's console, one character a byte. */
  'guests.output': v.object({ guest: v.string(), data: v.string() }),
  /** The figures of the moment; notes, stages and rounds are those since the last event. */
  'migrations.progress': v.object({ run_id: v.string(), ...migrationProgress.entries }),
  /** Protocol messages since the last event, at most ten events a second; `first` is the place of the first of them. */
  'migrations.messages': v.object({ run_id: v.string(), ...messageList.entries }),
  /** What the client station's probes saw since the last event; a probe comes again when its answer arrives. */
  'migrations.probes': v.object({ run_id: v.string(), probes: v.array(probeView) }),
  /** The targets of a running migration have been changed; all of them as they are now. */
  'migrations.targets': v.object({ run_id: v.string(), targets: qosTargets }),
  'runs.added': runReport,
  /** The user's words on a run have changed; null = it has none any more. */
  'runs.noted': v.object({ run_id: v.string(), note: v.nullable(v.string()) }),
  ...MERGING_EVENTS,
  ...EXPERIMENTS_EVENTS,
  ...RECORDINGS_EVENTS,
} as const
export type EventName = keyof typeof EVENTS
export type LabEvents = { [E in EventName]: v.InferOutput<(typeof EVENTS)[E]> }
export type ErrorView = v.InferOutput<typeof errorReport>
