/** What a host brings to receive guests. */
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import type { Machine } from '../machine/machine.ts'
import type { FerryError } from '../util/errors.ts'
import type { HostOffer } from './compatibility.ts'
import type { Deadlines } from './deadlines.ts'
import type { Channels } from './pull/channels.ts'
import type { Lease } from './lease.ts'
import type { ProgressEvent } from './progress.ts'
import type { MessageEvent } from './protocol/connection.ts'
import type { Extras, GuestSummary, HostIdentity, MachineSettings } from './protocol/guest-config.ts'
import type { Recorder } from './protocol/recorder.ts'
import type { StageReport } from '../contract/report.ts'
import type { Translator } from './translator.ts'

/** A guest that wants to come, as far as the reservation needs to know it. */
export interface IncomingGuest {
  readonly session: string
  readonly source: HostIdentity
  readonly guest: GuestSummary
  readonly machine: MachineSettings
  readonly extras: Extras
  readonly algorithm: string
  readonly clock: 'continue' | 'freeze'
}

/** The container on the target: memory is reserved, the machine exists and does not run. */
export interface TargetSlot {
  readonly machine: Machine
  readonly hypervisor: Hypervisor
  /** Shared with the source. */
  readonly lease: Lease
  /** Tells the network where the guest is now (gratuitous ARP); called right after its first instruction. */
  announce(): void
  /** The guest is this host's from now on. */
  activated(): Promise<void> | void
  /** The guest runs here and its memory still comes; `paused`: it stands still until the source can be reached again. */
  pulling?(state: 'pulling' | 'paused'): void
  /** Ends the machine and frees what was reserved. After it resolves the machine has surely stopped. */
  discard(reason: FerryError): Promise<void> | void
}

export interface TargetHost {
  /** What the host offers at this moment. */
  offer(): HostOffer
  /**
   * Reserves memory and builds the machine.
   * @throws FerryError whose code is told to the source, e.g. `host.out-of-memory`
   */
  reserve(incoming: IncomingGuest): Promise<TargetSlot>
  readonly translator: Translator
}

export interface TargetOptions {
  readonly host: TargetHost
  readonly deadlines?: Partial<Deadlines> | undefined
  /** Batches on their way to the machine at the same time. Default 4. */
  readonly writeWindow?: number | undefined
  /** Seed of the link's jitter. */
  readonly seed?: number | undefined
  /** A recorder for this connection, or undefined. */
  readonly recorder?: Recorder | undefined
  /** Where further connections of this migration are expected; without it, no algorithm that pulls works. */
  readonly channels?: Channels | undefined
  /** A reason not to take this guest, though it fits: too many at a time. */
  readonly busy?: (() => FerryError | null) | undefined
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined
  readonly onMessage?: ((event: MessageEvent) => void) | undefined
}

export interface TargetResult {
  /** Empty where the peer never said a valid MIG_REQ. */
  readonly session: string
  readonly guest: string
  /** `joined`: the connection belonged to another session, which has it now. */
  readonly outcome: 'running' | 'refused' | 'discarded' | 'joined'
  readonly error: FerryError | null
  /** Set where the container could not be discarded: something may be left behind. */
  readonly discardError: FerryError | null
  readonly stages: readonly StageReport[]
}
