/** Hosts with their guests, and the link between them. */
import type { GuestState } from '../../../engine/contract/lab.ts'
import { hostBoxes } from './layout.ts'
import type { Looks } from './looks.ts'
import type { Box, Pen } from './pen.ts'
import type { ArrivingLine, GuestLine, HostScene, LinkScene, Scene } from './scene.ts'

const PAD = 14
const ROW = 44
const ROW_GAP = 6
const DENSE_ROW = 22
/** More lines than fit as cards are lines without facts. */
const MOST_CARDS = 2

export function drawHosts(pen: Pen, { hosts, moreHosts, link }: Scene, t_ms: number): void {
  const boxes = hostBoxes(hosts.length)
  hosts.forEach((host, i) => {
    const box = boxes.hosts[i]
    if (box !== undefined) drawHost(pen, box, host)
  })
  drawLink(pen, boxes.link, link, t_ms)
  if (moreHosts === 0) return
  const text = `and ${moreHosts} more ${moreHosts === 1 ? 'host' : 'hosts'}`
  const { x, y, w } = boxes.link
  pen.text(text, x + w / 2, y + 12, { size: 11, colour: pen.looks.text2, align: 'center', max: w })
}

function drawHost(pen: Pen, box: Box, host: HostScene): void {
  const { looks } = pen
  const { x, y, w, h } = box
  const kind = looks.kinds[host.kind]
  const inner = { x: x + PAD, w: w - 2 * PAD }
  pen.box(box, { fill: looks.surface, stroke: looks.line, radius: 8 })
  pen.clipped({ ...box, h: 4 }, () => pen.box(box, { fill: kind.text, radius: 8 }))
  const name = { size: 18, weight: 600, max: inner.w * 0.45 } as const
  const named = Math.min(pen.text(host.name, inner.x, y + 29, name), inner.w * 0.45)
  const badge = pen.badge(host.title, inner.x + named + 8, y + 23, kind.text, kind.background)
  const left = inner.w - named - badge - 20
  const address = { size: 12, mono: true, colour: looks.text2, align: 'right', max: left } as const
  pen.text(host.address, inner.x + inner.w, y + 28, address)
  pen.text('Memory', inner.x, y + 50, { size: 11, colour: looks.text2 })
  pen.text(host.memory, inner.x + inner.w, y + 50, { size: 11, colour: looks.text2, align: 'right', max: inner.w - 60 })
  pen.bar({ ...inner, y: y + 56, h: 5 }, host.memoryShare, kind.text)
  drawGuests(pen, { ...inner, y: y + 70, h: h - 70 - 10 }, host)
}

function drawGuests(pen: Pen, box: Box, { guests, arriving, kind }: HostScene): void {
  const { looks } = pen
  const all = guests.length + arriving.length
  if (all === 0) {
    pen.box(box, { stroke: looks.line, radius: 4, dashed: true })
    const middle = { size: 12, colour: looks.text2, align: 'center' } as const
    pen.text('No guests here at this time', box.x + box.w / 2, box.y + box.h / 2 + 4, middle)
    return
  }
  const dense = all > MOST_CARDS
  const height = dense ? DENSE_ROW : ROW
  const fit = dense ? Math.floor(box.h / DENSE_ROW) : MOST_CARDS
  // The one that is looked at is never among those that are only counted.
  const lines = [...arriving, ...guests.filter(({ shown }) => shown), ...guests.filter(({ shown }) => !shown)]
  const shown = all > fit ? lines.slice(0, fit - 1) : lines
  let y = box.y
  for (const line of shown) {
    const row = { x: box.x, y, w: box.w, h: height }
    if ('share' in line) drawArriving(pen, row, line, looks.kinds[kind].text, dense)
    else drawGuest(pen, row, line, dense)
    y += height + (dense ? 0 : ROW_GAP)
  }
  if (all > shown.length) {
    const text = `and ${all - shown.length} more`
    pen.text(text, box.x + 10, y + 15, { size: 11, colour: looks.text2 })
  }
}

function drawGuest(pen: Pen, box: Box, guest: GuestLine, dense: boolean): void {
  const { looks } = pen
  const { x, y, w, h } = box
  if (!dense) pen.box(box, { fill: looks.surface2, stroke: guest.shown ? looks.accent : looks.line, radius: 4 })
  if (guest.shown) pen.box({ x, y: y + 2, w: 3, h: h - 4 }, { fill: looks.accent, radius: 1.5 })
  const [colour, background] = stateColours(looks, guest.state)
  const base = dense ? y + 15 : y + 18
  const name = { size: 13, weight: 600, max: w * 0.5 } as const
  const wide = Math.min(pen.text(guest.name, x + 10, base, name), w * 0.5)
  pen.badge(guest.state, x + 10 + wide + 8, base - 5, colour, background)
  if (!dense) pen.text(guest.facts, x + 10, y + 36, { size: 11, colour: looks.text2, max: w - 20 })
}

