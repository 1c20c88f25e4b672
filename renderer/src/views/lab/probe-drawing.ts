/** Draws a strip of probes on a canvas: one column a pixel, the latest answer of each column. */
import type { Gap, ProbeLog } from '../../state/probe-log.ts'
import { colour } from '../../styles/tokens.ts'

export type ProbeWindow = Gap

/** An answer of this age fills the strip; below, the height follows the square root, so that 0.3 ms can be seen. */
const FULL_MS = 20
const LEAST_PX = 3

/** @param size of the canvas in CSS pixels, as its owner knows it: to ask the canvas would lay the page out */
export function drawProbes(
  canvas: HTMLCanvasElement,
  size: { readonly width: number; readonly height: number },
  log: ProbeLog,
  { from_ms, to_ms }: ProbeWindow,
  gap: Gap | null,
): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const scale = devicePixelRatio
  const width = Math.round(size.width * scale)
  const height = Math.round(size.height * scale)
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
  context.clearRect(0, 0, width, height)
  const good = colour('--good')
  const bad = colour('--bad')
  const x = (time: number) => ((time - from_ms) / Math.max(1, to_ms - from_ms)) * width
  if (gap !== null) drawGap(context, x(gap.from_ms), x(gap.to_ms), height)
  const spacing = width / Math.max(1, (to_ms - from_ms) / probeInterval(log))
  const thickness = Math.min(6 * scale, Math.max(scale, spacing * 0.55))
  log.each((sent, rtt) => {
    if (sent < from_ms || sent > to_ms) return
    const answered = !Number.isNaN(rtt)
    const share = answered ? Math.sqrt(Math.min(1, rtt / FULL_MS)) : 1
    const bar = Math.max(LEAST_PX * scale, share * height * 0.9)
    if (answered) {
      context.fillStyle = good
      context.fillRect(x(sent), height - bar, thickness, bar)
    } else {
      context.strokeStyle = bad
      context.lineWidth = scale
      context.strokeRect(x(sent) + scale / 2, height - bar, Math.max(scale, thickness - scale), bar - scale)
    }
  })
}

function probeInterval(log: ProbeLog): number {
  const { from_ms, to_ms } = log.span
  return Math.max(0.5, (to_ms - from_ms) / Math.max(1, log.count - 1))
}

function drawGap(context: CanvasRenderingContext2D, left: number, right: number, height: number): void {
  const width = Math.max(2 * devicePixelRatio, right - left)
  context.fillStyle = colour('--bad-bg')
  context.fillRect(left, 0, width, height)
  context.strokeStyle = colour('--bad')
  context.lineWidth = devicePixelRatio
  context.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio])
  context.strokeRect(left, -2, width, height + 4)
  context.setLineDash([])
}
