/** The migration of the guest that is looked at: its stages, what a network client sees, and the figures. */
import { stepTime, type Step } from '../state/run-words.ts'
import { ms } from '../state/units.ts'
import { paintProbes } from '../views/lab/probe-drawing.ts'
import { RUN } from './layout.ts'
import type { Looks } from './looks.ts'
import type { Box, Pen } from './pen.ts'
import type { Figure, RunScene } from './scene.ts'

const PAD = 14
const STEPS: Box = { x: RUN.x + PAD, y: RUN.y, w: 648, h: RUN.h }
const PROBES: Box = { x: STEPS.x + STEPS.w + 20, y: RUN.y, w: 236, h: RUN.h }
const FIGURES: Box = {
  x: PROBES.x + PROBES.w + 24,
  y: RUN.y,
  w: RUN.x + RUN.w - PAD - (PROBES.x + PROBES.w + 24),
  h: RUN.h,
}

export function drawRun(pen: Pen, run: RunScene | null): void {
  const { looks } = pen
  pen.box(RUN, { fill: looks.surface, stroke: looks.line, radius: 8 })
  if (run === null) {
    const style = { size: 13, colour: looks.text2, align: 'center' } as const
    pen.text('No migration of this guest by this time', RUN.x + RUN.w / 2, RUN.y + RUN.h / 2 + 5, style)
    return
  }
  const title = pen.text(run.title, STEPS.x, RUN.y + 22, {
    size: 14,
    weight: 600,
    colour: toneColour(looks, run.tone),
    max: STEPS.w * 0.5,
  })
  const phase = { size: 12, colour: looks.text2, max: STEPS.w - title - 12 } as const
  pen.text(run.phase, STEPS.x + title + 12, RUN.y + 22, phase)
  drawSteps(pen, run.steps)
  drawProbes(pen, run)
  drawFigures(pen, run.figures)
}

function toneColour(looks: Looks, tone: RunScene['tone']): string {
  return { now: looks.accent, good: looks.good, warn: looks.warn, bad: looks.bad }[tone]
}

function drawSteps(pen: Pen, steps: readonly Step[]): void {
  const { looks } = pen
  const width = STEPS.w / steps.length
  steps.forEach((step, i) => {
    const middle = STEPS.x + (i + 0.5) * width
    const y = RUN.y + 44
    if (i > 0) {
      const reached = step.state !== 'ahead'
      pen.line(middle - width + 12, y, middle - 12, y, reached ? looks.good : looks.line, 2)
    }
    const now = step.state === 'now'
    const colour = {
      ahead: looks.lineStrong,
      now: looks.accent,
      done: looks.good,
      failed: looks.bad,
    }[step.state]
    const fill = { ahead: looks.surface, now: looks.accent, done: looks.goodBackground, failed: looks.badBackground }
    pen.box(
      { x: middle - 10, y: y - 10, w: 20, h: 20 },
      { fill: fill[step.state], stroke: colour, line: 2, radius: 10 },
    )
    const mark = { size: 11, weight: 700, align: 'center', colour: now ? looks.accentText : colour } as const
    if (step.state === 'done') drawCheck(pen, middle, y, colour)
    else pen.text(step.state === 'failed' ? '×' : String(step.number), middle, y + 4, mark)
    const words = { size: 10.5, align: 'center', max: width - 4, colour: now ? looks.text : looks.text2 } as const
    pen.text(`${step.number} ${step.name}`, middle, RUN.y + 70, { ...words, weight: now ? 600 : 400 })
    pen.text(stepTime(step, ms), middle, RUN.y + 84, { ...words, size: 11, weight: 600, colour: looks.text })
  })
}

function drawCheck({ context }: Pen, x: number, y: number, colour: string): void {
  context.beginPath()
  context.moveTo(x - 4.5, y + 0.5)
  context.lineTo(x - 1.5, y + 3.5)
  context.lineTo(x + 4.5, y - 3)
  context.strokeStyle = colour
  context.lineWidth = 2
  context.stroke()
}

function drawProbes(pen: Pen, { probes, probesSummary }: RunScene): void {
  const { looks, context } = pen
  const { x, y, w } = PROBES
  pen.text('Network client', x, y + 22, { size: 12, weight: 600 })
  pen.text(probesSummary, x + w, y + 22, { size: 11, colour: looks.text2, align: 'right', max: w - 100 })
  const strip = { x, y: y + 30, w, h: 38 }
  pen.box(strip, { fill: looks.surface2, stroke: looks.line, radius: 4 })
  pen.clipped({ x: x + 1, y: strip.y + 1, w: w - 2, h: strip.h - 2 }, () => {
    context.translate(strip.x + 1, strip.y + 1)
    paintProbes(context, { width: w - 2, height: strip.h - 2, scale: 1 }, probes, looks)
  })
  const { from_ms, to_ms } = probes.window
  const small = { size: 10.5, colour: looks.text2 } as const
  pen.text(ms(from_ms), x, y + 83, small)
  pen.text('its probes: higher is later', x + w / 2, y + 83, { ...small, align: 'center' })
  pen.text(ms(to_ms), x + w, y + 83, { ...small, align: 'right' })
}

function drawFigures(pen: Pen, figures: readonly Figure[]): void {
  const { looks } = pen
  const big = figures.find((figure) => figure.big)
  const others = figures.filter((figure) => !figure.big)
  const { x, y, w } = FIGURES
  const half = w * 0.5
  if (big !== undefined) {
    pen.text(big.name, x, y + 26, { size: 12, colour: looks.text2, max: half - 8 })
    const size = pen.width(big.value, { size: 30, weight: 700 }) > half - 8 ? 20 : 30
    pen.text(big.value, x, y + 58, { size, weight: 700, colour: looks.accent, max: half - 8 })
  }
  const left = big === undefined ? x : x + half
  const width = x + w - left
  others.forEach(({ name, value }, i) => {
    const line = y + 26 + i * 22
    const wide = pen.text(value, left + width, line, { size: 13, weight: 600, align: 'right', max: width * 0.6 })
    pen.text(name, left, line, { size: 11, colour: looks.text2, max: width - wide - 6 })
  })
}
