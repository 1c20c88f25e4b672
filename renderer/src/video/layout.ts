/** Where everything of a frame is, on a sheet of 1280 × 720 that is drawn at any scale. Pure. */
import type { Box } from './pen.ts'

export const SHEET = { w: 1280, h: 720 } as const
const MARGIN = 16
const GAP = 12
const INNER = SHEET.w - 2 * MARGIN

export const HEAD: Box = { x: 0, y: 0, w: SHEET.w, h: 44 }
const HOSTS = { y: 54, h: 178 } as const
const LINK_WIDTH = 232
export const RUN: Box = { x: MARGIN, y: 244, w: INNER, h: 92 }
const PANES = { y: 348, h: 320 } as const
const CONSOLE_WIDTH = 664
export const CONSOLE: Box = { x: MARGIN, ...PANES, w: CONSOLE_WIDTH }
export const SCREEN: Box = { x: MARGIN + CONSOLE_WIDTH + GAP, ...PANES, w: INNER - CONSOLE_WIDTH - GAP }
export const TIMELINE: Box = { x: MARGIN, y: 680, w: INNER, h: 24 }
/** Subtitles end here, over whatever is shown. */
export const CAPTION = { x: SHEET.w / 2, bottom: 656, w: 860 } as const

/** Height of the line above a console or a screen that says whose it is. */
export const PANE_TITLE = 28
/** A console's text. 80 columns are what guests expect of a serial line. */
export const CONSOLE_GRID = { columns: 80, rows: 18, line: 15.6, size: 13 } as const

/** Hosts from left to right; the link lies after the first, as in the window. */
export function hostBoxes(hosts: number): { readonly hosts: readonly Box[]; readonly link: Box } {
  const shown = Math.max(1, hosts)
  const width = shown === 1 ? (INNER - LINK_WIDTH - 2 * GAP) / 2 : (INNER - LINK_WIDTH - shown * GAP) / shown
  const x = (i: number) => MARGIN + i * (width + GAP) + (i > 0 ? LINK_WIDTH + GAP : 0)
  return {
    hosts: Array.from({ length: hosts }, (_, i) => ({ x: x(i), ...HOSTS, w: width })),
    link: { x: MARGIN + width + GAP, ...HOSTS, w: LINK_WIDTH },
  }
}
