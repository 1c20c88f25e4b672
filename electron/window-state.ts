/** Where the window was, and how large: kept between starts, and made to fit the displays that are there now. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as v from 'valibot'

const pixels = v.pipe(v.number(), v.integer(), v.minValue(-100_000), v.maxValue(100_000))
const windowState = v.object({
  x: v.optional(pixels),
  y: v.optional(pixels),
  width: pixels,
  height: pixels,
  maximized: v.optional(v.boolean(), false),
  full_screen: v.optional(v.boolean(), false),
  /** Zoom of the page, in Electron's levels: 0 = 100 %, a step is 20 %. */
  zoom_level: v.optional(v.pipe(v.number(), v.minValue(-4), v.maxValue(6)), 0),
})
export type WindowState = v.InferOutput<typeof windowState>

export interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export const SMALLEST = { width: 800, height: 560 }
const FIRST = { width: 1440, height: 900 }
/** So much of the window has to be on a display, or nobody can get hold of it. */
const VISIBLE = 64

/** The state for a first start. */
export const firstState = (): WindowState => ({ ...FIRST, maximized: false, full_screen: false, zoom_level: 0 })

export function readState(file: string): WindowState {
  try {
    return v.parse(windowState, JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return firstState()
  }
}

/** Whole or not at all. A full disk is no reason not to close a window. */
export function writeState(file: string, state: WindowState): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
    renameSync(`${file}.new`, file)
  } catch (error) {
    console.error(`The window's place could not be kept: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** @param workAreas of the displays, the primary one first */
export function fitTo(state: WindowState, workAreas: readonly Area[]): WindowState {
  const { x, y, ...rest } = state
  const home = workAreas.find((area) => x !== undefined && y !== undefined && sees(area, { ...state, x, y }))
  const area = home ?? workAreas[0]
  if (area === undefined) return rest
  const size = {
    width: Math.min(Math.max(state.width, SMALLEST.width), area.width),
    height: Math.min(Math.max(state.height, SMALLEST.height), area.height),
  }
  return home === undefined || x === undefined || y === undefined
    ? { ...rest, ...size }
    : { ...rest, ...size, x, y: Math.max(y, area.y) }
}

function sees(area: Area, window: Area): boolean {
  const across = Math.min(area.x + area.width, window.x + window.width) - Math.max(area.x, window.x)
  const titleBar = window.y >= area.y - VISIBLE / 2 && window.y <= area.y + area.height - VISIBLE
  return across >= VISIBLE && titleBar
}
