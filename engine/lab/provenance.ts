/**
 * Under what conditions a run was measured: versions, machine, load, settings, seed, image digests. Plain data, stored
 * with every run, so that two figures can be told apart that were not taken under the same conditions.
 */
import os from 'node:os'
import * as v from 'valibot'
import { V86_VERSION } from '../machine/v86/package.ts'
import { nowMs } from '../util/clock.ts'
import manifest from '../../package.json' with { type: 'json' }

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([
    v.string(),
    v.pipe(v.number(), v.finite()),
    v.boolean(),
    v.null(),
    v.array(json),
    v.record(v.string(), json),
  ]),
)

/** A field added later has to be optional with a default, so that the provenance of older runs can still be read. */
export const provenance = v.object({
  /** ISO-8601, UTC. */
  collected_at: v.string(),
  app_version: v.string(),
  node_version: v.string(),
  v8_version: v.string(),
  /** Null outside Electron. */
  electron_version: v.nullable(v.string()),
  /** The emulator's version, pinned; its bytes are checked when it is loaded. */
  v86_version: v.string(),
  os: v.object({
    /** e.g. `linux`, `darwin`, `win32`. */
    platform: v.string(),
    release: v.string(),
    version: v.string(),
    /** e.g. `x64`. */
    arch: v.string(),
  }),
  /** As the processor names itself; empty where the system does not tell. */
  cpu_model: v.string(),
  /** Logical processors of the machine. */
  cores: v.number(),
  memory_B: v.number(),
  /** Mean number of runnable tasks in the last minute, Ferry's own included; null where the system does not tell. */
  load_average_1min: v.nullable(v.number()),
  /** The same over 5 and 15 minutes. */
  load_average_5min: v.nullable(v.number()),
  load_average_15min: v.nullable(v.number()),
  /** Smallest step that the monotonic clock was seen to make; all times were taken with that clock. */
  clock_resolution_ms: v.number(),
  /** Settings of the run, as the caller gave them. */
  settings: v.record(v.string(), json),
  /** Seed of everything random in the run; null = not seeded. */
  seed: v.nullable(v.number()),
  /** Name of a guest's image → its digest, e.g. `sha256:…`. */
  images: v.record(v.string(), v.string()),
})
export type Provenance = v.InferOutput<typeof provenance>

export interface ProvenanceInput {
  readonly settings: Readonly<Record<string, Json>>
  readonly seed: number | null
  readonly images: Readonly<Record<string, string>>
}

/** Collects the conditions of this moment; to be called before the run, so that the load is not the run's own. */
export function collectProvenance(input: ProvenanceInput): Provenance {
  const cpus = os.cpus()
  // Windows has no load average; Node reports zeros there.
  const load = process.platform === 'win32' ? [] : os.loadavg()
  return {
    collected_at: new Date().toISOString(),
    app_version: manifest.version,
    node_version: process.versions.node,
    v8_version: process.versions.v8,
    electron_version: process.versions['electron'] ?? null,
    v86_version: V86_VERSION,
    os: { platform: process.platform, release: os.release(), version: os.version(), arch: process.arch },
    cpu_model: cpus[0]?.model.trim() ?? '',
    cores: cpus.length,
    memory_B: os.totalmem(),
    load_average_1min: load[0] ?? null,
    load_average_5min: load[1] ?? null,
    load_average_15min: load[2] ?? null,
    clock_resolution_ms: clockResolutionMs(),
    settings: structuredClone({ ...input.settings }),
    seed: input.seed,
    images: { ...input.images },
  }
}

/** The smallest difference seen between two readings of `nowMs()`, of 1000 that differed. */
function clockResolutionMs(): number {
  let smallest = Infinity
  let before = nowMs()
  for (let steps = 0; steps < 1000;) {
    const now = nowMs()
    if (now === before) continue
    smallest = Math.min(smallest, now - before)
    before = now
    steps++
  }
  return smallest
}
