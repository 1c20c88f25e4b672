/** The guest that is looked at: its serial console as a terminal, and its screen, text or graphics. */
import type { ScreenView } from '../../../engine/contract/lab.ts'
import { fromBase64 } from '../data/bytes.ts'
import type { ConsolePicture, Run } from './console-screen.ts'
import { readable } from './contrast.ts'
import { CONSOLE, CONSOLE_GRID, PANE_TITLE, SCREEN } from './layout.ts'
import type { Box, Pen } from './pen.ts'
import type { GuestScene } from './scene.ts'

const PAD = 12
/** Width of a column and height of a row of text, in sizes of the type (as views/lab/GuestScreen.svelte has them). */
const COLUMN = 0.61
const ROW = 1.2

export class GuestDrawing {
  readonly #pen: Pen
  /** The last picture of a guest's graphics, decoded. */
  #graphics: { readonly of: ScreenView; readonly picture: HTMLCanvasElement } | null = null
  readonly #readable = new Map<string, string>()

  constructor(pen: Pen) {
    this.#pen = pen
  }

  draw(guest: GuestScene | null, terminal: ConsolePicture | null): void {
    const whose = guest === null ? '' : `${guest.name} on ${guest.host}`
    this.#pane(CONSOLE, 'Serial console', whose, guest?.still === true)
    this.#pane(SCREEN, 'Screen', whose, guest?.still === true)
    if (guest === null) return [CONSOLE, SCREEN].forEach((box) => this.#nobody(box))
    if (terminal !== null) this.#terminal(terminal)
    if (guest.screen !== null) this.#screen(guest.screen)
  }

  #nobody({ x, y, w, h }: Box): void {
    const style = { size: 13, colour: this.#pen.looks.text2, align: 'center' } as const
    this.#pen.text('No guest at this time', x + w / 2, y + (h + PANE_TITLE) / 2 + 5, style)
  }

  #pane(box: Box, title: string, whose: string, still: boolean): void {
    const { looks } = this.#pen
    const { x, y, w } = box
    const stroke = still ? looks.warn : looks.line
    this.#pen.box(box, { fill: looks.surface, stroke, line: still ? 2 : 1, radius: 8, dashed: still })
    const wide = this.#pen.text(title, x + PAD, y + 19, { size: 12, weight: 600 })
    const right = {
      size: 11,
      colour: still ? looks.warn : looks.text2,
      align: 'right',
      max: w - wide - 3 * PAD,
    } as const
    this.#pen.text(still ? `${whose}: stands still` : whose, x + w - PAD, y + 19, right)
    this.#pen.line(x + 1, y + PANE_TITLE, x + w - 1, y + PANE_TITLE, looks.line)
  }

  #terminal({ rows, cursor }: ConsolePicture): void {
    const { looks } = this.#pen
    const { size, line, columns } = CONSOLE_GRID
    const column = Math.min(this.#pen.width('0', { size, mono: true }), (CONSOLE.w - 2 * PAD) / columns)
    const left = CONSOLE.x + PAD
    const top = CONSOLE.y + PANE_TITLE + 6
    this.#pen.box(
      { x: left + cursor.column * column, y: top + cursor.row * line, w: column, h: line },
      { fill: looks.accent },
    )
    rows.forEach((runs, row) => {
      for (const run of runs) this.#run(run, left + run.column * column, top + row * line, column)
    })
  }

  #run(run: Run, x: number, y: number, column: number): void {
    const { looks } = this.#pen
    const { size, line } = CONSOLE_GRID
    const own = [run.colour ?? looks.text, run.background ?? looks.surface] as const
    const [colour, ground] = run.inverse ? ([own[1], own[0]] as const) : own
    if (ground !== looks.surface) this.#pen.box({ x, y, w: run.text.length * column, h: line }, { fill: ground })
    const shown = run.colour === null && run.background === null ? colour : this.#legible(colour, ground)
    this.#pen.text(run.text, x, y + line * 0.78, { size, mono: true, colour: shown, weight: run.bold ? 700 : 400 })
  }

  #legible(colour: string, ground: string): string {
    const key = `${colour} ${ground}`
    const known = this.#readable.get(key)
    if (known !== undefined) return known
    const found = readable(colour, ground, this.#pen.looks.text)
    this.#readable.set(key, found)
    return found
  }

  #screen(screen: ScreenView): void {
    const place = {
      x: SCREEN.x + PAD,
      y: SCREEN.y + PANE_TITLE + 8,
      w: SCREEN.w - 2 * PAD,
      h: SCREEN.h - PANE_TITLE - 16,
    }
    if (screen.kind === 'text') this.#text(screen, place)
    else this.#picture(screen, place)
  }

  #text({ columns, rows, lines }: Extract<ScreenView, { kind: 'text' }>, { x, y, w, h }: Box): void {
    const size = Math.min(w / (columns * COLUMN), h / (rows * ROW), CONSOLE_GRID.size)
    const left = x + (w - columns * COLUMN * size) / 2
    const top = y + (h - rows * ROW * size) / 2
    lines.forEach((line, row) => {
      if (line.trim() === '') return
      this.#pen.text(line, left, top + (row + 0.78) * ROW * size, { size, mono: true })
    })
  }

  #picture(screen: Extract<ScreenView, { kind: 'graphics' }>, { x, y, w, h }: Box): void {
    const { context } = this.#pen
    const { width, height } = screen
    const picture = this.#decoded(screen)
    if (picture === null) return
    const scale = Math.min(w / width, h / height)
    context.drawImage(picture, x + (w - width * scale) / 2, y + (h - height * scale) / 2, width * scale, height * scale)
  }

  /** Null: it says less, or more, than it is large. */
  #decoded(screen: Extract<ScreenView, { kind: 'graphics' }>): HTMLCanvasElement | null {
    if (this.#graphics?.of === screen) return this.#graphics.picture
    const { width, height, rgba } = screen
    const pixels = new Uint8ClampedArray(fromBase64(rgba).buffer)
    if (pixels.length === 0 || pixels.length !== 4 * width * height) return null
    const picture = document.createElement('canvas')
    picture.width = width
    picture.height = height
    picture.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0)
    this.#graphics = { of: screen, picture }
    return picture
  }
}
