/**
 * Who may run the guest, as the migration needs it: the lease of the shared disk. It decides when a connection dies
 * between COMMIT and RUNNING. All operations are atomic with respect to each other.
 *
 * The rule: only the holder runs the guest. The source hands the lease over before it says COMMIT; from then on it
 * must not run the guest unless the lease comes back. A target that gives up first stands down: after that nothing
 * can be handed to it. Whichever of the two comes first wins, and both sides can see which it was.
 */
export interface Lease {
  /** Name of the host that may run the guest. */
  holder(): string
  /** From now on the lease may be handed to `host`. */
  standBy(host: string): void
  /**
   * From now on the lease may no longer be handed to `host`.
   * @returns false, without effect, when `host` holds it already: then it must run the guest or hand the lease back
   */
  standDown(host: string): boolean
  /** Hands the lease over. False, without effect, when `from` does not hold it or `to` does not stand by. */
  transfer(from: string, to: string): boolean
  /** The holder says that the guest runs with it: the other side may release its copy. */
  confirm(host: string): void
  /** Whether the holder has confirmed since the last transfer. */
  confirmed(): boolean
}

/** The two operations that every lease has. */
export interface PlainLease {
  holder(): string
  transfer(to: string): void
}

/**
 * A `Lease` over a plain one, for hosts of one process. Source and target of a migration must share the object: one
 * for each guest.
 */
export function sharedLease(plain: PlainLease): Lease {
  const standingBy = new Set<string>()
  let confirmed = true
  return {
    holder: () => plain.holder(),
    standBy(host) {
      standingBy.add(host)
    },
    standDown(host) {
      if (plain.holder() === host) return false
      standingBy.delete(host)
      return true
    },
    transfer(from, to) {
      if (plain.holder() !== from || !standingBy.has(to)) return false
      plain.transfer(to)
      standingBy.delete(to)
      confirmed = false
      return true
    },
    confirm(host) {
      if (plain.holder() === host) confirmed = true
    },
    confirmed: () => confirmed,
  }
}

/** A lease in memory, for guests without a shared disk, and for tests. */
export function memoryLease(holder: string): PlainLease {
  let current = holder
  return {
    holder: () => current,
    transfer(to) {
      current = to
    },
  }
}
