/** A guest's serial console as a terminal would show it: a grid of characters, from all that it has said. */
import type { IBufferCell, Terminal } from '@xterm/xterm'
import { type Said, saidSince } from './said.ts'

/** Characters of one look beside each other. */
export interface Run {
  readonly column: number
  readonly text: string
  /** Null: the terminal's own. `#rrggbb` */
  readonly colour: string | null
  readonly background: string | null
  readonly bold: boolean
  /** The two change places. */
  readonly inverse: boolean
}

export interface ConsolePicture {
  readonly rows: readonly (readonly Run[])[]
  readonly cursor: { readonly column: number; readonly row: number }
}

const NOTHING: Said = { text: '', position: 0 }

export class ConsoleScreen {
  readonly #terminal: Terminal
  #guest: string | null = null
  #shown: Said = NOTHING
  #picture: ConsolePicture | null = null

  private constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  static async open(columns: number, rows: number): Promise<ConsoleScreen> {
    const { Terminal } = await import('@xterm/xterm')
    return new ConsoleScreen(new Terminal({ cols: columns, rows, scrollback: 0 }))
  }

  /** The console of that guest when it had said that. */
  async at(guest: string, said: Said): Promise<ConsolePicture> {
    const same = guest === this.#guest
    if (same && said.position === this.#shown.position && said.text === this.#shown.text && this.#picture !== null) {
      return this.#picture
    }
    const added = same ? saidSince(this.#shown, said) : null
    if (added === null) this.#terminal.reset()
    this.#guest = guest
    this.#shown = said
    await this.#write(added ?? said.text)
    return (this.#picture = this.#read())
  }

  close(): void {
    this.#terminal.dispose()
  }

  #write(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
    return new Promise((resolve) => this.#terminal.write(bytes, resolve))
  }

  #read(): ConsolePicture {
    const { active } = this.#terminal.buffer
    const rows = Array.from({ length: this.#terminal.rows }, (_, y) => {
      const line = active.getLine(active.baseY + y)
      const runs: Run[] = []
      for (let x = 0; x < this.#terminal.cols; x++) {
        const cell = line?.getCell(x)
        if (cell !== undefined && cell.getWidth() > 0) append(runs, runOf(cell, x))
      }
      return runs
    })
    return { rows, cursor: { column: active.cursorX, row: active.cursorY } }
  }
}

function append(runs: Run[], next: Run): void {
  const last = runs.at(-1)
  const alike =
    last !== undefined &&
    last.column + last.text.length === next.column &&
    last.colour === next.colour &&
    last.background === next.background &&
    last.bold === next.bold &&
    last.inverse === next.inverse
  if (alike) runs[runs.length - 1] = { ...last, text: last.text + next.text }
  // What is blank needs no drawing.
  else if (next.text !== ' ' || next.background !== null || next.inverse) runs.push(next)
}

function runOf(cell: IBufferCell, column: number): Run {
  const text = cell.isInvisible() !== 0 ? ' ' : cell.getChars() || ' '
  const colour = colourOf(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor())
  const background = colourOf(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor())
  return { column, text, colour, background, bold: cell.isBold() !== 0, inverse: cell.isInverse() !== 0 }
}

const hex = (value: number): string => `#${value.toString(16).padStart(6, '0')}`

function colourOf(isDefault: boolean, isRgb: boolean, value: number): string | null {
  if (isDefault) return null
  return isRgb ? hex(value) : paletteColour(value)
}

/** The first sixteen as xterm.js has them (src/browser/Types.ts), then the cube and the greys of xterm. */
const SIXTEEN = [
  '#2e3436',
  '#cc0000',
  '#4e9a06',
  '#c4a000',
  '#3465a4',
  '#75507b',
  '#06989a',
  '#d3d7cf',
  '#555753',
  '#ef2929',
  '#8ae234',
  '#fce94f',
  '#729fcf',
  '#ad7fa8',
  '#34e2e2',
  '#eeeeec',
] as const

function paletteColour(index: number): string {
  const named = SIXTEEN[index]
  if (named !== undefined) return named
  if (index >= 232) return hex((8 + (index - 232) * 10) * 0x010101)
  const level = (part: number) => (part === 0 ? 0 : 55 + 40 * part)
  const cube = index - 16
  return hex((level(Math.floor(cube / 36)) << 16) | (level(Math.floor(cube / 6) % 6) << 8) | level(cube % 6))
}
