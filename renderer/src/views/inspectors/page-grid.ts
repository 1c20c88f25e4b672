/** Every page of a guest as a grid of cells: where each is drawn, and what a cell shows. */
import { PAGE_STATES, type PageStateName } from '../../../../engine/contract/pages.ts'
import { hex } from '../../data/format.ts'
import { PAGE_SIZE } from './memory-rows.ts'

/** Lengths in pixels of the canvas. */
export interface PageGrid {
  readonly columns: number
  readonly rows: number
  /** Side of a cell. */
  readonly cell: number
  /** Pages of a cell: 1, but where there are more pages than cells of the least size. */
  readonly perCell: number
}

/** The largest square cells of which enough fit; `least` is the side below which pages share a cell. */
export function gridOf(width: number, height: number, pages: number, least: number): PageGrid {
  const w = Math.max(1, Math.floor(width))
  const h = Math.max(1, Math.floor(height))
  const fit = (cell: number): number => Math.floor(w / cell) * Math.floor(h / cell)
  let cell = Math.max(1, Math.floor(Math.sqrt((w * h) / Math.max(1, pages))))
  while (cell > least && fit(cell) < pages) cell--
  cell = Math.max(least, cell)
  const perCell = Math.max(1, Math.ceil(pages / Math.max(1, fit(cell))))
  const columns = Math.max(1, Math.floor(w / cell))
  return { columns, rows: Math.ceil(Math.ceil(pages / perCell) / columns), cell, perCell }
}

/** Pages of a cell by its place; null beyond the last. */
export function cellAt(grid: PageGrid, pages: number, x: number, y: number): number | null {
  const column = Math.floor(x / grid.cell)
  const row = Math.floor(y / grid.cell)
  if (column < 0 || column >= grid.columns || row < 0) return null
  const index = row * grid.columns + column
  return index * grid.perCell < pages ? index : null
}

/**
 * Where several pages share a cell it shows the state that comes first here: none that is rare and matters is hidden by
 * its neighbours. The counts beside the map are of pages, not of cells.
 */
const PRECEDENCE: readonly PageStateName[] = ['dirty', 'missing', 'resent', 'sent', 'live', 'clean', 'zero']
const RANK = PAGE_STATES.map(({ name }) => PRECEDENCE.indexOf(name))

/** The state that each cell shows. */
export function cellStates(states: Uint8Array, perCell: number): Uint8Array {
  if (perCell === 1) return states
  const cells = new Uint8Array(Math.ceil(states.length / perCell))
  for (let cell = 0; cell < cells.length; cell++) {
    const end = Math.min(states.length, (cell + 1) * perCell)
    let shown = states[cell * perCell] ?? 0
    for (let page = cell * perCell + 1; page < end; page++) {
      const state = states[page] ?? 0
      if ((RANK[state] ?? 0) < (RANK[shown] ?? 0)) shown = state
    }
    cells[cell] = shown
  }
  return cells
}

/** How many pages are in each state, in the order of the legend. */
export function countStates(states: Uint8Array): number[] {
  const counts = PAGE_STATES.map(() => 0)
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

/** The cell that a key leads to; null for a key that moves nothing. */
export function cellAfterKey(key: string, cell: number, grid: PageGrid, pages: number): number | null {
  const step = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: grid.columns,
    ArrowUp: -grid.columns,
    PageDown: 8 * grid.columns,
    PageUp: -8 * grid.columns,
  }[key]
  const last = Math.ceil(pages / grid.perCell) - 1
  if (key === 'Home') return 0
  if (key === 'End') return last
  return step === undefined ? null : Math.max(0, Math.min(last, cell + step))
}

/** Where a page lies in the host: the machine frame, or slot and address in the process. */
export type Whereabouts = (page: number) => string

/** What there is to say about a cell: `page 0x12 at 0x00012000: dirty, MFN 0x3f`. */
export function cellText(states: Uint8Array, perCell: number, cell: number, where: Whereabouts): string {
  const first = cell * perCell
  const inCell = states.subarray(first, first + perCell)
  const name = (state: number): string => (PAGE_STATES[state]?.title ?? '?').toLowerCase()
  if (inCell.length === 1) {
    const place = where(first)
    return `Page ${first} at ${hex(first * PAGE_SIZE, 8)}: ${name(inCell[0] ?? 0)}${place === '' ? '' : `, ${place}`}`
  }
  const counts = countStates(inCell).flatMap((n, state) => (n > 0 ? [`${n} ${name(state)}`] : []))
  return `Pages ${first}–${first + inCell.length - 1} at ${hex(first * PAGE_SIZE, 8)}: ${counts.join(', ')}`
}

/** All of it in a sentence, for those who do not see the map. */
export function mapSummary(states: Uint8Array): string {
  const counts = countStates(states).flatMap((n, state) => {
    return n > 0 ? [`${n} ${(PAGE_STATES[state]?.title ?? '').toLowerCase()}`] : []
  })
  return `${states.length} pages of RAM: ${counts.join(', ')}.`
}
