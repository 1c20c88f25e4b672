/**
 * The lease of a shared disk, and so of the guest that runs from it: at every moment at most one host holds it, and
 * only that host may run the guest. When the connection dies in the middle of the commit, both sides look here: the
 * hand-over either happened or it did not.
 *
 * Every change of holder raises the epoch, which is part of the holder's token. A token of an earlier epoch is refused
 * even where the same host holds the lease again: what was started under the old token must not go on (a fencing
 * token). All operations are synchronous, hence atomic within the thread that owns the lease.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'

/** Proof of holding a lease. Plain values: may be logged or sent. */
export interface LeaseToken {
  readonly resource: string
  readonly holder: string
  /** 1, 2, 3 …, raised by every change of holder. */
  readonly epoch: number
}

/** One change of holder; null stands for nobody. */
export interface LeaseChange {
  readonly resource: string
  readonly from: string | null
  readonly to: string | null
  readonly epoch: number
  /** `nowMs()`. */
  readonly atMs: number
}

export class Lease {
  readonly resource: string
  readonly #listeners = new Set<(change: LeaseChange) => void>()
  #holder: string | null = null
  #epoch = 0

  /** @param resource name of the disk or guest, for messages and tokens */
  constructor(resource: string) {
    this.resource = resource
  }

  /** Who may run the guest now; null where nobody may. */
  get holder(): string | null {
    return this.#holder
  }

  /** Number of changes of holder so far. */
  get epoch(): number {
    return this.#epoch
  }

  /** Takes a free lease. Throws `storage.lease-held`, naming the holder, where it is not free — the caller included. */
  acquire(holder: string): LeaseToken {
    checkHolder(holder)
    if (this.#holder !== null) throw this.#held(this.#holder, holder)
    return this.#give(holder)
  }

  /**
   * Hands over in one step: before it the one host holds the lease, after it the other, and nobody in between. The
   * commit point of a migration. Throws as `check` does, and then nothing has changed.
   * @returns the new holder's token; the old one is void
   */
  transfer(from: LeaseToken, to: string): LeaseToken {
    checkHolder(to)
    this.check(from)
    return this.#give(to)
  }

  /** Gives the lease up; nobody may run the guest then. Throws as `check` does. */
  release(token: LeaseToken): void {
    this.check(token)
    this.#change(null)
  }

  /**
   * Takes the lease from whoever has it; for a host that is known to be gone. The caller answers for its guest not
   * running any more. Nothing happens where nobody holds it.
   */
  revoke(): void {
    if (this.#holder !== null) this.#change(null)
  }

  /** True where the token is the one of the present holder. To be asked right before the guest is run or resumed. */
  holds(token: LeaseToken): boolean {
    return token.resource === this.resource && token.holder === this.#holder && token.epoch === this.#epoch
  }

  /**
   * Throws unless the token is the one of the present holder: `storage.lease-held` where another host holds the
   * lease, `storage.lease-free` where nobody does, `storage.lease-fenced` where the token is of an earlier epoch or
   * of another lease.
   */
  check(token: LeaseToken): void {
    if (this.holds(token)) return
    if (token.resource !== this.resource || token.holder === this.#holder) {
      throw new FerryError(
        'storage.lease-fenced',
        `${token.holder} shows a token of ${token.resource}, epoch ${token.epoch}; ` +
          `the lease of ${this.resource} is at epoch ${this.#epoch}.`,
        { resource: this.resource, claimant: token.holder, token_epoch: token.epoch, epoch: this.#epoch },
      )
    }
    if (this.#holder !== null) throw this.#held(this.#holder, token.holder)
    throw new FerryError(
      'storage.lease-free',
      `${token.holder} does not hold the lease of ${this.resource} any more; nobody does.`,
      { resource: this.resource, claimant: token.holder, epoch: this.#epoch },
    )
  }

  /** Tells of every change of holder, after it. Returns the function that unsubscribes. */
  on(_event: 'changed', listener: (change: LeaseChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #give(holder: string): LeaseToken {
    const epoch = this.#change(holder)
    return { resource: this.resource, holder, epoch }
  }

  #change(to: string | null): number {
    const from = this.#holder
    this.#holder = to
    const epoch = ++this.#epoch
    const change = { resource: this.resource, from, to, epoch, atMs: nowMs() }
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        // The hand-over has happened: its caller must learn that, whatever an observer thinks of it.
        setImmediate(() => {
          throw error
        })
      }
    }
    return epoch
  }

  #held(holder: string, claimant: string): FerryError {
    return new FerryError(
      'storage.lease-held',
      `The lease of ${this.resource} is held by ${holder}; ${claimant} cannot use it.`,
      {
        resource: this.resource,
        holder,
        claimant,
        epoch: this.#epoch,
      },
    )
  }
}

function checkHolder(holder: string): void {
  if (holder === '') throw new FerryError('storage.lease-holder', 'The holder of a lease needs a name.')
}
