/** A chart as an SVG document: a pure function of the model, the colours and the size. */
import type { Palette } from '../looks.ts'
import type { ChartModel } from '../model.ts'
import { drawBars } from './bars.ts'
import { drawBoxes, drawSpans, drawTimeline } from './drawings.ts'
import { drawFlame } from './flame.ts'
import { picture } from './frame.ts'
import { drawLines } from './lines.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

const WIDTH = 800
const HEIGHT = 460
/** What a bar of parts takes with its gap, and all that is around the bars. */
const BAR = 26
const AROUND_BARS = 180
/** A line of the legend, and how many entries are in the height that every picture has. */
const LEGEND_LINE = 20
const ENTRIES_FREE = 8

/** As high as the model needs: bars that lie, and long legends, make a picture higher. */
export function pictureSize(model: ChartModel): Size {
  if (model.kind === 'bars' && model.stacked) {
    return { width: WIDTH, height: Math.max(HEIGHT, AROUND_BARS + BAR * model.categories.length) }
  }
  const entries = model.kind === 'lines' ? model.series.length : 0
  return { width: WIDTH, height: HEIGHT + LEGEND_LINE * Math.max(0, entries - ENTRIES_FREE) }
}

export function renderSvg(model: ChartModel, palette: Palette, size: Size = pictureSize(model)): string {
  const markup = picture(model, size, palette, (area) => {
    switch (model.kind) {
      case 'box':
        return drawBoxes(model, area, palette)
      case 'bars':
        return drawBars(model, area, palette)
      case 'lines':
        return drawLines(model, area, palette)
      case 'spans':
        return drawSpans(model, area, palette)
      case 'flame':
        return drawFlame(model, area, palette)
      case 'timeline':
        return drawTimeline(model, area, palette)
    }
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n${markup}\n`
}
