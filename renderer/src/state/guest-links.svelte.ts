/** The link that was chosen for each guest, as at its creation; kept in this browser or app. */
import { preferences } from './preferences.svelte.ts'

const KEY = 'ferry.guest-links'
/** Guests come and go; the oldest choices are forgotten. */
const MOST = 128

function read(): Map<string, string> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    if (!Array.isArray(kept)) return new Map()
    return new Map(kept.filter(isPair))
  } catch {
    return new Map()
  }
}

const isPair = (value: unknown): value is [string, string] =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string')

class GuestLinks {
  #links = $state.raw<ReadonlyMap<string, string>>(read())

  /** Of a guest that has none of its own, and of nobody: what was chosen last. */
  of(guest: string | undefined): string {
    return (guest === undefined ? undefined : this.#links.get(guest)) ?? preferences.link
  }

  set(guest: string, link: string): void {
    const others = [...this.#links].filter(([id]) => id !== guest)
    this.#links = new Map([...others, [guest, link] as const].slice(-MOST))
    try {
      localStorage.setItem(KEY, JSON.stringify([...this.#links]))
    } catch {
      // Without a place to keep it, the choice lasts as long as the window.
    }
  }
}

export const guestLinks = new GuestLinks()
