/**
 * One host of the lab: a hypervisor kind, finite machine memory, guests, a bridge to the lab's network, and a server
 * that takes guests in.
 */
import type { HostInput, HostView } from '../contract/lab.ts'
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import { HostMemory } from '../hypervisors/memory.ts'
import { isLoopback, type Relocation } from '../hypervisors/toolstack/relocation.ts'
import * as translator from '../hypervisors/translate.ts'
import type { MachineConfig } from '../machine/machine.ts'
import { CPU_FEATURES } from '../machine/profile.ts'
import { BlankMachine, type MachineShape } from '../machine/blank-machine.ts'
import type { HostOffer } from '../migration/compatibility.ts'
import { DEFAULT_PORT, MigrationServer } from '../migration/server.ts'
import type { IncomingGuest, TargetSlot } from '../migration/target-options.ts'
import { HostBridge } from '../network/bridge.ts'
import type { Network } from '../network/switch.ts'
import { FerryError } from '../util/errors.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import { FORMAT_VERSION } from '../vmstate/container.ts'
import type { Guest, Residence } from './guest.ts'
import { HostedMachine } from './hosted-machine.ts'
import { ABILITIES, type Abilities, HYPERVISORS, machineOf, requireKind, viewOf } from './kinds.ts'
import { Standby } from './standby/standby.ts'

const MIB = 2 ** 20
/** Ports that are tried upwards: libvirt has 64; two Xen-like hosts on one machine cannot both have 8002. */
const PORTS_TRIED = 64
const GUEST_RAM_LIMIT = 1024 * MIB

/** What a host needs of the lab to take a guest in. */
export interface Arrivals {
  /** The guest of that id, wherever it is now. @throws FerryError `guest.unknown` */
  guest(id: string): Guest
  /** The lab's hosts, by name, with their addresses. */
  knownPeers(): { name: string; address: string }[]
  /** The guest runs on the host now: its console and network follow it. */
  arrived(guest: Guest, residence: Residence): void
}

export class Host {
  readonly name: string
  readonly kind: HostInput['kind']
  readonly hypervisor: Hypervisor
  readonly memory: HostMemory
  readonly bridge: HostBridge
  readonly abilities: Abilities
  /** Its pool: what was asked for, of what its kind can. Guests go by these … */
  readonly algorithms: readonly string[]
  /** … and come by these. */
  readonly takes: readonly string[]
  /** Its configuration files are those of its tools' installation: nobody has set up anything. */
  readonly asInstalled: boolean
  readonly guests = new Map<string, Guest>()
  readonly standby = new Standby((shape) => BlankMachine.start(shape))
  readonly #arrivals: Arrivals
  /** 0: wherever this computer has a free port. */
  readonly #portWanted: number | undefined
  #relocation: Relocation
  #server: MigrationServer | null = null

  private constructor(input: HostInput, network: Network, arrivals: Arrivals, seed: number) {
    this.name = input.name
    this.kind = input.kind
    this.hypervisor = HYPERVISORS[input.kind]
    this.memory = new HostMemory({ bytes: (input.memory_MB ?? 2048) * MIB, seed })
    this.bridge = new HostBridge(input.name, network)
    this.abilities = ABILITIES[input.kind]
    const asked = (pool: readonly string[]) => input.algorithms?.filter((name) => pool.includes(name)) ?? pool
    this.algorithms = asked(this.abilities.algorithms)
    this.takes = asked(this.abilities.takes)
    this.#portWanted = input.port
    const port = input.port === undefined || input.port === 0 ? DEFAULT_PORT[input.kind] : input.port
    // libvirt takes guests in as it is installed, and a QEMU as it is started.
    this.asInstalled = input.as_installed === true
    const enabled = input.kind !== 'xen' || !this.asInstalled
    this.#relocation = { enabled, port, address: '', hostsAllow: input.hosts_allow ?? [] }
    this.#arrivals = arrivals
  }

  /** @throws FerryError `server.port`, `server.listen`, `network.port-name`, `qemu.unavailable` */
  static async create(input: HostInput, network: Network, arrivals: Arrivals, seed: number): Promise<Host> {
    await requireKind(input.kind)
    const host = new Host(input, network, arrivals, seed)
    try {
      host.#server = await host.#listen(host.#relocation.port, input.port === undefined ? PORTS_TRIED : 1)
    } catch (error) {
      host.bridge.close()
      throw error
    }
    return host
  }

  #listen(port: number, ports: number): Promise<MigrationServer> {
    return MigrationServer.listen({
      port: this.#portWanted === 0 ? 0 : port,
      ports,
      host: { offer: () => this.offer(), reserve: (incoming) => this.#reserve(incoming), translator },
    })
  }

