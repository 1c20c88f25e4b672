/** What the lab brings to start a migration, and what it gets back. */
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import type { Machine } from '../machine/machine.ts'
import type { FerryError } from '../util/errors.ts'
import type { Deadlines } from './deadlines.ts'
import type { Lease } from './lease.ts'
import type { LinkSpec } from './link.ts'
import type { PageMap } from './page-map.ts'
import type { Decision } from './policy/policy.ts'
import type { AlgorithmName, PolicyOptions } from './policy/pool.ts'
import type { ProgressEvent } from './progress.ts'
import type { MessageEvent } from './protocol/connection.ts'
import type { Stage } from './protocol/frame.ts'
import type { Extras, GuestSummary, HostIdentity, MachineSettings } from './protocol/guest-config.ts'
import type { Recorder } from './protocol/recorder.ts'
import type { VerifyScope } from './ram-check.ts'
import type { MigrationReport } from './report.ts'
import type { SavingOptions } from './saving/savings.ts'
import type { Statistics } from './statistics.ts'
import type { Translator } from './translator.ts'

export interface Tuning {
  /** Pages of one PAGES frame, 1–1024; fewer on slow links, so that a frame lasts about 50 ms. */
  readonly batchPages: number
  /** Batches being read from the machine at the same time. */
  readonly readAhead: number
  /** Dirty pages that come along with the stop, and are loaded in one step with the state. */
  readonly inlinePages: number
  /**
   * Pages of one frame after the switch-over on a fast link. Few, for a page that is asked for has to wait for those under way;
   * but what has come in the meantime is not asked for.
   */
  readonly pushPages: number
  /** For so long a single pass looks at what the guest writes, before it begins, ms. */
  readonly workingSetMs: number
  /** Conversions and restores on the target before the guest is stopped. */
  readonly rehearsals: number
  /** How many of them take the guest's state anew; the others go over the last one again. */
  readonly captures: number
  /** Whether pages that were written again since a round began may be left to the next: the log is asked for each batch. */
  readonly skipDirtied: boolean
}

export const TUNING: Tuning = {
  batchPages: 256,
  readAhead: 2,
  inlinePages: 1024,
  pushPages: 32,
  workingSetMs: 200,
  rehearsals: 3,
  captures: 3,
  skipDirtied: true,
}

export interface SourceOptions {
  /** Id of the run, unique. */
  readonly session: string
  readonly host: HostIdentity
  readonly target: HostIdentity & { readonly address: string; readonly port: number }
  readonly guest: GuestSummary
  /** How the target is to build the machine. */
  readonly settings: MachineSettings
  /** Passed to the target's `reserve` unread. */
  readonly extras?: Extras | undefined
  /** Version of the common format that `translator` writes. */
  readonly formatVersion: number
  readonly machine: Machine
  readonly hypervisor: Hypervisor
  readonly translator: Translator
  /** Shared with the target's slot. */
  readonly lease: Lease
  /** In order of preference; one name to insist on it. Default: all, pre-copy first. */
  readonly algorithms?: readonly AlgorithmName[] | undefined
  readonly policy?: PolicyOptions | undefined
  readonly link?: LinkSpec | undefined
  /** Savings of page transfer. Default: none but pages of zeros. */
  readonly savings?: SavingOptions | undefined
  /** Blocks to compare before the target's first instruction. Default `none`. */
  readonly verify?: VerifyScope | undefined
  /** Whether guest time includes the migration. Default `continue`. */
  readonly clock?: 'continue' | 'freeze' | undefined
  readonly tuning?: Partial<Tuning> | undefined
  readonly deadlines?: Partial<Deadlines> | undefined
  /** The link breaks as soon as this stage begins: a trial of what happens then. Default: never. */
  readonly cutInStage?: Stage | undefined
  /** Seed of the link's jitter. */
  readonly seed?: number | undefined
  readonly recorder?: Recorder | undefined
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined
  readonly onMessage?: ((event: MessageEvent) => void) | undefined
  /** Is told of every page on its way; of the machine's blocks. */
  readonly pages?: PageMap | undefined
  /** Ends the source's machine and frees its memory: called once, when the guest runs on the target. */
  readonly release: () => Promise<void> | void
}

export interface MigrationResult {
  readonly outcome: 'completed' | 'failed' | 'cancelled'
  /** Null when completed; `connection.lost-after-commit` when completed without hearing from the target. */
  readonly error: FerryError | null
  /**
   * Where the guest is: running on one of the hosts; `undecided`: kept paused at the source, because the target holds
   * the lease and could not be asked; `lost`: the source's machine died.
   */
  readonly guestAt: 'source' | 'target' | 'undecided' | 'lost'
  readonly report: MigrationReport
  readonly statistics: Readonly<Statistics>
  readonly decisions: readonly Decision[]
}

export interface Migration {
  readonly session: string
  /** Never rejects. */
  readonly finished: Promise<MigrationResult>
  /**
   * Ends it whatever that costs: at the end of the lab. A guest whose memory is on both hosts is lost; before the
   * switch-over it is the same as `cancel`.
   */
  abandon(reason: FerryError): void
  /** Gives up; the guest goes on at the source. False when it is too late: the target has the guest. */
  cancel(): boolean
  /** Changes the emulated link of both directions while the migration runs. */
  setLink(link: LinkSpec): void
  /** Changes the algorithm's options while the migration runs: the next decision is made with them. */
  setPolicy(options: PolicyOptions): void
}
