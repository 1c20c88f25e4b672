/** Takes the key chords out of what is typed: Ctrl-] and a letter. All else is the guest's. */

/** Ctrl-]: what telnet and virsh use, too. */
export const CHORD = 0x1d

/** For help. */
export const KEYS = `\
  Ctrl-] m   move to the other host; typing goes on meanwhile
  Ctrl-] c   cancel the migration: the guest goes on where it was
  Ctrl-] p   pause          Ctrl-] r   resume
  Ctrl-] s   show the guest's screen (VGA text)
  Ctrl-] i   where the guest is, its memory, its address
  Ctrl-] q   quit: the guest is destroyed
  Ctrl-] h   these keys     Ctrl-] Ctrl-]   one Ctrl-] for the guest`

export type Typed =
  /** For the guest. */
  | { readonly kind: 'input'; readonly bytes: Uint8Array }
  /** The key after Ctrl-], as a character. */
  | { readonly kind: 'command'; readonly key: string }

export class Chords {
  /** Ctrl-] came and its key did not yet. */
  #open = false

  /** In the order typed. Ctrl-] twice is one Ctrl-] for the guest. */
  read(bytes: Uint8Array): Typed[] {
    const typed: Typed[] = []
    let from = 0
    const input = (to: number): void => {
      if (to > from) typed.push({ kind: 'input', bytes: bytes.subarray(from, to) })
    }
    for (let i = 0; i < bytes.length; i++) {
      if (this.#open) {
        this.#open = false
        // The second Ctrl-] stays where it is, as the beginning of the next input.
        from = bytes[i] === CHORD ? i : i + 1
        if (bytes[i] !== CHORD) typed.push({ kind: 'command', key: String.fromCharCode(bytes[i]) })
      } else if (bytes[i] === CHORD) {
        input(i)
        from = i + 1
        this.#open = true
      }
    }
    input(bytes.length)
    return typed
  }
}
