/** Names and addresses of guests: each has a number of the lab's, which makes IP and MAC, and the name where none is given. */
import { FerryError } from '../util/errors.ts'
import { nowMs } from '../util/clock.ts'
import type { GuestIdentity } from './guest.ts'

const FIRST_GUEST = 10
const MAX_GUESTS = 240
/** The guest's number follows. */
const MAC_PREFIX = '02:fe:00:00:01:'

export interface Wanted {
  /** Name of the image. */
  readonly image: string
  readonly name?: string | undefined
  /** Of a guest that has one already: the number of one that a lab gave is kept. */
  readonly mac?: string | undefined
}

export class Identities {
  readonly #taken = new Map<string, GuestIdentity>()

  /** @throws FerryError `guest.exists`, `guest.address`, `lab.full` */
  take({ image, name, mac }: Wanted): GuestIdentity {
    const known = [...this.#taken.values()]
    const named = (wanted: string) => known.some((identity) => identity.name === wanted)
    if (name !== undefined && named(name)) {
      throw new FerryError('guest.exists', `There is a guest named ${name} already; choose another name.`, { name })
    }
    if (mac !== undefined && known.some((identity) => identity.mac === mac)) {
      const message = `A guest of the lab has the network address ${mac} already. Destroy that one first: it may be the same guest.`
      throw new FerryError('guest.address', message, { mac })
    }
    const numbers = new Set(known.map(numberOf))
    let n = numberIn(mac)
    while (numbers.has(n) || (name === undefined && named(`${image}-${n}`))) n++
    if (n > MAX_GUESTS) throw new FerryError('lab.full', `A lab has room for ${MAX_GUESTS} guests at a time.`)
    const identity = {
      id: `g${n}-${Math.round(nowMs()).toString(36)}`,
      name: name ?? `${image}-${n}`,
      ip: `10.0.0.${FIRST_GUEST + n}`,
      mac: mac ?? `${MAC_PREFIX}${n.toString(16).padStart(2, '0')}`,
    }
    this.#taken.set(identity.id, identity)
    return identity
  }

  release({ id }: GuestIdentity): void {
    this.#taken.delete(id)
  }
}

const numberOf = ({ ip }: GuestIdentity): number => Number(ip.split('.')[3]) - FIRST_GUEST

/** The first number to try. */
function numberIn(mac: string | undefined): number {
  const n = mac?.startsWith(MAC_PREFIX) === true ? parseInt(mac.slice(MAC_PREFIX.length), 16) : 1
  return n >= 1 && n <= MAX_GUESTS ? n : 1
}
