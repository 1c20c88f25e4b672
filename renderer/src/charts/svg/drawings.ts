/** Boxes, spans and timelines, each on the area that the frame leaves it. */
import { colourOf, type Palette } from '../looks.ts'
import type { BoxChart, SpanChart, TimelineChart } from '../model.ts'
import type { Box } from '../statistics.ts'
import { el, line, text, widthOf } from './elements.ts'
import { type Area, BELOW, bottomAxis, categoryLabels, fillOf, FONT, LEFT, leftAxis, withLegend } from './frame.ts'
import { rangeOf, scaleOf } from './scale.ts'

export function drawBoxes(model: BoxChart, whole: Area, p: Palette): string {
  const held = withLegend(model, false, whole, p)
  const area = {
    ...held.area,
    left: whole.left + LEFT - 16,
    bottom: whole.bottom - BELOW + 14,
    top: held.area.top + 18,
  }
  const all = model.series.flatMap(({ boxes }) => boxes.flatMap((box) => (box === null ? [] : [box.min, box.max])))
  const scale = scaleOf(rangeOf(all, model.value.scale), model.value.scale, area.bottom, area.top)
  const slot = (area.right - area.left) / model.categories.length
  const each = Math.min(64, (slot * 0.8) / model.series.length)
  const boxes = model.series.flatMap((series, s) =>
    series.boxes.map((box, c) => {
      if (box === null) return ''
      const x = area.left + (c + 0.5) * slot + (s - (model.series.length - 1) / 2) * each
      const n = text(x, area.top - 6, `n ${box.n}`, { 'text-anchor': 'middle', fill: p.text2 })
      return n + drawBox(box, x, each * 0.7, scale.at, series.look, p)
    }),
  )
  return [
    held.markup,
    leftAxis(area, scale, model.value.title, p),
    ...boxes,
    categoryLabels(area, model.categories, p),
  ].join('')
}

function drawBox(box: Box, x: number, width: number, at: (v: number) => number, look: number, p: Palette): string {
  const stroke = { stroke: colourOf(p, look, false), 'stroke-width': 1.5 }
  const half = width / 2
  const cap = half * 0.6
  return [
    line(x, at(box.whiskerHigh), x, at(box.q3), stroke),
    line(x, at(box.q1), x, at(box.whiskerLow), stroke),
    line(x - cap, at(box.whiskerHigh), x + cap, at(box.whiskerHigh), stroke),
    line(x - cap, at(box.whiskerLow), x + cap, at(box.whiskerLow), stroke),
    el('rect', {
      x: x - half,
      y: at(box.q3),
      width,
      height: Math.max(1, at(box.q1) - at(box.q3)),
      fill: fillOf(look, false),
      ...stroke,
    }),
    // White under the median, so that it stands out from any pattern.
    line(x - half, at(box.median), x + half, at(box.median), { stroke: p.surface, 'stroke-width': 6 }),
    line(x - half, at(box.median), x + half, at(box.median), { stroke: p.text, 'stroke-width': 2.5 }),
    ...box.outliers.map((value) => el('circle', { cx: x, cy: at(value), r: 2.5, fill: 'none', ...stroke })),
  ].join('')
}

export function drawSpans(model: SpanChart, whole: Area, p: Palette): string {
  const names = Math.max(...model.spans.map(({ name }) => widthOf(name, FONT)))
  const labels = Math.max(...model.spans.map(({ label }) => widthOf(label, FONT)))
  const area = {
    ...whole,
    left: whole.left + names + 12,
    right: whole.right - labels - 8,
    bottom: whole.bottom - BELOW,
  }
  const scale = scaleOf([0, Math.max(...model.spans.map(({ to }) => to)) || 1], 'linear', area.left, area.right)
  const slot = (area.bottom - area.top) / model.spans.length
  const colour = p.series[0] ?? p.text
  const rows = model.spans.map(({ name, from, to, label }, i) => {
    const y = area.top + (i + 0.5) * slot
    const bar = {
      x: scale.at(from),
      y: y - slot * 0.3,
      width: Math.max(1.5, scale.at(to) - scale.at(from)),
      height: slot * 0.6,
    }
    return [
      text(area.left - 8, y + 4, name, { 'text-anchor': 'end', fill: p.text }),
      el('rect', { ...bar, fill: colour }),
      text(bar.x + bar.width + 6, y + 4, label, { fill: p.text2 }),
    ].join('')
  })
  return bottomAxis(area, scale, model.value.title, p) + rows.join('')
}

export function drawTimeline(model: TimelineChart, whole: Area, p: Palette): string {
  const area = { ...whole, left: whole.left + LEFT - 16, bottom: whole.bottom - BELOW, top: whole.top + 40 }
  const xs = [...model.points.map(({ x }) => x), ...model.lost]
  const [first, last] = [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), -Infinity)]
  const x = scaleOf([first, Math.max(last, first + 1)], 'linear', area.left, area.right)
  const y = scaleOf(
    rangeOf(
      model.points.map((point) => point.y),
      'linear',
    ),
    'linear',
    area.bottom,
    area.top,
  )
  const bands = model.bands.map(({ from, to, label, bad }, i) => {
    const at = Math.max(area.left, x.at(from))
    const width = Math.max(2, Math.min(area.right, x.at(to)) - at)
    const colour = bad ? p.bad : (p.series[0] ?? p.text)
    const shown = { x: at, y: area.top, width, height: area.bottom - area.top, fill: colour, 'fill-opacity': 0.14 }
    const dash = { stroke: colour, 'stroke-dasharray': bad ? undefined : '4 3' }
    const edges = line(at, area.top, at, area.bottom, dash) + line(at + width, area.top, at + width, area.bottom, dash)
    const fits = at + 8 + widthOf(label, FONT) < area.right
    const place = { 'text-anchor': fits ? 'start' : 'end', fill: colour }
    return el('rect', shown) + edges + text(fits ? at : at + width, whole.top + 12 + i * 16, label, place)
  })
  const points = model.points.map((point) =>
    el('circle', { cx: x.at(point.x), cy: y.at(point.y), r: 2, fill: p.series[0] }),
  )
  const lost = model.lost.map((sent) => {
    const [cx, cy] = [x.at(sent), area.top + 6]
    return el('path', { d: `M${cx - 3} ${cy - 3}l6 6m0-6l-6 6`, stroke: p.bad, 'stroke-width': 1.5 })
  })
  return [
    leftAxis(area, y, model.value.title, p),
    bottomAxis(area, x, model.x.title, p),
    ...bands,
    ...points,
    ...lost,
  ].join('')
}
