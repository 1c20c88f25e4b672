/** Two hosts for tests: a source with a running guest, a target that listens on loopback, and one lease. */
import { FerryError } from '../../engine/util/errors.ts'
import type { HostOffer } from '../../engine/migration/compatibility.ts'
import type { Deadlines } from '../../engine/migration/deadlines.ts'
import { memoryLease, sharedLease } from '../../engine/migration/lease.ts'
import type { Lease } from '../../engine/migration/lease.ts'
import { MemoryRecorder } from '../../engine/migration/protocol/recorder.ts'
import { MigrationServer } from '../../engine/migration/server.ts'
import type { ServerOptions } from '../../engine/migration/server.ts'
import { migrate } from '../../engine/migration/source.ts'
import type { Migration, MigrationResult, SourceOptions } from '../../engine/migration/source-options.ts'
import type { IncomingGuest, TargetResult, TargetSlot } from '../../engine/migration/target-options.ts'
import { FakeMachine, MIB } from './fake-machine.ts'
import { Arbiter } from './fake-parts.ts'
import type { FakeOptions, Fault } from './fake-parts.ts'
import { stubHypervisor, stubTranslator } from './stub-translator.ts'

/** Short enough for tests, long enough for a busy machine. */
export const SHORT: Partial<Deadlines> = {
  connectMs: 1000,
  idleMs: 1500,
  answerMs: 1500,
  progressMs: 1500,
  reserveMs: 800,
  machineMs: 800,
  readyMs: 1500,
  verifyMs: 1500,
  commitMs: 800,
  resumeMs: 400,
  settleMs: 1500,
  recoverMs: 1500,
  keepaliveMs: 200,
}

export interface GuestSetup {
  readonly id?: string
  readonly source?: Partial<FakeOptions>
  readonly targetFault?: Fault | undefined
  readonly sourceFault?: Fault | undefined
}

export interface HostSetup {
  readonly offer?: Partial<HostOffer>
  readonly server?: Partial<ServerOptions>
  readonly reserve?: (incoming: IncomingGuest) => Promise<void>
  readonly memoryBytes?: number
  /** Stands in for the end of the target's machine. */
  readonly discard?: () => Promise<void>
}

export class World {
  readonly arbiters = new Map<string, Arbiter>()
  readonly leases = new Map<string, Lease>()
  readonly targetMachines = new Map<string, FakeMachine>()
  readonly targetResults: TargetResult[] = []
  readonly announced: string[] = []
  readonly released: string[] = []
  readonly sources: FakeMachine[] = []
  readonly targetFaults = new Map<string, Fault>()
  reservedBytes = 0
  server!: MigrationServer
  readonly #setup: HostSetup
  #waiting: (() => void)[] = []

  private constructor(setup: HostSetup) {
    this.#setup = setup
  }