function drawArriving(pen: Pen, box: Box, arriving: ArrivingLine, colour: string, dense: boolean): void {
  const { looks } = pen
  const { x, y, w } = box
  if (!dense) pen.box(box, { stroke: looks.lineStrong, radius: 4, dashed: true })
  const base = dense ? y + 15 : y + 18
  const wide = pen.text(arriving.name, x + 10, base, { size: 13, weight: 600, max: w * 0.4 })
  pen.text(arriving.text, x + 10 + wide + 8, base, { size: 11, colour: looks.text2, max: w * 0.9 - wide - 20 })
  if (!dense) pen.bar({ x: x + 10, y: y + 29, w: w - 20, h: 6 }, arriving.share, colour)
}

function stateColours(looks: Looks, state: GuestState): readonly [string, string] {
  switch (state) {
    case 'running':
      return [looks.good, looks.goodBackground]
    case 'paused':
      return [looks.warn, looks.warnBackground]
    case 'crashed':
      return [looks.bad, looks.badBackground]
    default:
      return [looks.text2, looks.line]
  }
}

/** The dashes of the wire: length, and how far they move in a second. */
const DASH = 6
const DASHES = 16
const DASHES_PER_S = 2

function drawLink(pen: Pen, { x, y, w, h }: Box, link: LinkScene, t_ms: number): void {
  const { looks, context } = pen
  const { crossing } = link
  const middle = y + 34
  const wire = { x: x - 8, y: middle - 2, w: w + 16, h: 4 }
  pen.box(wire, { fill: looks.line, radius: 2 })
  if (crossing.flowing) {
    const moved = ((t_ms / 1000) * DASHES_PER_S * DASHES) % DASHES
    pen.clipped(wire, () => {
      context.fillStyle = looks.accent
      for (let at = -DASHES; at < wire.w + DASHES; at += DASHES) {
        context.fillRect(wire.x + at + (crossing.rightwards ? moved : -moved), wire.y, DASH, wire.h)
      }
    })
  }
  const centred = { size: 12, colour: looks.text2, align: 'center' } as const
  if (crossing.guest !== null) drawToken(pen, wire, crossing.guest, crossing)
  const words = pen.wrapped(crossing.words, w - 8, centred, 2)
  words.forEach((line, i) => pen.text(line, x + w / 2, y + 68 + i * 15, centred))
  pen.text('Throughput', x + 4, y + 112, { size: 11, colour: looks.text2 })
  pen.text(link.throughput, x + w - 4, y + 112, { size: 12, weight: 600, align: 'right', max: w - 80 })
  drawSeries(pen, { x: x + 4, y: y + 118, w: w - 8, h: 22 }, link.series?.points ?? new Float64Array())
  pen.text(link.title, x + w / 2, y + h - 20, { ...centred, weight: 600, colour: looks.text, max: w })
  pen.text(link.facts, x + w / 2, y + h - 5, { ...centred, size: 11, max: w + 8 })
}

function drawToken(pen: Pen, wire: Box, name: string, { place, still }: LinkScene['crossing']): void {
  const { looks } = pen
  const style = { size: 12, weight: 600, max: wire.w * 0.55 } as const
  const width = Math.min(pen.width(name, style), style.max) + 20
  const box = { x: wire.x + place * (wire.w - width), y: wire.y - 11, w: width, h: 26 }
  const colour = still ? looks.warn : looks.accent
  pen.box(box, { fill: looks.surface, stroke: colour, line: 2, radius: 13, dashed: still })
  pen.text(name, box.x + 10, wire.y + 6, { ...style, colour: still ? looks.warn : looks.text })
}

/** A series as a line over its whole time; its largest value is the upper edge. */
function drawSeries(pen: Pen, { x, y, w, h }: Box, points: Float64Array): void {
  const { context, looks } = pen
  pen.line(x, y + h, x + w, y + h, looks.line)
  if (points.length < 2) return
  const highest = Math.max(1e-9, ...points)
  context.beginPath()
  points.forEach((value, i) => context.lineTo(x + (i / (points.length - 1)) * w, y + h - (value / highest) * (h - 2)))
  context.strokeStyle = looks.accent
  context.lineWidth = 1.5
  context.stroke()
  context.lineTo(x + w, y + h)
  context.lineTo(x, y + h)
  context.globalAlpha = 0.14
  context.fillStyle = looks.accent
  context.fill()
  context.globalAlpha = 1
}
