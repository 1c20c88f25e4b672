/**
 * The bridge of a host: it joins the network cards of the host's guests (vifs) to the host's one uplink port on the
 * switch, as Xen's network-bridge script and libvirt's virbr do. Guests of one host talk without touching the uplink.
 *
 * A guest that moves: the source detaches its vif once the guest stands still (frames that come late from its machine
 * are dropped, and cannot teach the switch the old place again); the target attaches one when the guest may run, and
 * sends the announcement through it.
 */
import { FerryError } from '../util/errors.ts'
import { announcement } from './announce.ts'
import { Switch, type Deliver, type LearnedEvent, type Network, type Port, type SwitchOptions } from './switch.ts'

const UPLINK = 'uplink'

export class HostBridge implements Network {
  /** The host's name, which is also its port's name on the switch. */
  readonly name: string
  /** The host's port on the switch, seen from the switch: `framesIn` are frames that left the host. */
  readonly uplink: Port
  readonly #inner: Switch

  /** Throws `network.port-name` where the switch has a port of this name. */
  constructor(name: string, network: Network, options: SwitchOptions = {}) {
    this.name = name
    this.#inner = new Switch(options)
    const inside = this.#inner.attach(UPLINK, (frame) => this.uplink.send(frame))
    this.uplink = network.attach(name, (frame) => inside.send(frame))
  }

  /**
   * Plugs a guest's card in; the port's `send` takes the frames that the guest sends, `deliver` gets those for it.
   * `detach` removes it, and its addresses are forgotten. Throws `network.port-name` where a vif has this name,
   * `network.closed` after `close`.
   */
  attach(name: string, deliver: Deliver): Port {
    if (!this.uplink.attached) {
      throw new FerryError('network.closed', `The bridge of host ${this.name} is closed.`, { host: this.name })
    }
    return this.#inner.attach(name, deliver)
  }

  /**
   * Sends the ARP announcement of a guest that is plugged in here, as if the guest had sent it: bridge and switch both
   * learn that it is here. Throws `network.mac`, `network.ip`, or `network.no-vif` where there is no such vif.
   */
  announce(vif: string, guest: { readonly mac: string; readonly ip: string }): void {
    const port = this.vifs.find((candidate) => candidate.name === vif)
    if (port === undefined) {
      throw new FerryError('network.no-vif', `Host ${this.name} has no network card “${vif}”.`, {
        host: this.name,
        vif,
      })
    }
    port.send(announcement(guest))
  }

  /** The guests' ports. */
  get vifs(): readonly Port[] {
    return this.#inner.ports.filter((port) => port.name !== UPLINK)
  }

  /** The vif at which an address is known, `uplink` where it is outside, null where it is unknown. */
  vifOf(mac: string): string | null {
    return this.#inner.portOf(mac)
  }

  /** Tells of addresses that are new or have moved within this bridge. */
  on(event: 'learned', listener: (event: LearnedEvent) => void): () => void {
    return this.#inner.on(event, listener)
  }

  /** Unplugs all guests and the uplink. Idempotent. */
  close(): void {
    for (const port of this.#inner.ports) port.detach()
    this.uplink.detach()
  }
}
