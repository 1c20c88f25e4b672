/** The lab: hosts on one network, guests on them, a client station that looks at them from outside, and the store. */
import { loadManifest } from '../../images/manifest.ts'
import type { GuestInput, GuestView, HostInput, HostView, LabEvents } from '../contract/lab.ts'
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import { warmUp } from '../hypervisors/translate.ts'
import { Station } from '../network/station.ts'
import { Switch } from '../network/switch.ts'
import { createDisk } from '../storage/shared-disk.ts'
import { Emitter } from '../util/emitter.ts'
import { FerryError } from '../util/errors.ts'
import { nowMs } from '../util/clock.ts'
import { Guest, type GuestIdentity, type Residence } from './guest.ts'
import { loadImage, startGuest } from './guest-images.ts'
import { guestLease } from './guest-lease.ts'
import { Host } from './host.ts'
import { openStore, type RunStore } from './store/run-store.ts'

const MIB = 2 ** 20
/** Enough for 1024×768 at 8 bits or 640×480 at 24; it all crosses in the first round. */
const VGA_BYTES = MIB
const CLIENT = { name: 'client', mac: '02:fe:00:00:00:02', ip: '10.0.0.2' }
const FIRST_GUEST = 10
const MAX_GUESTS = 240
const WARM_UP_ROUNDS = 100

export interface LabOptions {
  /** File of the measurement store; `:memory:` keeps nothing. */
  readonly store: string
  /** Seeds whatever is random: memory scatter, jitter. */
  readonly seed?: number
  /** Lines about long work: images being built. */
  readonly onNote?: (line: string) => void
}

export class Lab {
  readonly events = new Emitter<LabEvents>()
  readonly network = new Switch()
  readonly client = new Station(this.network, CLIENT)
  readonly hosts = new Map<string, Host>()
  readonly guests = new Map<string, Guest>()
  readonly store: RunStore
  readonly seed: number
  /** Tells the user a line that belongs to no answer. */
  readonly note: (line: string) => void
  readonly #warm = new Set<Hypervisor>()
  #created = 0

  constructor(options: LabOptions) {
    this.store = openStore(options.store)
    this.seed = options.seed ?? 1
    this.note = options.onNote ?? (() => {})
  }

  /** @throws FerryError `host.exists`, `server.port` */
  async addHost(input: HostInput): Promise<HostView> {
    if (this.hosts.has(input.name)) {
      throw new FerryError('host.exists', `There is a host named ${input.name} already; choose another name.`)
    }
    const arrivals = {
      guest: (id: string) => this.guest(id),
      arrived: (guest: Guest, residence: Residence) => this.#moved(guest, residence),
    }
    const host = await Host.create(input, this.network, arrivals, this.seed + this.hosts.size)
    this.hosts.set(host.name, host)
    this.events.emit('hosts.changed', host.view)
    return host.view
  }

  /** @throws FerryError `host.unknown`, `host.in-use` */
  async removeHost(name: string): Promise<void> {
    const host = this.host(name)
    if (host.guests.size > 0) {
      throw new FerryError('host.in-use', `The host ${name} still has guests. Move or destroy them first.`)
    }
    await host.close()
    this.hosts.delete(name)
  }

  host(name: string): Host {
    const host = this.hosts.get(name)
    if (host === undefined) throw new FerryError('host.unknown', `There is no host named ${name}.`, { host: name })
    return host
  }

  /** By id or name. @throws FerryError `guest.unknown` */
  guest(idOrName: string): Guest {
    const guest = this.guests.get(idOrName) ?? [...this.guests.values()].find((g) => g.identity.name === idOrName)
    if (guest === undefined) {
      throw new FerryError('guest.unknown', `There is no guest ${idOrName}.`, { guest: idOrName })
    }
    return guest
  }

  async images() {
    return (await loadManifest()).images.map(({ name, title, memory, workloads }) => ({
      name,
      title,
      minimum_MB: memory.minimumMb,
      default_MB: memory.defaultMb,
      workloads: workloads.map((workload) => workload.name),
    }))
  }