  static async start(setup: HostSetup = {}): Promise<World> {
    const world = new World(setup)
    world.server = await MigrationServer.listen({
      port: 0,
      deadlines: SHORT,
      host: {
        translator: stubTranslator,
        offer: () => world.offer(),
        reserve: (incoming) => world.#reserve(incoming),
      },
      ...setup.server,
      onFinished: (result) => {
        world.targetResults.push(result)
        for (const wake of world.#waiting) wake()
        world.#waiting = []
      },
    })
    return world
  }

  offer(): HostOffer {
    return {
      name: 'kvm',
      kind: 'kvm',
      guestRamLimitBytes: 256 * MIB,
      freeMemoryBytes: (this.#setup.memoryBytes ?? 512 * MIB) - this.reservedBytes,
      devices: ['i8259', 'i8254', 'ne2k'],
      cpuFeatures: ['fpu', 'sse', 'sse2'],
      formatVersions: [1],
      algorithms: ['pre-copy', 'stop-and-copy', 'pull-copy', 'hybrid', 'single-pass'],
      hostsAllow: [],
      knownPeers: [{ name: 'xen', address: '127.0.0.1' }],
      guestIds: [],
      ...this.#setup.offer,
    }
  }

  async #reserve(incoming: IncomingGuest): Promise<TargetSlot> {
    await this.#setup.reserve?.(incoming)
    const { id } = incoming.guest
    const machine = new FakeMachine({
      name: `kvm:${id}`,
      arbiter: this.arbiters.get(id) as Arbiter,
      ramBytes: incoming.machine.ramBytes,
      dirtyPerMs: 1,
      seed: 99,
      fault: this.targetFaults.get(id),
    })
    this.targetMachines.set(id, machine)
    this.reservedBytes += incoming.machine.ramBytes
    return {
      machine,
      hypervisor: stubHypervisor,
      lease: this.leases.get(id) as Lease,
      announce: () => {
        this.announced.push(id)
      },
      activated: () => undefined,
      discard: async () => {
        if (this.#setup.discard !== undefined) return this.#setup.discard()
        await machine.close()
        this.reservedBytes -= incoming.machine.ramBytes
      },
    }
  }

  /** A running guest at the source. */
  guest(setup: GuestSetup = {}): FakeMachine {
    const id = setup.id ?? 'guest-1'
    const arbiter = new Arbiter()
    this.arbiters.set(id, arbiter)
    this.leases.set(id, sharedLease(memoryLease('xen')))
    if (setup.targetFault !== undefined) this.targetFaults.set(id, setup.targetFault)
    const machine = new FakeMachine({
      name: `xen:${id}`,
      arbiter,
      dirtyPerMs: 2,
      workingSet: 200,
      ...setup.source,
      fault: setup.sourceFault,
    }).fill()
    this.sources.push(machine)
    return machine
  }

  options(machine: FakeMachine, extra: Partial<SourceOptions> = {}, id = 'guest-1'): SourceOptions {
    return {
      session: `run-${id}`,
      host: { name: 'xen', kind: 'xen' },
      target: { name: 'kvm', kind: 'kvm', address: '127.0.0.1', port: this.server.port },
      guest: {
        id,
        name: id,
        ramBytes: machine.config.ramBytes,
        blocks: [...machine.blocks],
        devices: ['i8259', 'ne2k'],
        cpuFeatures: ['fpu', 'sse2'],
      },
      settings: { ...machine.config, disk: null },
      formatVersion: 1,
      machine,
      hypervisor: stubHypervisor,
      translator: stubTranslator,
      lease: this.leases.get(id) as Lease,
      deadlines: SHORT,
      tuning: { batchPages: 128 },
      release: async () => {
        this.released.push(id)
        await machine.close()
      },
      ...extra,
    }
  }

  migrate(machine: FakeMachine, extra: Partial<SourceOptions> = {}, id = 'guest-1'): Migration {
    return migrate(this.options(machine, extra, id))
  }

  /** Resolves when so many sessions have ended at the target. */
  async targetEnded(count = 1): Promise<void> {
    const give = Date.now() + 60_000
    while (this.targetResults.length < count) {
      if (Date.now() > give) throw new FerryError('test.timeout', 'the target session did not end')
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        setTimeout(resolve, 100)
      })
    }
  }

  async stop(): Promise<void> {
    await this.server.close()
    for (const machine of [...this.sources, ...this.targetMachines.values()]) await machine.close()
  }
}

/** Whether two memories are equal; returns the first page that differs, or null. */
export function firstDifference(a: FakeMachine['atStop'], b: FakeMachine['atStop']): string | null {
  if (a === null || b === null) return 'a side never stopped or started'
  for (const [id, bytes] of a) {
    const other = b.get(id)
    if (other === undefined) return `block ${id}`
    for (let at = 0; at < bytes.length; at += 4096) {
      if (Buffer.compare(bytes.subarray(at, at + 4096), other.subarray(at, at + 4096)) !== 0) {
        return `block ${id} page ${at / 4096}`
      }
    }
  }
  return null
}

export { MemoryRecorder }
export type { MigrationResult }
