/** Columns side by side, with intervals over them where there are some, and bars of parts. */
import { count } from '../../data/format.ts'
import { colourOf, INTERVAL_CAP, type Palette } from '../looks.ts'
import type { BarChart } from '../model.ts'
import { el, line, text, widthOf } from './elements.ts'
import {
  type Area,
  BELOW,
  bottomAxis,
  bottomTitle,
  categoryLabels,
  fillOf,
  FONT,
  LEFT,
  leftAxis,
  withLegend,
} from './frame.ts'
import { heightsOf, rangeOf, type Scale, scaleOf } from './scale.ts'

export function drawBars(model: BarChart, whole: Area, p: Palette): string {
  return model.stacked ? drawStacks(model, whole, p) : drawColumns(model, whole, p)
}

function drawColumns(model: BarChart, whole: Area, p: Palette): string {
  const held = withLegend(model, false, whole, p)
  const area = { ...held.area, left: whole.left + LEFT - 16, bottom: whole.bottom - BELOW }
  const scale = scaleOf(rangeOf(heightsOf(model.series), model.value.scale), model.value.scale, area.bottom, area.top)
  const slot = (area.right - area.left) / model.categories.length
  const each = Math.min(40, (slot * 0.8) / model.series.length)
  const bars = model.series.flatMap(({ values, look, intervals }, s) =>
    values.map((value, c) => {
      if (value === null || value <= 0) return ''
      const x = area.left + (c + 0.5) * slot + (s - model.series.length / 2) * each
      const y = scale.at(value)
      const interval = intervals?.[c]
      const label =
        intervals === undefined && each >= widthOf(count(value), 10)
          ? text(x + each / 2, y - 4, count(value), { 'text-anchor': 'middle', 'font-size': 10, fill: p.text2 })
          : ''
      const bar = { x, y, width: Math.max(1, each - 2), height: area.bottom - y }
      const column = el('rect', { ...bar, fill: fillOf(look, false), stroke: colourOf(p, look, false) })
      const over = interval === null || interval === undefined ? '' : bracket(x + each / 2 - 1, interval, scale, p)
      return column + over + label
    }),
  )
  // Labels that would touch are thinned out.
  const widest = model.categories.reduce((most, name) => Math.max(most, widthOf(name, FONT)), 16)
  const every = Math.ceil((widest + 8) / slot)
  const names = model.categories.map((name, i) => (i % every === 0 ? name : ''))
  const below = categoryLabels(area, names, p) + bottomTitle(area, model.categoryTitle, p)
  return [held.markup, leftAxis(area, scale, model.value.title, p), ...bars, below].join('')
}

function bracket(x: number, interval: readonly [number, number], scale: Scale, p: Palette): string {
  const [low, high] = [scale.at(interval[0]), scale.at(interval[1])]
  const stroke = { stroke: p.text, 'stroke-width': 1.5 }
  const caps = [low, high].map((y) => line(x - INTERVAL_CAP, y, x + INTERVAL_CAP, y, stroke))
  return line(x, low, x, high, stroke) + caps.join('')
}

function drawStacks(model: BarChart, whole: Area, p: Palette): string {
  const held = withLegend(model, true, whole, p)
  const names = Math.max(...model.categories.map((name) => widthOf(name, FONT)))
  const area = { ...held.area, left: whole.left + names + 12, bottom: whole.bottom - BELOW }
  const totals = model.categories.map((_, c) => model.series.reduce((sum, { values }) => sum + (values[c] ?? 0), 0))
  const range: [number, number] = model.value.most === undefined ? rangeOf(totals, 'linear') : [0, model.value.most]
  const scale = scaleOf(range, 'linear', area.left, area.right)
  const slot = (area.bottom - area.top) / model.categories.length
  const high = Math.min(28, slot * 0.7)
  const rows = model.categories.map((name, c) => {
    const y = area.top + (c + 0.5) * slot
    let sum = 0
    const parts = model.series.map(({ values, look }) => {
      const from = scale.at(sum)
      sum += values[c] ?? 0
      const bar = { x: from, y: y - high / 2, width: scale.at(sum) - from, height: high }
      return bar.width < 0.1 ? '' : el('rect', { ...bar, fill: fillOf(look, true), stroke: colourOf(p, look, true) })
    })
    return text(area.left - 8, y + 4, name, { 'text-anchor': 'end', fill: p.text }) + parts.join('')
  })
  return [held.markup, bottomAxis(area, scale, model.value.title, p), ...rows].join('')
}
