/** One guest of the lab, over its whole life and all the hosts and machines that it is on. */
import type { LoadedGuest } from '../../images/guest.ts'
import type { GuestImage } from '../../images/manifest.ts'
import type { GuestState, GuestView } from '../contract/lab.ts'
import type { HostKind } from '../contract/report.ts'
import type { Lease as MigrationLease } from '../migration/lease.ts'
import type { Port } from '../network/switch.ts'
import type { SharedDisk } from '../storage/shared-disk.ts'
import { FerryError } from '../util/errors.ts'
import { GuestConsole } from './console.ts'
import type { StartReport } from './guest-images.ts'
import type { HostedMachine } from './hosted-machine.ts'
import { parseWorkload, workloadCommand } from './workload.ts'

const COMMAND_DEADLINE_MS = 30_000
/** A self-check reads all of the guest's memory; a slow host must not make a right guest look wrong. */
const CHECK_DEADLINE_MS = 120_000

export interface GuestIdentity {
  /** Unique over all hosts of the lab. */
  readonly id: string
  readonly name: string
  readonly ip: string
  readonly mac: string
}

/** Where a guest is, and the machine that runs it there. */
export interface Residence {
  readonly host: string
  readonly kind: HostKind
  readonly machine: HostedMachine
}

export class Guest {
  readonly identity: GuestIdentity
  readonly image: LoadedGuest
  readonly ramBytes: number
  readonly disk: SharedDisk | null
  readonly lease: MigrationLease
  readonly console: GuestConsole
  state: GuestState = 'starting'
  /** What is being done to it at this moment, as a participle; null = nothing. */
  operation: string | null = null
  residence: Residence
  /** Its card's place on the bridge of its host. */
  vif: Port | null = null
  workload = 'idle'
  start: StartReport = { started: 'booted', startMs: 0 }

  constructor(options: {
    identity: GuestIdentity
    image: LoadedGuest
    ramBytes: number
    disk: SharedDisk | null
    lease: MigrationLease
    residence: Residence
  }) {
    this.identity = options.identity
    this.image = options.image
    this.ramBytes = options.ramBytes
    this.disk = options.disk
    this.lease = options.lease
    this.residence = options.residence
    this.console = new GuestConsole(options.identity.name)
  }

  get view(): GuestView {
    return {
      id: this.identity.id,
      name: this.identity.name,
      image: this.image.name,
      host: this.residence.host,
      state: this.state,
      ram_B: this.ramBytes,
      workload: this.workload,
      ip: this.identity.ip,
      mac: this.identity.mac,
      started: this.start.started,
      start_ms: this.start.startMs,
    }
  }

  /** The manifest's knowledge of the image. @throws FerryError `guest.unknown-image` for a user's own image */
  #entry(what: string): GuestImage {
    if (this.image.entry !== undefined) return this.image.entry
    const message = `Ferry does not know how to ${what} in ${this.image.name}, an image of your own. Use its console.`
    throw new FerryError('guest.unknown-image', message, { image: this.image.name })
  }

  /** Waits until the shell has taken the line: its prompt comes again. */
  async #shell(line: string): Promise<void> {
    const { prompt } = this.#entry('give commands').shell
    await this.console.command(line, new RegExp(RegExp.escape(prompt)), COMMAND_DEADLINE_MS)
  }

  /** Gives a guest that was started from a saved state its own address. */
  async configureNetwork(): Promise<void> {
    const configure = this.image.entry?.network.configure
    if (configure === undefined) return
    const { ip, mac } = this.identity
    await this.#shell(configure.replace('{ip}', ip).replace('{bits}', '24').replace('{mac}', mac))
  }

  /** Ends what runs and starts another workload. @throws FerryError `workload.*`, `guest.unknown-image`, `console.timeout` */
  async setWorkload(text: string): Promise<void> {
    const entry = this.#entry('start a workload')
    const command = workloadCommand(entry, parseWorkload(text))
    for (const stop of entry.stopAll) await this.#shell(stop)
    await this.#shell(command)
    this.workload = text
  }

  async setHeartbeat(intervalMs: number): Promise<void> {
    const { start, stop } = this.#entry('start a heartbeat').heartbeat
    await this.#shell(intervalMs === 0 ? stop : start.replace('{ms}', String(intervalMs)))
  }

  /** The guest's own check of its memory. @throws FerryError `console.timeout`, `guest.unknown-image` */
  async check(): Promise<{ ok: boolean; answer: string }> {
    const { command, ok, failed } = this.#entry('check itself').selfCheck
    const match = await this.console.command(command, new RegExp(`${ok}|${failed}`), CHECK_DEADLINE_MS)
    return { ok: new RegExp(ok).test(match[0]), answer: match[0].trim() }
  }
}
