/** Stretches of time in rows, as SVG. */
import { lookOfRow, placeNames } from '../flame.ts'
import type { Palette } from '../looks.ts'
import type { FlameChart } from '../model.ts'
import { el, text, widthOf } from './elements.ts'
import { type Area, bottomAxis, fillOf, FONT, patternDefs } from './frame.ts'
import { scaleOf } from './scale.ts'

const BELOW = 42
const SMALL = 11

export function drawFlame(model: FlameChart, whole: Area, p: Palette): string {
  const names = Math.max(...model.rows.map((name) => widthOf(name, FONT)))
  const area = { ...whole, left: whole.left + names + 12, bottom: whole.bottom - BELOW }
  const end = model.value.most ?? Math.max(...model.spans.map(({ to }) => to))
  const scale = scaleOf([0, end || 1], 'linear', area.left, area.right)
  const slot = (area.bottom - area.top) / model.rows.length
  const high = Math.min(22, slot * 0.45)
  /** Top of the bars of a row: names are above them. */
  const top = (row: number): number => area.top + (row + 1) * slot - high - 2
  const looks = [...new Set(model.rows.map((_, row) => lookOfRow(row)))]
  const bars = model.spans.map(({ row, from, to }) => {
    const x = scale.at(from)
    const look = lookOfRow(row)
    const bar = { x, y: top(row), width: Math.max(1.5, scale.at(to) - x), height: high }
    return el('rect', { ...bar, fill: fillOf(look, true), stroke: p.surface })
  })
  const labels = placeNames(model, scale.at, (name) => widthOf(name, SMALL), area.right).map(({ row, x, text: name }) =>
    text(x, top(row) - 4, name, { 'font-size': SMALL, fill: p.text2 }),
  )
  const rows = model.rows.map((name, row) =>
    text(area.left - 8, top(row) + high / 2 + 4, name.trim(), { 'text-anchor': 'end', fill: p.text }),
  )
  const axis = bottomAxis(area, scale, model.value.title, p)
  return [el('defs', {}, patternDefs(looks, true, p)), axis, ...bars, ...labels, ...rows].join('')
}