  /**
   * Creates a guest and brings it to its prompt, with its workload running.
   * @throws FerryError `image.*`, `host.*`, `machine.*`, `workload.*`, `console.timeout`; nothing is left behind
   */
  async createGuest(input: GuestInput): Promise<GuestView> {
    const host = this.host(input.host)
    const image = await loadImage(input.image, this.note)
    const identity = this.#nextIdentity(input.image)
    const ramMb = input.ram_MB ?? image.defaultMb
    if (ramMb < image.minimumMb) {
      throw new FerryError(
        'image.too-little-memory',
        `The guest ${input.image} needs at least ${image.minimumMb} MB of RAM.`,
      )
    }
    const disk = input.disk_MB === undefined || input.disk_MB === 0 ? null : createDisk(identity.name, input.disk_MB)
    const machine = await host.createMachine({
      ramBytes: ramMb * MIB,
      vgaBytes: VGA_BYTES,
      mac: identity.mac,
      disk: disk?.buffer ?? null,
      apic: false,
    })
    const residence: Residence = { host: host.name, kind: host.kind, machine }
    const lease = guestLease(identity.name, host.name)
    const guest = new Guest({ identity, image, ramBytes: ramMb * MIB, disk, lease, residence })
    this.guests.set(identity.id, guest)
    host.guests.set(identity.id, guest)
    machine.on('exit', (error) => this.#machineEnded(guest, machine, error))
    guest.console.on('output', (bytes) => {
      this.events.emit('guests.output', { guest: identity.id, data: Buffer.from(bytes).toString('latin1') })
    })
    guest.console.listen(machine)
    guest.console.feed(machine)
    this.#plugIn(guest)
    try {
      guest.start = await startGuest(image, machine, guest.console, identity.ip)
      if (image.entry !== undefined) {
        if (guest.start.started === 'from saved state' || image.entry.network.configure !== undefined) {
          await guest.configureNetwork()
        }
        if ((input.heartbeat_ms ?? 0) > 0) await guest.setHeartbeat(input.heartbeat_ms ?? 0)
        if (input.workload !== undefined && input.workload !== 'idle') await guest.setWorkload(input.workload)
      }
    } catch (error) {
      await this.destroyGuest(identity.id)
      throw error
    }
    await this.#warmUp(guest)
    this.setState(guest, 'running')
    return guest.view
  }

  /** Conversions run compiled from the first migration on; uncompiled they would cost the first guests milliseconds. */
  async #warmUp(guest: Guest): Promise<void> {
    const cold = [...this.hosts.values()].map(({ hypervisor }) => hypervisor).filter((hv) => !this.#warm.has(hv))
    if (cold.length === 0) return
    const state = await guest.residence.machine.capture()
    for (const hypervisor of new Set(cold)) {
      this.#warm.add(hypervisor)
      warmUp(hypervisor, state, WARM_UP_ROUNDS)
    }
  }

  async pauseGuest(id: string): Promise<GuestView> {
    const guest = this.#atRest(id)
    await guest.residence.machine.pause()
    return this.setState(guest, 'paused')
  }

  async resumeGuest(id: string): Promise<GuestView> {
    const guest = this.#atRest(id)
    await guest.residence.machine.resume()
    return this.setState(guest, 'running')
  }

  async destroyGuest(id: string): Promise<void> {
    const guest = this.guest(id)
    if (guest.state === 'migrating') throw migrating(guest)
    this.guests.delete(guest.identity.id)
    this.hosts.get(guest.residence.host)?.guests.delete(guest.identity.id)
    guest.vif?.detach()
    guest.console.close()
    await guest.residence.machine.close()
    this.events.emit('guests.removed', { guest: guest.identity.id })
  }

  setState(guest: Guest, state: GuestView['state']): GuestView {
    guest.state = state
    this.events.emit('guests.changed', guest.view)
    return guest.view
  }

  /** Ends everything that the lab started. Idempotent. */
  async close(): Promise<void> {
    for (const guest of this.guests.values()) guest.console.close()
    await Promise.all([...this.hosts.values()].map((host) => host.close()))
    this.hosts.clear()
    this.guests.clear()
    this.client.close()
    this.store.close()
  }

  #atRest(id: string): Guest {
    const guest = this.guest(id)
    if (guest.state === 'migrating') throw migrating(guest)
    return guest
  }

  #nextIdentity(image: string): GuestIdentity {
    const n = ++this.#created
    if (n > MAX_GUESTS) throw new FerryError('lab.full', `A lab has room for ${MAX_GUESTS} guests over its life.`)
    const mac = `02:fe:00:00:01:${n.toString(16).padStart(2, '0')}`
    return {
      id: `g${n}-${Math.round(nowMs()).toString(36)}`,
      name: `${image}-${n}`,
      ip: `10.0.0.${FIRST_GUEST + n}`,
      mac,
    }
  }

  /** Connects the guest's card to the bridge of the host that it is on. */
  #plugIn(guest: Guest): void {
    const { machine, host } = guest.residence
    const port = this.host(host).bridge.attach(guest.identity.name, (frame) => machine.frameReceive(frame))
    machine.on('frame', (frame) => port.send(frame))
    guest.vif = port
  }

  /** Right after the guest's first instruction on another host: console, network and books follow it. */
  #moved(guest: Guest, residence: Residence): void {
    const from = this.hosts.get(guest.residence.host)
    guest.vif?.detach()
    from?.guests.delete(guest.identity.id)
    guest.residence = residence
    this.#plugIn(guest)
    this.host(residence.host).bridge.announce(guest.identity.name, guest.identity)
    guest.console.feed(residence.machine)
    residence.machine.on('exit', (error) => this.#machineEnded(guest, residence.machine, error))
    if (from !== undefined) this.events.emit('hosts.changed', from.view)
  }

  #machineEnded(guest: Guest, machine: Residence['machine'], error: FerryError | null): void {
    if (error === null || guest.residence.machine !== machine || !this.guests.has(guest.identity.id)) return
    this.setState(guest, 'crashed')
  }
}

const migrating = (guest: Guest) =>
  new FerryError('guest.migrating', `The guest ${guest.identity.name} is on its way. Cancel the migration first.`, {
    guest: guest.identity.id,
  })
