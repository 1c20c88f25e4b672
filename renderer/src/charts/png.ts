/** A chart as PNG: the canvas of the screen with its title and caption, on an opaque ground. */
import type { Palette } from './looks.ts'
import type { ChartModel } from './model.ts'

const MARGIN = 16
const TITLE = 15
const CAPTION = 12

export function renderPng(model: ChartModel, chart: HTMLCanvasElement, palette: Palette): Promise<Blob> {
  const ratio = chart.width / Math.max(1, chart.clientWidth)
  const width = chart.clientWidth + 2 * MARGIN
  const canvas = document.createElement('canvas')
  const g = canvas.getContext('2d')
  if (g === null) return Promise.reject(new Error('This window cannot draw pictures.'))
  g.font = `${CAPTION}px ${palette.font}`
  const caption = linesOf(g, model.caption, width - 2 * MARGIN)
  const top = MARGIN + TITLE + 12
  const height = top + chart.clientHeight + 12 + caption.length * 16 + MARGIN
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  g.scale(ratio, ratio)
  g.fillStyle = palette.surface
  g.fillRect(0, 0, width, height)
  g.drawImage(chart, MARGIN, top, chart.clientWidth, chart.clientHeight)
  g.fillStyle = palette.text
  g.font = `600 ${TITLE}px ${palette.font}`
  g.fillText(model.title, MARGIN, MARGIN + TITLE)
  g.fillStyle = palette.text2
  g.font = `${CAPTION}px ${palette.font}`
  caption.forEach((text, i) => g.fillText(text, MARGIN, top + chart.clientHeight + 24 + i * 16))
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error('The picture could not be made.')) : resolve(blob)))
  })
}

function linesOf(g: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && g.measureText(`${last} ${word}`).width <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
