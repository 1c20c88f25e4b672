/** Where the names of a flame's stretches stand: above their bars, where they do not touch. One rule for screen and SVG. */
import type { FlameChart } from './model.ts'

/** A name, and where it begins, in the unit of `at`. */
export interface PlacedName {
  readonly row: number
  readonly x: number
  readonly text: string
}

/** Between two names, px. */
const GAP = 6

/**
 * Long stretches first; a name that would touch one that stands already, or reach beyond the edge, is left to the table.
 * @param at place of a moment, px
 * @param edge right edge, px
 */
export function placeNames(
  { spans }: FlameChart,
  at: (ms: number) => number,
  widthOf: (text: string) => number,
  edge: number,
): PlacedName[] {
  const taken: { row: number; from: number; to: number }[] = []
  const placed: PlacedName[] = []
  for (const { row, name, from } of [...spans].sort((a, b) => b.to - b.from - (a.to - a.from))) {
    const width = widthOf(name)
    // At the right edge it ends where its bar does.
    const x = Math.max(0, Math.min(at(from), edge - width))
    const free = taken.every((other) => other.row !== row || x > other.to + GAP || x + width + GAP < other.from)
    if (!free) continue
    taken.push({ row, from: x, to: x + width })
    placed.push({ row, x, text: name })
  }
  return placed
}

/** One look a side: strong, lined, and faint again; parts as what they are a part of. */
export const lookOfRow = (row: number): number => [0, 2, 5, 0, 2][row] ?? 0
