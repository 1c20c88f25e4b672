/** Domain ids: each host counts its own, and a guest that comes gets the next one, as xend and libvirt do it. */
import type { GuestView } from '../../contract/lab.ts'
import type { Guest } from '../guest.ts'
import type { Lab } from '../lab.ts'

export class DomainIds {
  readonly #next = new Map<string, number>()
  readonly #ids = new Map<string, { host: string; id: number }>()

  constructor(lab: Lab) {
    for (const guest of lab.guests.values()) this.#see(guest.view)
    lab.events.on('guests.changed', (view) => this.#see(view))
    lab.events.on('guests.removed', ({ guest }) => this.#ids.delete(guest))
  }

  of(guest: Guest): number {
    return this.#see(guest.view)
  }

  #see({ id: guest, host }: Pick<GuestView, 'id' | 'host'>): number {
    const known = this.#ids.get(guest)
    if (known?.host === host) return known.id
    const id = this.#next.get(host) ?? 1
    this.#next.set(host, id + 1)
    this.#ids.set(guest, { host, id })
    return id
  }
}
