/** A chart as an SVG document: a pure function of the model, the colours and the size. */
import type { Palette } from '../looks.ts'
import type { ChartModel } from '../model.ts'
import { drawBars, drawBoxes, drawSpans, drawTimeline } from './drawings.ts'
import { drawFlame } from './flame.ts'
import { picture } from './frame.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

export function renderSvg(model: ChartModel, palette: Palette, size: Size = { width: 800, height: 460 }): string {
  const markup = picture(model, size, palette, (area) => {
    switch (model.kind) {
      case 'box':
        return drawBoxes(model, area, palette)
      case 'bars':
        return drawBars(model, area, palette)
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
