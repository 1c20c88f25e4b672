/**
 * The plan of an experiment: conditions (factors × levels), repeats, warm-up and seed. A plan is a JSON file; its format
 * has a name with a version, and what the schema does not know is refused, so that a misspelt factor is no silent default.
 */
import * as v from 'valibot'

export const PLAN_FORMAT = 'ferry.plan/1'

/** A plan that needs more than this is several plans. */
export const MOST_CONDITIONS = 500
export const MOST_TRIALS = 20_000
const MOST_LEVELS = 50

const whole = (low: number, high: number) => v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high))
const text = (length: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(length))

export const DIRECTIONS = [
  ...(['xen-kvm', 'kvm-xen', 'xen-xen', 'kvm-kvm'] as const),
  ...(['xen-qemu', 'qemu-xen', 'kvm-qemu', 'qemu-kvm', 'qemu-qemu'] as const),
] as const
export const directionLevel = v.picklist(DIRECTIONS)

/** What a level of each factor may be. */
const LEVEL = {
  /** Kinds of source and target host. */
  direction: directionLevel,
  algorithm: text(64),
  /** Name of the guest's image. */
  guest: text(64),
  /** Null = the image's default. */
  ram_MB: v.nullable(whole(8, 1024)),
  /** `NAME[:VALUE,…]`. */
  workload: text(100),
  link: text(64),
  /** Between the guest's lines on its console; 0 = none. */
  heartbeat_ms: whole(0, 60_000),
  /** Size of its shared disk; 0 = none. */
  disk_MB: whole(0, 1024),
  /** Between the network client's probes, 1–10; 0 = none, and no outage is measured. */
  probe_ms: v.pipe(v.number(), v.minValue(0), v.maxValue(10)),
  /** Pages of zeros travel as their numbers; else in full. */
  zero: v.boolean(),
  /** Pages that are sent again travel as what changed in them. */
  delta: v.boolean(),
  compress: v.picklist(['auto', 'off', 'deflate', 'zstd']),
  /** Pre-copy's stop rules; null = Ferry's own. */
  threshold_pages: v.nullable(whole(0, 1_000_000)),
  max_rounds: v.nullable(whole(1, 1000)),
  max_downtime_ms: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(3_600_000))),
  /** Clark's rate control, with its published bounds. */
  rate_control: v.boolean(),
  skip_dirtied: v.boolean(),
  throttle: v.boolean(),
  /** Both RAMs are compared before the target's first instruction. */
  verify_ram: v.boolean(),
} as const

/** One set of conditions: a value for every factor. */
export const condition = v.strictObject({
  direction: v.optional(LEVEL.direction, 'xen-kvm'),
  algorithm: v.optional(LEVEL.algorithm, 'pre-copy'),
  guest: v.optional(LEVEL.guest, 'labos'),
  ram_MB: v.optional(LEVEL.ram_MB, null),
  workload: v.optional(LEVEL.workload, 'idle'),
  link: v.optional(LEVEL.link, 'unlimited'),
  heartbeat_ms: v.optional(LEVEL.heartbeat_ms, 0),
  disk_MB: v.optional(LEVEL.disk_MB, 0),
  probe_ms: v.optional(LEVEL.probe_ms, 5),
  zero: v.optional(LEVEL.zero, true),
  delta: v.optional(LEVEL.delta, false),
  compress: v.optional(LEVEL.compress, 'auto'),
  threshold_pages: v.optional(LEVEL.threshold_pages, null),
  max_rounds: v.optional(LEVEL.max_rounds, null),
  max_downtime_ms: v.optional(LEVEL.max_downtime_ms, null),
  rate_control: v.optional(LEVEL.rate_control, false),
  skip_dirtied: v.optional(LEVEL.skip_dirtied, true),
  throttle: v.optional(LEVEL.throttle, false),
  verify_ram: v.optional(LEVEL.verify_ram, false),
})
export type Condition = v.InferOutput<typeof condition>
export type Factor = keyof Condition
export type Level = Condition[Factor]
export const FACTORS = Object.keys(condition.entries) as readonly Factor[]

const levels = <const S extends v.GenericSchema>(level: S) =>
  v.optional(
    v.pipe(
      v.array(level),
      v.minLength(1, 'a factor has at least one level'),
      v.maxLength(MOST_LEVELS, `a factor has at most ${MOST_LEVELS} levels`),
      v.check((all) => new Set(all).size === all.length, 'a level is there twice'),
    ),
  )

/** Levels by factor. The order of factors is the schema's, whatever the file's; that of levels is the user's. */
const factors = v.strictObject({
  direction: levels(LEVEL.direction),
  algorithm: levels(LEVEL.algorithm),
  guest: levels(LEVEL.guest),
  ram_MB: levels(LEVEL.ram_MB),
  workload: levels(LEVEL.workload),
  link: levels(LEVEL.link),
  heartbeat_ms: levels(LEVEL.heartbeat_ms),
  disk_MB: levels(LEVEL.disk_MB),
  probe_ms: levels(LEVEL.probe_ms),
  zero: levels(LEVEL.zero),
  delta: levels(LEVEL.delta),
  compress: levels(LEVEL.compress),
  threshold_pages: levels(LEVEL.threshold_pages),
  max_rounds: levels(LEVEL.max_rounds),
  max_downtime_ms: levels(LEVEL.max_downtime_ms),
  rate_control: levels(LEVEL.rate_control),
  skip_dirtied: levels(LEVEL.skip_dirtied),
  throttle: levels(LEVEL.throttle),
  verify_ram: levels(LEVEL.verify_ram),
})
export type Factors = v.InferOutput<typeof factors>

export const plan = v.strictObject({
  format: v.literal(PLAN_FORMAT),
  name: text(100),
  /** The question that it answers, for whoever reads it later. */
  description: v.optional(v.pipe(v.string(), v.maxLength(2000)), ''),
  /** Of the order of trials, and of whatever is random within them. */
  seed: v.optional(whole(0, 2 ** 31 - 1), 1),
  /** Measured trials of each condition. */
  repeats: v.optional(whole(1, 1000), 10),
  /** Trials of each condition before them, which are kept, but left out of all results. */
  warm_up: v.optional(whole(0, 100), 1),
  /** How long a guest runs with its workload before it is moved. */
  settle_ms: v.optional(whole(0, 60_000), 500),
  /** What all conditions have in common, where it is not the default. */
  base: v.optional(v.partial(condition), {}),
  factors: v.optional(factors, {}),
  /** Combinations to leave out: each names some factors with one level. */
  except: v.optional(v.pipe(v.array(v.partial(condition)), v.maxLength(200)), []),
})
export type PlanInput = v.InferInput<typeof plan>
export type Plan = v.InferOutput<typeof plan>
