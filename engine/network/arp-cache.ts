/**
 * The ARP cache of a station: which MAC address has an IP address (RFC 826). Entries are refreshed by whatever the
 * owner of the address says, announcements included. An entry that was not confirmed for a while is asked for again,
 * and used until a newer one arrives, so that sending never waits once an address is known.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { isGroupMac, macBytes } from './address.ts'
import type { ArpPacket } from './arp.ts'

/** An entry older than this is asked for again; RFC 1122, 2.3.2.1 suggests the order of a minute. */
export const ARP_LIFETIME_MS = 60_000
/** At most one request per second and address (RFC 1122, 2.3.2.1). */
export const ARP_RETRY_MS = 1000

export interface ArpEntry {
  readonly ip: string
  readonly mac: string
  /** `nowMs()` when the owner was last heard. */
  readonly confirmedAtMs: number
}

interface Waiter {
  readonly resolve: (mac: string) => void
  readonly reject: (error: FerryError) => void
  readonly timer: NodeJS.Timeout
}

export class ArpCache {
  readonly #ask: (ip: string) => void
  readonly #now: () => number
  readonly #entries = new Map<string, ArpEntry>()
  readonly #askedAtMs = new Map<string, number>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #retries = new Map<string, NodeJS.Timeout>()
  #closed = false

  /** @param ask broadcasts a request for an address */
  constructor(ask: (ip: string) => void, now: () => number = nowMs) {
    this.#ask = ask
    this.#now = now
  }

  /** The address at once, or null where it is unknown. Asks again where the entry is old. */
  lookup(ip: string): string | null {
    const entry = this.#entries.get(ip)
    if (entry === undefined) return null
    if (this.#now() - entry.confirmedAtMs > ARP_LIFETIME_MS) this.#request(ip)
    return entry.mac
  }

  /**
   * The address, asking for it every second. Rejects with `network.arp-timeout` where nobody answers within
   * `timeoutMs`, with `network.closed` where the station is closed.
   */
  resolve(ip: string, timeoutMs: number): Promise<string> {
    if (this.#closed) return Promise.reject(closed())
    const known = this.lookup(ip)
    if (known !== null) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(waiter)
        if (waiters.size === 0) this.#stopAsking(ip)
        reject(
          new FerryError('network.arp-timeout', `Nobody on the network answered for ${ip} within ${timeoutMs} ms.`, {
            ip,
            timeout_ms: timeoutMs,
          }),
        )
      }, timeoutMs)
      const waiter: Waiter = { resolve, reject, timer }
      const waiters = this.#waiters.get(ip) ?? new Set<Waiter>()
      this.#waiters.set(ip, waiters)
      waiters.add(waiter)
      this.#request(ip)
      if (waiters.has(waiter) && !this.#retries.has(ip)) {
        this.#retries.set(
          ip,
          setInterval(() => this.#request(ip), ARP_RETRY_MS),
        )
      }
    })
  }

  /**
   * Takes in what a packet says about its sender: always where the address is known or waited for, else only when the
   * packet was for us (RFC 826, "Packet Reception"). A sender of 0.0.0.0 asks for itself and says nothing (RFC 5227);
   * a group address as sender is not believed (RFC 1812, 3.3.2).
   */
  heard(packet: ArpPacket, forUs: boolean): void {
    const ip = packet.senderIp
    if (ip === '0.0.0.0' || isGroupMac(macBytes(packet.senderMac), 0)) return
    if (!forUs && !this.#entries.has(ip) && !this.#waiters.has(ip)) return
    this.#entries.set(ip, { ip, mac: packet.senderMac, confirmedAtMs: this.#now() })
    const waiters = this.#waiters.get(ip)
    this.#stopAsking(ip)
    for (const waiter of waiters ?? []) {
      clearTimeout(waiter.timer)
      waiter.resolve(packet.senderMac)
    }
    waiters?.clear()
  }

  /** An answer came from `mac` in the name of `ip`: the entry is good (RFC 1122, advice from a higher layer). */
  confirm(ip: string, mac: string): void {
    const entry = this.#entries.get(ip)
    if (entry?.mac === mac) this.#entries.set(ip, { ...entry, confirmedAtMs: this.#now() })
  }

  get entries(): readonly ArpEntry[] {
    return [...this.#entries.values()]
  }

  /** Rejects everything that waits. Idempotent. */
  close(): void {
    this.#closed = true
    for (const [ip, waiters] of [...this.#waiters]) {
      this.#stopAsking(ip)
      for (const waiter of waiters) {
        clearTimeout(waiter.timer)
        waiter.reject(closed())
      }
    }
  }

  #request(ip: string): void {
    const asked = this.#askedAtMs.get(ip)
    // A tenth of slack, because the retry timer may fire a little early.
    if (asked !== undefined && this.#now() - asked < ARP_RETRY_MS * 0.9) return
    this.#askedAtMs.set(ip, this.#now())
    this.#ask(ip)
  }

  #stopAsking(ip: string): void {
    clearInterval(this.#retries.get(ip))
    this.#retries.delete(ip)
    this.#waiters.delete(ip)
    this.#askedAtMs.delete(ip)
  }
}

function closed(): FerryError {
  return new FerryError('network.closed', 'The station has left the network.')
}
