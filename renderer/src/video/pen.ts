/** What all parts of a frame are drawn with: words that are cut to their place, boxes, bars, badges. Units: those of the layout. */
import type { Looks } from './looks.ts'

export interface Box {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export interface TextStyle {
  /** Height of the type. */
  readonly size: number
  readonly colour?: string
  readonly weight?: 400 | 600 | 700
  readonly mono?: boolean
  readonly align?: 'left' | 'right' | 'center'
  /** It is cut, with an ellipsis, where it is wider. */
  readonly max?: number
}

export interface BoxStyle {
  readonly fill?: string
  readonly stroke?: string
  readonly line?: number
  readonly radius?: number
  readonly dashed?: boolean
}

/** Texts that were cut, kept: most frames say what the one before said. */
const MOST_KEPT = 2000
const ELLIPSIS = '…'

export class Pen {
  readonly context: CanvasRenderingContext2D
  readonly looks: Looks
  readonly #cut = new Map<string, string>()

  constructor(context: CanvasRenderingContext2D, looks: Looks) {
    this.context = context
    this.looks = looks
    context.textBaseline = 'alphabetic'
  }

  /**
   * @param y of the base line
   * @returns how wide it is
   */
  text(text: string, x: number, y: number, style: TextStyle): number {
    const { context, looks } = this
    const { size, colour = looks.text, align = 'left', max = Infinity } = style
    context.font = this.#font(style)
    context.fillStyle = colour
    context.textAlign = align
    const shown = max === Infinity ? text : this.#fitted(text, max)
    context.fillText(shown, x, y)
    return size === 0 ? 0 : context.measureText(shown).width
  }

  width(text: string, style: TextStyle): number {
    this.context.font = this.#font(style)
    return this.context.measureText(text).width
  }

  /** Text in lines of at most that width, broken between words. @returns the lines */
  wrapped(text: string, width: number, style: TextStyle, most: number): readonly string[] {
    this.context.font = this.#font(style)
    const lines: string[] = []
    for (const paragraph of text.split('\n')) {
      let line = ''
      for (const word of paragraph.split(' ')) {
        const longer = line === '' ? word : `${line} ${word}`
        if (line !== '' && this.context.measureText(longer).width > width) {
          lines.push(line)
          line = word
        } else line = longer
      }
      lines.push(line)
    }
    const fitting = lines.length > most ? [...lines.slice(0, most - 1), `${lines[most - 1] ?? ''} ${ELLIPSIS}`] : lines
    return fitting.map((line) => this.#fitted(line, width))
  }

  box({ x, y, w, h }: Box, { fill, stroke, line = 1, radius = 0, dashed = false }: BoxStyle): void {
    const { context } = this
    context.beginPath()
    // A line lies on the inside of its box.
    const inset = stroke === undefined ? 0 : line / 2
    context.roundRect(x + inset, y + inset, w - 2 * inset, h - 2 * inset, radius)
    if (fill !== undefined) {
      context.fillStyle = fill
      context.fill()
    }
    if (stroke === undefined) return
    context.strokeStyle = stroke
    context.lineWidth = line
    context.setLineDash(dashed ? [4, 3] : [])
    context.stroke()
    context.setLineDash([])
  }

  line(x1: number, y1: number, x2: number, y2: number, colour: string, width = 1): void {
    const { context } = this
    context.beginPath()
    context.moveTo(x1, y1)
    context.lineTo(x2, y2)
    context.strokeStyle = colour
    context.lineWidth = width
    context.stroke()
  }

  /** A share of a whole, 0–1. */
  bar(box: Box, share: number, colour: string): void {
    const filled = box.w * Math.min(1, Math.max(0, share))
    this.box(box, { fill: this.looks.line, radius: box.h / 2 })
    if (filled > 0) this.box({ ...box, w: Math.max(filled, box.h) }, { fill: colour, radius: box.h / 2 })
  }

  /** A word on a tint. @returns how wide it is */
  badge(text: string, x: number, middle: number, colour: string, background: string): number {
    const style = { size: 11, weight: 600, colour } as const
    const width = this.width(text, style) + 14
    this.box({ x, y: middle - 9, w: width, h: 18 }, { fill: background, radius: 9 })
    this.text(text, x + 7, middle + 4, style)
    return width
  }

  /** Draws within a box only. */
  clipped({ x, y, w, h }: Box, draw: () => void): void {
    const { context } = this
    context.save()
    context.beginPath()
    context.rect(x, y, w, h)
    context.clip()
    draw()
    context.restore()
  }

  #font({ size, weight = 400, mono = false }: TextStyle): string {
    return `${weight} ${size}px ${mono ? this.looks.mono : this.looks.ui}`
  }

  #fitted(text: string, max: number): string {
    const { context } = this
    const key = `${context.font} ${max} ${text}`
    const known = this.#cut.get(key)
    if (known !== undefined) return known
    if (this.#cut.size >= MOST_KEPT) this.#cut.clear()
    const fitted = this.#cutTo(text, max)
    this.#cut.set(key, fitted)
    return fitted
  }

  #cutTo(text: string, max: number): string {
    const { context } = this
    if (context.measureText(text).width <= max) return text
    let low = 0
    let high = text.length
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (context.measureText(text.slice(0, middle).trimEnd() + ELLIPSIS).width <= max) low = middle
      else high = middle - 1
    }
    return text.slice(0, low).trimEnd() + ELLIPSIS
  }
}
