/**
 * The algorithm pool: each algorithm is a mechanism (what the two sides do) and a policy (when). Source and target
 * intersect their pools; the source's order of preference decides.
 */
import type { Policy } from './policy.ts'
import { PRE_COPY_DEFAULTS, preCopy } from './pre-copy.ts'
import type { PreCopyOptions } from './pre-copy.ts'
import { HYBRID_ROUNDS, hybrid, pullCopy } from './pull.ts'
import { stopAndCopy } from './stop-and-copy.ts'

/** When pages travel. */
export interface Mechanism {
  /** Before the switch-over, in rounds, with a dirty log. */
  readonly rounds: boolean
  /** While the guest stands still: everything that remains. False: it follows after the switch-over. */
  readonly whileStopped: boolean
  /** After the switch-over, on demand and in the background. */
  readonly pull: boolean
  /** Before the switch-over only what is not written any more: no page travels twice. */
  readonly once: boolean
  /** By the hypervisor's own stream, which Ferry carries unread: between hosts of one kind that has such a stream. */
  readonly native: boolean
}

export interface PolicyOptions {
  readonly preCopy?: Partial<PreCopyOptions> | undefined
  /** Rounds of the hybrid before it switches over. */
  readonly hybridRounds?: number | undefined
}

export interface Algorithm {
  readonly name: string
  readonly title: string
  /** What it does, in a sentence for the user. */
  readonly summary: string
  readonly mechanism: Mechanism
  readonly policy: (options: PolicyOptions) => Policy
}

export const POOL = {
  'pre-copy': {
    name: 'pre-copy',
    title: 'Pre-copy',
    summary: 'Pages are sent in rounds while the guest runs; it stops for the last few.',
    mechanism: { rounds: true, whileStopped: true, pull: false, once: false, native: false },
    policy: (options) => preCopy({ ...PRE_COPY_DEFAULTS, ...options.preCopy }),
  },
  'stop-and-copy': {
    name: 'stop-and-copy',
    title: 'Stop-and-copy',
    summary: 'The guest stops, everything is sent, the guest goes on.',
    mechanism: { rounds: false, whileStopped: true, pull: false, once: false, native: false },
    policy: () => stopAndCopy(),
  },
  'pull-copy': {
    name: 'pull-copy',
    title: 'Pull-copy',
    summary: 'CPU and devices go first; the guest runs on the target at once and fetches pages as it needs them.',
    mechanism: { rounds: false, whileStopped: false, pull: true, once: false, native: false },
    policy: () => pullCopy(),
  },
  hybrid: {
    name: 'hybrid',
    title: 'Hybrid',
    summary: 'A round or two while the guest runs; what it has changed since follows after the switch-over, on demand.',
    mechanism: { rounds: true, whileStopped: false, pull: true, once: false, native: false },
    policy: (options) => hybrid({ ...PRE_COPY_DEFAULTS, ...options.preCopy }, options.hybridRounds ?? HYBRID_ROUNDS),
  },
  'single-pass': {
    name: 'single-pass',
    title: 'Single pass',
    summary:
      'Every page crosses once: cold ones while the guest runs; at its first write to one of them it switches over.',
    mechanism: { rounds: false, whileStopped: false, pull: true, once: true, native: false },
    policy: () => pullCopy(),
  },
  native: {
    name: 'native',
    title: "QEMU's own",
    summary: "QEMU's own pre-copy, from one QEMU to another over the same link: what the others are measured against.",
    mechanism: { rounds: true, whileStopped: true, pull: false, once: false, native: true },
    // QEMU decides; for predictions this is the nearest.
    policy: (options) => preCopy({ ...PRE_COPY_DEFAULTS, ...options.preCopy }),
  },
} as const satisfies Readonly<Record<string, Algorithm>>

export type AlgorithmName = keyof typeof POOL
/** Names of all algorithms of this version, the default first. */
export const ALGORITHM_NAMES = Object.keys(POOL) as readonly AlgorithmName[]

export function isAlgorithmName(name: string): name is AlgorithmName {
  return Object.hasOwn(POOL, name)
}

/** The algorithm of that name, or undefined. */
export function algorithmOf(name: string): Algorithm | undefined {
  return isAlgorithmName(name) ? POOL[name] : undefined
}

/** The first of the offered algorithms that both sides have, or null. */
export function negotiate(offered: readonly string[], supported: readonly string[]): AlgorithmName | null {
  return offered.filter(isAlgorithmName).find((name) => supported.includes(name)) ?? null
}
