/**
 * How series are told apart without colour: each has a pattern. One description for the canvas and for SVG. Colours are
 * names of tokens; `paletteOf` reads them from the page.
 */
export interface Pattern {
  /** Side of the tile, px. */
  readonly size: number
  /** Strokes from x1, y1 to x2, y2. */
  readonly lines: readonly (readonly [number, number, number, number])[]
  /** Discs: x, y, radius. */
  readonly dots: readonly (readonly [number, number, number])[]
  /** How strongly the colour fills the ground, 0–1. */
  readonly ground: number
}

const pattern = (ground: number, lines: Pattern['lines'] = [], dots: Pattern['dots'] = [], size = 8): Pattern => {
  return { size, lines, dots, ground }
}
const rising = [
  [-1, 9, 9, -1],
  [-1, 1, 1, -1],
  [7, 9, 9, 7],
] as const
const falling = [
  [-1, -1, 9, 9],
  [7, -1, 9, 1],
  [-1, 7, 1, 9],
] as const

export const PATTERNS: readonly Pattern[] = [
  pattern(0.85),
  pattern(0.12, rising),
  pattern(0.4),
  pattern(0.12, [], [[4, 4, 1.6]]),
  pattern(0.6, falling),
  pattern(0.12, [[0, 4, 8, 4]]),
  pattern(0.12, [...rising, ...falling]),
  pattern(0.12, [[4, 0, 4, 8]]),
]

const FIRST: Pattern = PATTERNS[0] ?? pattern(1)
export const patternOf = (look: number): Pattern => PATTERNS[look % PATTERNS.length] ?? FIRST

/** Names that Chart.js knows; `svg/lines.ts` draws the same. */
const MARKS = ['circle', 'rect', 'triangle', 'rectRot', 'cross', 'crossRot', 'star'] as const
export type Mark = (typeof MARKS)[number]
/** Lengths of strokes and gaps in turn, px. */
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [14, 4]]

/** How a line and its points are told apart. With four colours, 140 looks pass before one comes again. */
export function lineLookOf(look: number): { readonly mark: Mark; readonly dash: readonly number[] } {
  return { mark: MARKS[look % MARKS.length] ?? MARKS[0], dash: DASHES[look % DASHES.length] ?? [] }
}

/** Half of the stroke at the ends of an interval, px. */
export const INTERVAL_CAP = 5

export interface Palette {
  readonly text: string
  readonly text2: string
  readonly surface: string
  readonly line: string
  readonly axis: string
  readonly good: string
  readonly bad: string
  /** Colours of the series in turn. */
  readonly series: readonly string[]
  readonly font: string
}

/** A stack is one thing in parts: one colour, many patterns. Side by side: a colour each as well. */
export const colourOf = (palette: Palette, look: number, stacked: boolean): string =>
  (stacked ? palette.series[0] : palette.series[look % palette.series.length]) ?? palette.text

/** Reads the tokens of the theme that is on. */
export function paletteOf(colour: (token: string) => string, font: string): Palette {
  return {
    text: colour('--text'),
    text2: colour('--text-2'),
    surface: colour('--surface'),
    line: colour('--line'),
    axis: colour('--line-strong'),
    good: colour('--good'),
    bad: colour('--bad'),
    series: ['--accent', '--warn', '--good', '--text-2'].map(colour),
    font,
  }
}