  /** How it takes guests in. */
  get relocation(): Relocation {
    return this.#relocation
  }

  /**
   * Takes guests in by these rules from now on; nothing has changed where it fails.
   * @throws FerryError `host.in-use` while a guest comes in and the port would change, `server.port`, `server.listen`
   */
  async relocate(rules: Relocation): Promise<void> {
    const before = this.#server
    if (rules.port !== this.#relocation.port) {
      if (before !== null && before.sessions.length > 0) {
        const message = `A guest is on its way to ${this.name}. Let it come, or cancel the migration; then change the port.`
        throw new FerryError('host.in-use', message, { host: this.name })
      }
      this.#server = await this.#listen(rules.port, PORTS_TRIED)
      await before?.close()
    }
    this.#relocation = rules
  }

  /**
   * Whether another host reaches the server at this port. The hosts of a lab share one computer, so the port that the
   * network of the lab knows need not be the one that the socket has.
   * @throws FerryError `connection.refused`
   */
  checkPort(port: number): void {
    const { port: own, address } = this.#relocation
    if (port === own && !isLoopback(address)) return
    const where = isLoopback(address) ? `at ${address}, for itself alone` : `on port ${own}`
    const message = `${this.name} refused the connection to port ${port}: it listens for guests ${where}.`
    throw new FerryError('connection.refused', message, { host: this.name, port, listens: own })
  }

  get address(): string {
    return this.#server?.address ?? '127.0.0.1'
  }
  get port(): number {
    return this.#server?.port ?? 0
  }

  get view(): HostView {
    return {
      name: this.name,
      kind: this.kind,
      title: this.hypervisor.title,
      address: this.address,
      port: this.port,
      memory_B: this.memory.totalPages * PAGE_SIZE,
      memory_used_B: (this.memory.totalPages - this.memory.freePages) * PAGE_SIZE,
      algorithms: [...this.algorithms],
      hosts_allow: [...this.#relocation.hostsAllow],
      guests: [...this.guests.keys()],
    }
  }

  offer(): HostOffer {
    return {
      name: this.name,
      kind: this.kind,
      guestRamLimitBytes: GUEST_RAM_LIMIT,
      freeMemoryBytes: this.memory.freePages * PAGE_SIZE,
      devices: this.abilities.devices,
      savings: this.abilities.savings,
      clock: this.abilities.clock,
      cpuFeatures: CPU_FEATURES,
      formatVersions: [FORMAT_VERSION.major],
      algorithms: this.takes,
      algorithmsNote: this.abilities.takesNote,
      accepting: this.#relocation.enabled && !isLoopback(this.#relocation.address),
      hostsAllow: this.#relocation.hostsAllow,
      knownPeers: this.#arrivals.knownPeers(),
      guestIds: [...this.guests.keys()],
    }
  }

  /** Whether the machine memory has room for one more guest of this shape. */
  hasRoom({ ramBytes, vgaBytes }: MachineShape): boolean {
    return this.memory.freePages * PAGE_SIZE >= ramBytes + vgaBytes
  }

  /**
   * A machine in this host's memory: the one held ready, if it fits.
   * @param by the algorithm by which a guest comes; absent: none does
   * @throws FerryError `host.out-of-memory`, `machine.*`, `qemu.*`
   */
  async createMachine(config: MachineConfig, by?: string): Promise<HostedMachine> {
    const view = viewOf(this.kind, this.memory, config)
    try {
      return new HostedMachine((await this.standby.take(config)) ?? (await machineOf(this.kind, config, by)), view)
    } catch (error) {
      view.release()
      throw error
    }
  }

  async #reserve(incoming: IncomingGuest): Promise<TargetSlot> {
    const guest = this.#arrivals.guest(incoming.guest.id)
    const { ramBytes, vgaBytes, mac, apic } = incoming.machine
    const config = { ramBytes, vgaBytes, mac, apic, disk: guest.disk?.buffer ?? null }
    const machine = await this.createMachine(config, incoming.algorithm)
    const residence: Residence = { host: this.name, kind: this.kind, machine }
    // Its first words may come before anybody knows that it runs.
    const unlisten = guest.console.listen(machine)
    return {
      machine,
      hypervisor: this.hypervisor,
      lease: guest.lease,
      announce: () => this.#arrivals.arrived(guest, residence),
      activated: () => {
        this.guests.set(guest.identity.id, guest)
      },
      discard: async () => {
        unlisten()
        await machine.close()
      },
    }
  }

  async close(): Promise<void> {
    await this.#server?.close()
    await this.standby.close()
    for (const guest of this.guests.values()) await guest.residence.machine.close()
    this.guests.clear()
    this.bridge.close()
  }
}
