/**
 * The leaves of a JSON text with the bytes at which they stand, so that an inspector can point at them. The text may be
 * cut off anywhere: what is whole before the cut is found.
 */
export interface JsonLeaf {
  /** `guest.blocks[0].bytes`; empty for the body itself. */
  readonly path: string
  /** In the text, bytes. */
  readonly offset: number
  readonly bytes: number
  readonly type: 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'
  /** Strings without their quotes; an empty object or array as `{}` or `[]`. */
  readonly value: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = { 0x7b: 0x7d, 0x5b: 0x5d } as const
/** A peer's text is not trusted: deeper than any message of ours. */
const MAX_DEPTH = 16
/** Ends a walk through a text that is cut off, or no JSON. */
class Ended extends Error {}

/** The leaves up to the end of the text, or to where it is no JSON any more. */
export function jsonLeaves(text: Uint8Array): JsonLeaf[] {
  const walk = new Walk(text)
  try {
    walk.value('', 0)
  } catch (thrown) {
    if (!(thrown instanceof Ended)) throw thrown
  }
  return walk.leaves
}

class Walk {
  readonly leaves: JsonLeaf[] = []
  readonly #text: Uint8Array
  #at = 0

  constructor(text: Uint8Array) {
    this.#text = text
  }

  value(path: string, depth: number): void {
    const first = this.#peek()
    if (first === 0x7b || first === 0x5b) this.#container(path, first, depth)
    else if (first === QUOTE) {
      const offset = this.#at
      this.#leaf(path, offset, 'string', this.#string())
    } else this.#word(path)
  }

  #container(path: string, open: 0x7b | 0x5b, depth: number): void {
    if (depth >= MAX_DEPTH) throw new Ended()
    const object = open === 0x7b
    const offset = this.#at++
    if (this.#peek() === OPEN[open]) {
      this.#at++
      this.#leaf(path, offset, object ? 'object' : 'array', object ? '{}' : '[]')
      return
    }
    for (let i = 0; ; i++) {
      if (object) {
        this.#peek()
        const key = this.#string()
        if (this.#peek() !== COLON) throw new Ended()
        this.#at++
        this.value(path === '' ? key : `${path}.${key}`, depth + 1)
      } else this.value(`${path}[${i}]`, depth + 1)
      const next = this.#peek()
      this.#at++
      if (next === OPEN[open]) return
      if (next !== COMMA) throw new Ended()
    }
  }

  /** A number, true, false, null: up to what cannot be part of one. */
  #word(path: string): void {
    const offset = this.#at
    while (this.#at < this.#text.length && /[\w.+-]/.test(String.fromCharCode(this.#text[this.#at] ?? 0))) this.#at++
    const word = this.#decode(offset, this.#at)
    // At the very end it may have been longer.
    if (word === '' || (this.#at === this.#text.length && offset > 0)) throw new Ended()
    const type = word === 'null' ? 'null' : word === 'true' || word === 'false' ? 'boolean' : 'number'
    if (type === 'number' && !Number.isFinite(Number(word))) throw new Ended()
    this.#leaf(path, offset, type, word)
  }

  #string(): string {
    const offset = this.#at
    if (this.#text[offset] !== QUOTE) throw new Ended()
    for (this.#at++; ; this.#at++) {
      const byte = this.#text[this.#at]
      if (byte === undefined) throw new Ended()
      if (byte === BACKSLASH) this.#at++
      else if (byte === QUOTE) break
    }
    this.#at++
    try {
      return String(JSON.parse(this.#decode(offset, this.#at)))
    } catch {
      throw new Ended()
    }
  }

  #leaf(path: string, offset: number, type: JsonLeaf['type'], value: string): void {
    this.leaves.push({ path, offset, bytes: this.#at - offset, type, value })
  }

  /** The next byte that is not white space. */
  #peek(): number {
    for (;;) {
      const byte = this.#text[this.#at]
      if (byte === undefined) throw new Ended()
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
      this.#at++
    }
  }

  #decode(from: number, to: number): string {
    return new TextDecoder().decode(this.#text.subarray(from, to))
  }
}
