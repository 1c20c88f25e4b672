/** Lines, steps and points over an axis of numbers, told apart by mark and dash as well as by colour. */
import { colourOf, lineLookOf, type Mark, type Palette } from '../looks.ts'
import type { Axis, LineChart, LinePoint } from '../model.ts'
import { el, line } from './elements.ts'
import { type Area, BELOW, bottomAxis, LEFT, leftAxis, legend } from './frame.ts'
import { rangeOf, type Scale, scaleOf } from './scale.ts'

/** Each about 7 px wide, around 0, 0. Closed ones are filled with the ground, so that a line does not hide in them. */
const PATHS: Readonly<Record<Mark, string>> = {
  circle: 'M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z',
  rect: 'M-3-3h6v6h-6z',
  triangle: 'M0-3.6L3.6 3h-7.2z',
  rectRot: 'M0-4L4 0L0 4L-4 0z',
  cross: 'M-3.5 0h7M0-3.5v7',
  crossRot: 'M-3-3L3 3M3-3L-3 3',
  star: 'M-3.5 0h7M0-3.5v7M-2.5-2.5l5 5M2.5-2.5l-5 5',
}

export function drawLines(model: LineChart, whole: Area, p: Palette): string {
  const { markup, height } = legend(model.series, whole, p, (look, x, y) => {
    const stroke = model.drawn === 'points' ? '' : line(x - 4, y + 6, x + 18, y + 6, strokeOf(look, p))
    return stroke + markAt(look, x + 7, y + 6, p)
  })
  const area = { ...whole, left: whole.left + LEFT - 16, bottom: whole.bottom - BELOW, top: whole.top + height }
  const all = model.series.flatMap(({ points }) => points)
  const at = {
    x: axisOf(
      model.x,
      all.map(({ x }) => x),
      area.left,
      area.right,
    ),
    y: axisOf(
      model.value,
      all.map(({ y }) => y),
      area.bottom,
      area.top,
    ),
  }
  const series = model.series.map(({ look, points }) => {
    const path = model.drawn === 'points' ? '' : pathOf(points, model.drawn === 'steps', at.x, at.y)
    const drawn = path === '' ? '' : el('path', { d: path, fill: 'none', ...strokeOf(look, p) })
    const marks = points.map(({ x, y, bare }) => (bare === true ? '' : markAt(look, at.x.at(x), at.y.at(y), p)))
    return drawn + marks.join('')
  })
  return [markup, leftAxis(area, at.y, model.value.title, p), bottomAxis(area, at.x, model.x.title, p), ...series].join(
    '',
  )
}

function axisOf({ scale, most, whole }: Axis, values: readonly number[], start: number, end: number): Scale {
  const [low, high] = rangeOf(values, scale)
  const made = scaleOf([low, most ?? high], scale, start, end)
  return whole === true ? { ...made, ticks: made.ticks.filter(Number.isInteger) } : made
}

function pathOf(points: readonly LinePoint[], steps: boolean, x: Scale, y: Scale): string {
  return points
    .map((point, i) => {
      const [left, top] = [round(x.at(point.x)), round(y.at(point.y))]
      if (i === 0) return `M${left} ${top}`
      return steps ? `H${left}V${top}` : `L${left} ${top}`
    })
    .join('')
}

const round = (place: number): number => Math.round(place * 100) / 100

const strokeOf = (look: number, p: Palette) => {
  const { dash } = lineLookOf(look)
  return {
    stroke: colourOf(p, look, false),
    'stroke-width': 1.75,
    'stroke-dasharray': dash.length === 0 ? undefined : dash.join(' '),
  }
}

function markAt(look: number, x: number, y: number, p: Palette): string {
  const { mark } = lineLookOf(look)
  const place = `translate(${round(x)} ${round(y)})`
  return el('path', {
    d: PATHS[mark],
    transform: place,
    fill: p.surface,
    stroke: colourOf(p, look, false),
    'stroke-width': 1.5,
  })
}
