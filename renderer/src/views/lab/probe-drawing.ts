/** Draws a strip of probes on a canvas: one column a pixel, the latest answer of each column. */
import type { ProbePicture } from '../../state/probe-picture.ts'
import { colour } from '../../styles/tokens.ts'

/** An answer of this age fills the strip; below, the height follows the square root, so that 0.3 ms can be seen. */
const FULL_MS = 20
const LEAST_PX = 3

export interface ProbeColours {
  readonly good: string
  readonly bad: string
  readonly badBackground: string
}

/** @param size of the canvas in CSS pixels, as its owner knows it: to ask the canvas would lay the page out */
export function drawProbes(
  canvas: HTMLCanvasElement,
  size: { readonly width: number; readonly height: number },
  picture: ProbePicture,
): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const width = Math.round(size.width * devicePixelRatio)
  const height = Math.round(size.height * devicePixelRatio)
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
  context.clearRect(0, 0, width, height)
  const colours = { good: colour('--good'), bad: colour('--bad'), badBackground: colour('--bad-bg') }
  paintProbes(context, { width, height, scale: devicePixelRatio }, picture, colours)
}

/** @param size in the context's units, of which `scale` make a CSS pixel; it is painted from its origin */
export function paintProbes(
  context: CanvasRenderingContext2D,
  { width, height, scale }: { readonly width: number; readonly height: number; readonly scale: number },
  { log, window: { from_ms, to_ms }, gap }: ProbePicture,
  colours: ProbeColours,
): void {
  const x = (time: number) => ((time - from_ms) / Math.max(1, to_ms - from_ms)) * width
  if (gap !== null) paintGap(context, { left: x(gap.from_ms), right: x(gap.to_ms), height, scale }, colours)
  const spacing = width / Math.max(1, (to_ms - from_ms) / probeInterval(log))
  const thickness = Math.min(6 * scale, Math.max(scale, spacing * 0.55))
  log.each((sent, rtt) => {
    if (sent < from_ms || sent > to_ms) return
    const answered = !Number.isNaN(rtt)
    const share = answered ? Math.sqrt(Math.min(1, rtt / FULL_MS)) : 1
    const bar = Math.max(LEAST_PX * scale, share * height * 0.9)
    if (answered) {
      context.fillStyle = colours.good
      context.fillRect(x(sent), height - bar, thickness, bar)
    } else {
      context.strokeStyle = colours.bad
      context.lineWidth = scale
      context.strokeRect(x(sent) + scale / 2, height - bar, Math.max(scale, thickness - scale), bar - scale)
    }
  })
}

function probeInterval(log: ProbePicture['log']): number {
  const { from_ms, to_ms } = log.span
  return Math.max(0.5, (to_ms - from_ms) / Math.max(1, log.count - 1))
}

function paintGap(
  context: CanvasRenderingContext2D,
  { left, right, height, scale }: { left: number; right: number; height: number; scale: number },
  { bad, badBackground }: ProbeColours,
): void {
  const width = Math.max(2 * scale, right - left)
  context.fillStyle = badBackground
  context.fillRect(left, 0, width, height)
  context.strokeStyle = bad
  context.lineWidth = scale
  context.setLineDash([4 * scale, 3 * scale])
  context.strokeRect(left, -2, width, height + 4)
  context.setLineDash([])
}
