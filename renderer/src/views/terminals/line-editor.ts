/** The line that is being written in a terminal: text, cursor, history, with the keys of bash (readline(3), emacs mode). Pure. */

/** What a key asks for beyond the line itself. */
export type Wish =
  | { readonly do: 'edit' }
  | { readonly do: 'submit'; readonly line: string }
  /** Ctrl-C. */
  | { readonly do: 'interrupt' }
  | { readonly do: 'complete' }
  | { readonly do: 'clear' }
  /** Ctrl-D on an empty line. */
  | { readonly do: 'exit' }
  | { readonly do: 'bell' }

const EDIT: Wish = { do: 'edit' }
const BELL: Wish = { do: 'bell' }
/** As the contract has it. */
export const MAX_LINE = 1000

const ESC = '\u001b'
const control = (letter: string): string => String.fromCharCode(letter.charCodeAt(0) & 0x1f)

/** Sequences that xterm sends for keys, in both cursor modes: ECMA-48 and xterm's "PC-style function keys". */
const KEYS: Readonly<Record<string, (line: LineEditor) => Wish>> = {
  [`${ESC}[D`]: (line) => line.move(-1),
  [`${ESC}OD`]: (line) => line.move(-1),
  [control('B')]: (line) => line.move(-1),
  [`${ESC}[C`]: (line) => line.move(1),
  [`${ESC}OC`]: (line) => line.move(1),
  [control('F')]: (line) => line.move(1),
  [`${ESC}[1;5D`]: (line) => line.goTo(line.wordBefore()),
  [`${ESC}b`]: (line) => line.goTo(line.wordBefore()),
  [`${ESC}[1;5C`]: (line) => line.goTo(line.wordBehind()),
  [`${ESC}f`]: (line) => line.goTo(line.wordBehind()),
  [`${ESC}[H`]: (line) => line.goTo(0),
  [`${ESC}OH`]: (line) => line.goTo(0),
  [control('A')]: (line) => line.goTo(0),
  [`${ESC}[F`]: (line) => line.goTo(Infinity),
  [`${ESC}OF`]: (line) => line.goTo(Infinity),
  [control('E')]: (line) => line.goTo(Infinity),
  [`${ESC}[A`]: (line) => line.recall(-1),
  [`${ESC}OA`]: (line) => line.recall(-1),
  [control('P')]: (line) => line.recall(-1),
  [`${ESC}[B`]: (line) => line.recall(1),
  [`${ESC}OB`]: (line) => line.recall(1),
  [control('N')]: (line) => line.recall(1),
  '\u007f': (line) => line.cut(line.step(-1), false),
  '\b': (line) => line.cut(line.step(-1), false),
  [`${ESC}[3~`]: (line) => line.cut(line.step(1), false),
  [control('D')]: (line) => (line.text === '' ? { do: 'exit' } : line.cut(line.step(1), false)),
  [control('W')]: (line) => line.cut(line.wordBefore(/\S+\s*$/)),
  [`${ESC}\u007f`]: (line) => line.cut(line.wordBefore()),
  [`${ESC}d`]: (line) => line.cut(line.wordBehind()),
  [control('U')]: (line) => line.cut(0),
  [control('K')]: (line) => line.cut(Infinity),
  [control('Y')]: (line) => line.yank(),
  [control('L')]: () => ({ do: 'clear' }),
  [control('C')]: () => ({ do: 'interrupt' }),
  '\t': () => ({ do: 'complete' }),
}

/** Keys one by one: escape sequences whole, everything else a character each. */
export function keysOf(data: string): string[] {
  return data.match(/\u001b(?:\[[\d;]*[A-Za-z~]|O[A-Z]|[^[O])|\r\n|[\s\S]/gu) ?? []
}

export class LineEditor {
  text = ''
  /** In UTF-16 units, never within a character. */
  cursor = 0
  #killed = ''
  readonly #history: readonly string[]
  /** Which line of the history is shown; its length: the one that is being written. */
  #at: number
  #draft = ''

  /** @param history the oldest first; who owns it adds to it */
  constructor(history: readonly string[]) {
    this.#history = history
    this.#at = history.length
  }

  /** One key, as `keysOf` has it. */
  key(key: string): Wish {
    if (key === '\r' || key === '\n' || key === '\r\n') return this.#submit()
    if (Object.hasOwn(KEYS, key)) return KEYS[key]?.(this) ?? BELL
    // Other controls and sequences mean nothing here.
    return key < ' ' || (key >= '\u007f' && key <= '\u009f') ? BELL : this.insert(key)
  }

  insert(text: string): Wish {
    if (this.text.length + text.length > MAX_LINE) return BELL
    return this.replace(this.cursor, text)
  }

  /** Puts `text` in the place of what stands from `from` to the cursor. */
  replace(from: number, text: string): Wish {
    this.text = this.text.slice(0, from) + text + this.text.slice(this.cursor)
    this.cursor = from + text.length
    return EDIT
  }

  move(step: number): Wish {
    return this.goTo(this.step(step))
  }

  goTo(cursor: number): Wish {
    this.cursor = Math.min(this.text.length, cursor)
    return EDIT
  }

  /** Removes what is between the cursor and another place. @param keep for `yank` */
  cut(to: number, keep = true): Wish {
    const [from, end] = to < this.cursor ? [to, this.cursor] : [this.cursor, Math.min(to, this.text.length)]
    if (from === end) return BELL
    if (keep) this.#killed = this.text.slice(from, end)
    this.text = this.text.slice(0, from) + this.text.slice(end)
    this.cursor = from
    return EDIT
  }

  yank(): Wish {
    return this.insert(this.#killed)
  }

  /** The line before in the history, or the next one; behind the last is what was being written. */
  recall(step: number): Wish {
    // Lines of other terminals may have come meanwhile.
    const at = Math.min(this.#at, this.#history.length) + step
    if (at < 0 || at > this.#history.length) return BELL
    if (this.#at >= this.#history.length) this.#draft = this.text
    this.#at = at
    this.text = this.#history[at] ?? this.#draft
    return this.goTo(Infinity)
  }

  /** Forgets the line. */
  reset(): void {
    this.text = ''
    this.cursor = 0
    this.#draft = ''
    this.#at = this.#history.length
  }

  /** Where the next or the last whole character begins. */
  step(step: number): number {
    const before = this.text.slice(0, this.cursor)
    if (step < 0) return before.length - (before.match(/[\s\S]$/u)?.[0].length ?? 0)
    return this.cursor + (this.text.slice(this.cursor).match(/^[\s\S]/u)?.[0].length ?? 0)
  }

  /** Where the word begins that the cursor is in or behind. */
  wordBefore(word = /[\p{L}\p{N}_]+[^\p{L}\p{N}_]*$/u): number {
    const found = word.exec(this.text.slice(0, this.cursor))
    return found?.index ?? 0
  }

  wordBehind(): number {
    return this.cursor + (/^[^\p{L}\p{N}_]*[\p{L}\p{N}_]*/u.exec(this.text.slice(this.cursor))?.[0].length ?? 0)
  }

  /** The line stays until `reset`: it has to be drawn to its end first. */
  #submit(): Wish {
    return { do: 'submit', line: this.text }
  }
}
