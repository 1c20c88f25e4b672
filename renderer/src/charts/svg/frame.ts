/** What every drawing has around it: title, axes, legend, caption; and the patterns that it fills with. */
import { fixed } from '../../data/format.ts'
import { colourOf, type Palette, patternOf } from '../looks.ts'
import type { ChartModel } from '../model.ts'
import { el, line, text, widthOf, wrap } from './elements.ts'
import type { Scale } from './scale.ts'

export const FONT = 12
const TITLE = 15
/** What an axis with its title takes on the left, and below. */
export const LEFT = 64
export const BELOW = 42

export interface Area {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Numbers on an axis, without needless zeros. */
export function tickText(value: number): string {
  const decimals = Number.isInteger(value) ? 0 : Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return fixed(value, decimals)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
}

/** Marks and title of a vertical axis, on the left. */
export function leftAxis(area: Area, scale: Scale, title: string, p: Palette): string {
  const marks = scale.ticks.map((tick) => {
    const y = scale.at(tick)
    const label = text(area.left - 6, y + 4, tickText(tick), { 'text-anchor': 'end', fill: p.text2 })
    return line(area.left, y, area.right, y, { stroke: p.line }) + label
  })
  const middle = (area.top + area.bottom) / 2
  const turned = { 'text-anchor': 'middle', fill: p.text2, transform: `rotate(-90 14 ${middle})` }
  return marks.join('') + text(14, middle, title, turned)
}

/** Marks and title of a horizontal axis, below. */
export function bottomAxis(area: Area, scale: Scale, title: string, p: Palette): string {
  const marks = scale.ticks.map((tick) => {
    const x = scale.at(tick)
    const label = text(x, area.bottom + 16, tickText(tick), { 'text-anchor': 'middle', fill: p.text2 })
    return line(x, area.top, x, area.bottom, { stroke: p.line }) + label
  })
  return marks.join('') + bottomTitle(area, title, p)
}

export const bottomTitle = (area: Area, title: string, p: Palette): string =>
  text((area.left + area.right) / 2, area.bottom + 34, title, { 'text-anchor': 'middle', fill: p.text2 })

/** Names of categories below the middle of each. */
export const categoryLabels = (area: Area, names: readonly string[], p: Palette): string =>
  names
    .map((name, i) => {
      const x = area.left + ((i + 0.5) * (area.right - area.left)) / names.length
      return text(x, area.bottom + 16, name, { 'text-anchor': 'middle', fill: p.text })
    })
    .join('')

/** A `<pattern>` for each look, and what fills with it. */
export function patternDefs(looks: readonly number[], stacked: boolean, p: Palette): string {
  return looks
    .map((look) => {
      const { size, lines, dots, ground } = patternOf(look)
      const colour = colourOf(p, look, stacked)
      return el(
        'pattern',
        { id: fillId(look, stacked), width: size, height: size, patternUnits: 'userSpaceOnUse' },
        el('rect', { width: size, height: size, fill: p.surface }),
        el('rect', { width: size, height: size, fill: colour, 'fill-opacity': ground }),
        ...lines.map(([x1, y1, x2, y2]) => line(x1, y1, x2, y2, { stroke: colour, 'stroke-width': 1.4 })),
        ...dots.map(([cx, cy, r]) => el('circle', { cx, cy, r, fill: colour })),
      )
    })
    .join('')
}
/** The same name is always the same pattern: several figures may stand in one page. */
const fillId = (look: number, stacked: boolean): string => `look-${stacked ? 'part' : 'group'}-${look}`
export const fillOf = (look: number, stacked: boolean): string => `url(#${fillId(look, stacked)})`

interface LegendEntry {
  readonly name: string
  readonly look: number
}
/** Rows of entries from the left, each with a sample of 16 × 12 px; returns the markup and the height that it takes. */
export function legend(
  entries: readonly LegendEntry[],
  { left, right, top }: Pick<Area, 'left' | 'right' | 'top'>,
  p: Palette,
  sample: (look: number, x: number, y: number) => string,
): { markup: string; height: number } {
  let x = left
  let y = top
  const parts = entries.map(({ name, look }) => {
    const width = 24 + widthOf(name, FONT) + 14
    if (x + width > right && x > left) {
      x = left
      y += 20
    }
    const markup = sample(look, x, y) + text(x + 22, y + 10, name, { fill: p.text })
    x += width
    return markup
  })
  return { markup: parts.join(''), height: y - top + 24 }
}

/** Patterns and legend of what is filled with them; the area is what they leave. */
export function withLegend(
  { series }: { readonly series: readonly LegendEntry[] },
  stacked: boolean,
  area: Area,
  p: Palette,
): { area: Area; markup: string } {
  const looks = series.map(({ look }) => look)
  const { markup, height } = legend(series, area, p, (look, x, y) => {
    const box = { x, y, width: 16, height: 12, fill: fillOf(look, stacked), stroke: colourOf(p, look, stacked) }
    return el('rect', box)
  })
  return {
    area: { ...area, top: area.top + height },
    markup: el('defs', {}, patternDefs(looks, stacked, p)) + markup,
  }
}

/** The whole picture: title, drawing, caption. The drawing gets the area that is left. */
export function picture(
  model: ChartModel,
  { width, height }: { width: number; height: number },
  p: Palette,
  drawing: (area: Area) => string,
): string {
  const caption = wrap(model.caption, width - 32, FONT)
  const bottom = height - 16 - caption.length * 16
  const area: Area = { left: 16, right: width - 16, top: 44, bottom: bottom - 12 }
  return el(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'font-family': p.font,
      'font-size': FONT,
      'aria-labelledby': `${model.id}-title ${model.id}-desc`,
    },
    el('title', { id: `${model.id}-title` }, escapeAll(model.title)),
    el('desc', { id: `${model.id}-desc` }, escapeAll(`${model.summary} ${model.definition}`)),
    el('rect', { width, height, fill: p.surface }),
    text(16, 26, model.title, { 'font-size': TITLE, 'font-weight': 600, fill: p.text }),
    drawing(area),
    ...caption.map((content, i) => text(16, bottom + 12 + i * 16, content, { fill: p.text2 })),
  )
}

const escapeAll = (content: string): string => content.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)
