/** How the states of pages are drawn: a colour and a texture each, so that colour is never the only sign. */
import type { PageStateName } from '../../../../engine/contract/pages.ts'
import type { Palette } from '../../charts/looks.ts'

/** Side of a texture's tile, in its own dots. */
const TILE = 4

interface Texture {
  readonly ink: (palette: Palette) => string
  readonly ground: (palette: Palette) => string
  /** How much of the ink the ground has, 0–1. */
  readonly tint: number
  /** Where the ink is. */
  readonly dot: (x: number, y: number) => boolean
}

const surface = (palette: Palette): string => palette.surface
const accent = (palette: Palette): string => palette.series[0] ?? palette.text
const warn = (palette: Palette): string => palette.series[1] ?? palette.text

const TEXTURES: Readonly<Record<PageStateName, Texture>> = {
  zero: { ink: (p) => p.axis, ground: surface, tint: 0.12, dot: (x, y) => x === 1 && y === 1 },
  clean: { ink: (p) => p.text2, ground: surface, tint: 0.55, dot: () => false },
  dirty: { ink: (p) => p.bad, ground: surface, tint: 0.35, dot: (x, y) => (x + y) % TILE < 2 },
  missing: { ink: (p) => p.axis, ground: surface, tint: 0, dot: (x, y) => x === y },
  sent: { ink: accent, ground: surface, tint: 0.7, dot: () => false },
  resent: { ink: warn, ground: surface, tint: 0.35, dot: (_, y) => y < 2 },
  live: { ink: (p) => p.good, ground: surface, tint: 0.55, dot: (x) => x === 0 },
}

/** A tile as colours, row by row; as canvas pixels, red in the lowest byte. */
export interface Tile {
  readonly side: number
  readonly colours: Uint32Array
}

/** @param scale pixels of a dot: of a finer screen, more */
export function tileOf(state: PageStateName, palette: Palette, scale: number): Tile {
  const { ink, ground, tint, dot } = TEXTURES[state]
  const full = rgb(ink(palette))
  const base = mix(rgb(ground(palette)), full, tint)
  const side = TILE * scale
  const colours = Uint32Array.from({ length: side * side }, (_, i) => {
    const x = Math.floor((i % side) / scale)
    const y = Math.floor(Math.floor(i / side) / scale)
    return pixel(dot(x, y) ? full : base)
  })
  return { side, colours }
}

type Rgb = readonly [number, number, number]

/**
 * A colour of the palette: `rgb(r, g, b)`, as a style gives it, or `#rrggbb`.
 * @throws Error for another form: a map in grey would say something else than it means
 */
export function rgb(colour: string): Rgb {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour)
  const decimal = /^rgba?\((\d+)[ ,]+(\d+)[ ,]+(\d+)/.exec(colour)
  const [parts, base] = hex !== null ? [hex, 16] : [decimal, 10]
  if (parts === null) throw new Error(`${colour} is no colour of the palette`)
  const [, red, green, blue] = parts.map((part) => parseInt(part, base))
  return [red, green, blue]
}

const mix = (a: Rgb, b: Rgb, share: number): Rgb => {
  const part = (i: 0 | 1 | 2): number => Math.round(a[i] + (b[i] - a[i]) * share)
  return [part(0), part(1), part(2)]
}

/** As ImageData has it on a little-endian machine. @param alpha 0–255 */
export const pixel = ([r, g, b]: Rgb, alpha = 255): number => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0

/** Rows of pixels, the last one excluded; none where `bottom` is not below `top`. */
export interface Band {
  readonly top: number
  readonly bottom: number
}

/**
 * Paints cells into the pixels of a canvas.
 * @param gap pixels left free at the right and lower edge of each cell
 * @param before cells that the pixels show already: only those that differ are painted
 * @returns where something was painted
 */
export function paintCells(
  pixels: Uint32Array,
  width: number,
  grid: { readonly columns: number; readonly cell: number },
  cells: Uint8Array,
  tiles: readonly Tile[],
  gap: number,
  before?: Uint8Array,
): Band {
  const height = Math.floor(pixels.length / width)
  let first = height
  let last = 0
  for (let index = 0; index < cells.length; index++) {
    const state = cells[index] ?? 0
    const tile = tiles[state]
    if (tile === undefined || before?.[index] === state) continue
    const left = (index % grid.columns) * grid.cell
    const top = Math.floor(index / grid.columns) * grid.cell
    const right = Math.min(width, left + grid.cell - gap)
    const bottom = Math.min(height, top + grid.cell - gap)
    first = Math.min(first, top)
    last = Math.max(last, bottom)
    for (let y = top; y < bottom; y++) {
      const row = (y % tile.side) * tile.side
      for (let x = left; x < right; x++) pixels[y * width + x] = tile.colours[row + (x % tile.side)] ?? 0
    }
  }
  return { top: first, bottom: last }
}

/**
 * Paints a square of pixels around each point; what reaches beyond the edges is left out.
 * @param points x and y in turn
 */
export function paintSquares(
  pixels: Uint32Array,
  width: number,
  points: ArrayLike<number>,
  side: number,
  colour: number,
): void {
  const height = Math.floor(pixels.length / width)
  for (let i = 0; i < points.length; i += 2) {
    const left = Math.round((points[i] ?? 0) - side / 2)
    const top = Math.round((points[i + 1] ?? 0) - side / 2)
    const right = Math.min(width, left + side)
    for (let row = Math.max(0, top); row < Math.min(height, top + side); row++) {
      pixels.fill(colour, row * width + Math.max(0, left), row * width + Math.max(0, right))
    }
  }
}
