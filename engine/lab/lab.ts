/** The lab: hosts on one network, guests on them, a client station that looks at them from outside, and the store. */
import type { LoadedGuest } from '../../images/guest.ts'
import { loadManifest } from '../../images/manifest.ts'
import type { GuestInput, GuestView, HostInput, HostView, LabEvents } from '../contract/lab.ts'
import type { ImageView } from '../contract/workloads.ts'
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import { warmUp } from '../hypervisors/translate.ts'
import { Station } from '../network/station.ts'
import { Switch } from '../network/switch.ts'
import { SharedDisk } from '../storage/shared-disk.ts'
import { Emitter } from '../util/emitter.ts'
import { FerryError } from '../util/errors.ts'
import { collectGarbage } from '../util/garbage.ts'
import { Guest, type GuestIdentity, type Residence } from './guest.ts'
import { loadImage, startGuest } from './guest-images.ts'
import { guestLease } from './guest-lease.ts'
import { Host } from './host.ts'
import { Identities } from './identities.ts'
import { StandbyKeeper } from './standby/keeper.ts'
import { wantedAfter } from './standby/wanted.ts'
import { workloadView } from './workload.ts'
import type { MachineRecord } from './store/experiment-records.ts'
import { openStore, type RunStore } from './store/run-store.ts'

const MIB = 2 ** 20
/** Enough for 1024×768 at 8 bits or 640×480 at 24; it all crosses in the first round. */
const VGA_BYTES = MIB
const CLIENT = { name: 'client', mac: '02:fe:00:00:00:02', ip: '10.0.0.2' }
const WARM_UP_ROUNDS = 100

/** Where a guest is to be made, and of what size. */
interface Place {
  readonly identity: GuestIdentity
  readonly image: LoadedGuest
  readonly host: Host
  readonly ramBytes: number
  readonly vgaBytes: number
  /** Size of its disk; 0: it has none. */
  readonly diskBytes: number
}

/** A guest that ran elsewhere. */
export type Admission = Pick<Place, 'image' | 'ramBytes' | 'vgaBytes' | 'diskBytes'> & {
  readonly host: string
  readonly name: string | undefined
  readonly mac: string
}

export interface LabOptions {
  /** File of the measurement store; `:memory:` keeps nothing. */
  readonly store: string
  /** Folder of recordings; absent: `recordings` beside the store, and none where that keeps nothing. */
  readonly recordings?: string
  /** Seeds whatever is random: memory scatter, jitter. */
  readonly seed?: number
  /** Whether hosts hold an empty machine ready for the guest that comes next; default true. */
  readonly standby?: boolean
  /** The machine that experiments are made on, if it is not to be found out. */
  readonly machine?: MachineRecord
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
  readonly standby: StandbyKeeper
  readonly #warm = new Set<Hypervisor>()
  readonly #identities = new Identities()
  readonly #creations = new Set<Promise<unknown>>()
  /** The guest that came or moved last. */
  #newest: Guest | null = null
  #closed = false

  constructor(options: LabOptions) {
    this.store = openStore(options.store)
    this.seed = options.seed ?? 1
    this.note = options.onNote ?? (() => {})
    this.standby = new StandbyKeeper({
      enabled: options.standby ?? true,
      hosts: () => [...this.hosts.values()].filter(({ abilities }) => abilities.standby),
      wanted: () => wantedAfter(this.#newest),
    })
  }

  /** @throws FerryError `host.exists`, `server.port`, `qemu.unavailable` */
  async addHost(input: HostInput): Promise<HostView> {
    if (this.hosts.has(input.name)) {
      throw new FerryError('host.exists', `There is a host named ${input.name} already; choose another name.`)
    }
    this.#checkOpen()
    const arrivals = {
      knownPeers: () => [...this.hosts.values()].map(({ name, address }) => ({ name, address })),
      guest: (id: string) => this.guest(id),
      arrived: (guest: Guest, residence: Residence) => this.#moved(guest, residence),
    }
    const host = await Host.create(input, this.network, arrivals, this.seed + this.hosts.size)
    this.hosts.set(host.name, host)
    this.events.emit('hosts.changed', host.view)
    this.standby.look()
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

  async images(): Promise<ImageView[]> {
    return (await loadManifest()).images.map(({ name, title, memory, workloads }) => ({
      name,
      title,
      minimum_MB: memory.minimumMb,
      default_MB: memory.defaultMb,
      workloads: workloads.map(workloadView),
    }))
  }

  /**
   * Creates a guest and brings it to its prompt, with its workload running.
   * @throws FerryError `image.*`, `host.*`, `machine.*`, `workload.*`, `console.*`, `lab.closed`; nothing is left behind
   */
  createGuest(input: GuestInput): Promise<GuestView> {
    return this.#creating(this.#create(input))
  }

  /**
   * A guest that ran elsewhere takes its place, paused.
   * @param load brings memory and state into its machine, and what is on its disk
   * @throws FerryError `guest.exists`, `guest.address`, `host.*`, `machine.*`, `lab.closed`, or what `load` throws; nothing is
   *   left behind
   */
  admitGuest(admission: Admission, load: (guest: Guest) => Promise<void>): Promise<GuestView> {
    return this.#creating(this.#admit(admission, load))
  }

  async #admit({ image, host, name, mac, ...shape }: Admission, load: (guest: Guest) => Promise<void>) {
    this.#checkOpen()
    const identity = this.#identities.take({ image: image.name, name, mac })
    return this.#place({ identity, image, host: this.host(host), ...shape }, 'paused', load)
  }

  #creating(creation: Promise<GuestView>): Promise<GuestView> {
    const release = this.standby.hold()
    this.#creations.add(creation)
    const ended = () => {
      this.#creations.delete(creation)
      release()
    }
    creation.then(ended, ended)
    return creation
  }

