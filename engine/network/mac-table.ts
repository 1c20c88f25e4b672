/**
 * Which port a MAC address was last seen at (the filtering database of IEEE 802.1D-2004, 7.9): entries age, are
 * replaced when the address shows up elsewhere, and are bounded in number. Time comes from the caller, in ms.
 */

/** IEEE 802.1D-2004, table 7-5: the recommended ageing time, 300 s. */
export const DEFAULT_AGEING_MS = 300_000
/** Addresses that a table holds at most, so that a guest with made-up addresses cannot fill the memory. */
export const DEFAULT_TABLE_SIZE = 4096

export interface MacEntry<P> {
  readonly mac: string
  readonly port: P
  /** When the address came to this port. */
  readonly sinceMs: number
  /** When a frame from it was last seen. */
  readonly seenMs: number
}

/** What a frame taught: `from` is the port before, null where the address was unknown. */
export interface Relearned<P> {
  readonly from: P | null
  readonly to: P
}

export class MacTable<P> {
  readonly #ageingMs: number
  readonly #size: number
  /** In the order in which the addresses were last seen, oldest first. */
  readonly #entries = new Map<string, MacEntry<P>>()

  constructor(ageingMs: number = DEFAULT_AGEING_MS, size: number = DEFAULT_TABLE_SIZE) {
    this.#ageingMs = ageingMs
    this.#size = size
  }

  /** A frame from `mac` came in at `port`. Tells what changed, null where the address was known there. */
  learn(mac: string, port: P, atMs: number): Relearned<P> | null {
    const known = this.#fresh(mac, atMs)
    this.#entries.delete(mac)
    if (known?.port === port) {
      this.#entries.set(mac, { ...known, seenMs: atMs })
      return null
    }
    if (this.#entries.size >= this.#size) {
      const oldest = this.#entries.keys().next()
      if (!oldest.done) this.#entries.delete(oldest.value)
    }
    this.#entries.set(mac, { mac, port, sinceMs: atMs, seenMs: atMs })
    return { from: known?.port ?? null, to: port }
  }

  /** The port of an address, or null where it is unknown or has aged out. */
  lookup(mac: string, atMs: number): P | null {
    return this.#fresh(mac, atMs)?.port ?? null
  }

  /** Forgets all addresses of a port. */
  forget(port: P): void {
    for (const [mac, entry] of this.#entries) if (entry.port === port) this.#entries.delete(mac)
  }

  /** The entries that have not aged out. */
  list(atMs: number): readonly MacEntry<P>[] {
    return [...this.#entries.keys()].flatMap((mac) => this.#fresh(mac, atMs) ?? [])
  }

  #fresh(mac: string, atMs: number): MacEntry<P> | undefined {
    const entry = this.#entries.get(mac)
    if (entry === undefined || atMs - entry.seenMs <= this.#ageingMs) return entry
    this.#entries.delete(mac)
    return undefined
  }
}