  async #create(input: GuestInput): Promise<GuestView> {
    this.#checkOpen()
    const host = this.host(input.host)
    const image = await loadImage(input.image, this.note)
    const ramMb = input.ram_MB ?? image.defaultMb
    if (ramMb < image.minimumMb) {
      const message = `The guest ${input.image} needs at least ${image.minimumMb} MB of RAM.`
      throw new FerryError('image.too-little-memory', message, { minimum_MB: image.minimumMb })
    }
    const identity = this.#identities.take(input)
    const place = {
      identity,
      image,
      host,
      ramBytes: ramMb * MIB,
      vgaBytes: VGA_BYTES,
      diskBytes: (input.disk_MB ?? 0) * MIB,
    }
    return this.#place(place, 'running', (guest) => this.#bringUp(guest, input))
  }

  /** Makes a guest's machine and has it filled. What fails leaves nothing behind. */
  async #place(place: Place, then: GuestView['state'], fill: (guest: Guest) => Promise<void>): Promise<GuestView> {
    const { identity, image, host, ramBytes, vgaBytes, diskBytes } = place
    let guest: Guest | null = null
    try {
      const disk = diskBytes === 0 ? null : new SharedDisk(identity.name, diskBytes)
      const config = { ramBytes, vgaBytes, mac: identity.mac, disk: disk?.buffer ?? null, apic: false }
      const residence = { host: host.name, kind: host.kind, machine: await host.createMachine(config) }
      const lease = guestLease(identity.name, host.name)
      guest = new Guest({ identity, image, ramBytes, disk, lease, residence })
      this.#settle(guest, host)
      await fill(guest)
      this.#checkOpen()
    } catch (error) {
      if (guest === null) this.#identities.release(identity)
      else await this.#remove(guest)
      throw error
    }
    this.setState(guest, then)
    return guest.view
  }

  /** A new guest takes its place in the lab's books, on its host and on the network. */
  #settle(guest: Guest, host: Host): void {
    const { identity, residence } = guest
    this.guests.set(identity.id, guest)
    host.guests.set(identity.id, guest)
    residence.machine.on('exit', (error) => this.#machineEnded(guest, residence.machine, error))
    guest.console.on('output', (bytes) => {
      this.events.emit('guests.output', { guest: identity.id, data: Buffer.from(bytes).toString('latin1') })
    })
    guest.console.listen(residence.machine)
    guest.console.feed(residence.machine)
    this.#checkOpen()
    this.#plugIn(guest)
    this.#newest = guest
  }

  async #bringUp(guest: Guest, { heartbeat_ms = 0, workload = 'idle' }: GuestInput): Promise<void> {
    const { image, identity, residence } = guest
    guest.start = await startGuest(image, residence.machine, guest.console, identity.ip)
    // A saved start is read by the hundred megabytes; V8 would look for what is left of it in the first migration.
    collectGarbage()
    if (image.entry !== undefined) {
      await guest.configureNetwork()
      // Its address may have been that of a guest on another host, and it says nothing before it is asked.
      this.host(residence.host).bridge.announce(identity.name, identity)
      if (heartbeat_ms > 0) await guest.setHeartbeat(heartbeat_ms)
      if (workload !== 'idle') await guest.setWorkload(workload)
    }
    await this.#warmUp(guest)
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

  /** @throws FerryError `guest.unknown`, `guest.busy`, `guest.migrating` */
  pauseGuest(id: string): Promise<GuestView> {
    return this.#operate(id, 'paused', async ({ residence }) => {
      await residence.machine.pause()
      return 'paused'
    })
  }

  /** @throws FerryError `guest.unknown`, `guest.busy`, `guest.migrating` */
  resumeGuest(id: string): Promise<GuestView> {
    return this.#operate(id, 'resumed', async ({ residence }) => {
      await residence.machine.resume()
      return 'running'
    })
  }

  /** @throws FerryError `guest.unknown`, `guest.busy`, `guest.migrating` */
  async destroyGuest(id: string): Promise<void> {
    const guest = this.guest(id)
    this.#checkFree(guest)
    await this.#remove(guest)
  }

  /** From now on the guest is on its way. @throws FerryError `guest.not-running`, `guest.busy` */
  beginMigration(guest: Guest): void {
    this.#checkOpen()
    if (guest.operation !== null) this.#checkFree(guest)
    if (guest.state !== 'running') {
      const message = `The guest ${guest.identity.name} is ${guest.state}; only a running guest can be moved.`
      throw new FerryError('guest.not-running', message, { guest: guest.identity.id, state: guest.state })
    }
    this.setState(guest, 'migrating')
  }

  /**
   * Does something to a guest, to which nothing else is done meanwhile.
   * @param operation as a participle
   * @throws FerryError `guest.unknown`, `guest.busy`, `guest.migrating`, or what the work throws
   */
  async hold<T>(idOrName: string, operation: string, work: (guest: Guest) => Promise<T>): Promise<T> {
    const guest = this.guest(idOrName)
    this.#checkFree(guest)
    guest.operation = operation
    try {
      return await work(guest)
    } finally {
      guest.operation = null
    }
  }

  /** A guest whose machine has ended stays crashed, whatever else was under way. */
  setState(guest: Guest, state: GuestView['state']): GuestView {
    if (guest.state !== 'crashed') guest.state = state
    this.events.emit('guests.changed', guest.view)
    return guest.view
  }

  /** Ends everything that the lab started; migrations are to be ended before (`Runs.close`). Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    for (const guest of this.guests.values()) guest.console.close()
    await Promise.allSettled(this.#creations)
    await this.standby.close()
    await Promise.all([...this.hosts.values()].map((host) => host.close()))
    this.hosts.clear()
    this.guests.clear()
    this.client.close()
    this.store.close()
  }

  #operate(id: string, operation: string, work: (guest: Guest) => Promise<GuestView['state']>): Promise<GuestView> {
    return this.hold(id, operation, async (guest) => this.setState(guest, await work(guest)))
  }

  #checkFree(guest: Guest): void {
    const { identity, operation, state } = guest
    if (state === 'migrating') {
      const message = `The guest ${identity.name} is on its way. Cancel the migration first.`
      throw new FerryError('guest.migrating', message, { guest: identity.id })
    }
    const doing = state === 'starting' ? 'started' : operation
    if (doing === null) return
    const message = `The guest ${identity.name} is being ${doing} at this moment; try again.`
    throw new FerryError('guest.busy', message, { guest: identity.id })
  }

  #checkOpen(): void {
    if (this.#closed) throw new FerryError('lab.closed', 'The lab is closing; nothing new is begun.')
  }

  async #remove(guest: Guest): Promise<void> {
    this.guests.delete(guest.identity.id)
    if (this.#newest === guest) this.#newest = [...this.guests.values()].at(-1) ?? null
    this.hosts.get(guest.residence.host)?.guests.delete(guest.identity.id)
    guest.vif?.detach()
    guest.console.close()
    await guest.residence.machine.close()
    this.#identities.release(guest.identity)
    this.events.emit('guests.removed', { guest: guest.identity.id })
    this.standby.look()
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
    const held = guest.residence.machine.takeHeld()
    guest.residence = residence
    this.#newest = guest
    this.#plugIn(guest)
    for (const frame of held) residence.machine.frameReceive(frame)
    this.host(residence.host).bridge.announce(guest.identity.name, guest.identity)
    guest.console.feed(residence.machine)
    residence.machine.on('exit', (error) => this.#machineEnded(guest, residence.machine, error))
    // It may be long until the migration has ended: pages of the guest may follow.
    this.events.emit('guests.changed', guest.view)
    if (from !== undefined) this.events.emit('hosts.changed', from.view)
  }

  #machineEnded(guest: Guest, machine: Residence['machine'], error: FerryError | null): void {
    if (error === null || guest.residence.machine !== machine || !this.guests.has(guest.identity.id)) return
    guest.console.fail(error)
    this.setState(guest, 'crashed')
  }
}
