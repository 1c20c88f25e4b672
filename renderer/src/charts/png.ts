/** A chart as PNG: its SVG document, painted at one, two or three pixels for each of its units. */
import type { Palette } from './looks.ts'
import type { ChartModel } from './model.ts'
import { pictureSize, renderSvg } from './svg/render.ts'

/** Pixels for each unit: for a page, for a screen of high density, for print. */
export const PNG_SCALES = [1, 2, 3] as const
export type PngScale = (typeof PNG_SCALES)[number]

/** @throws Error where this window cannot paint it */
export async function renderPng(model: ChartModel, palette: Palette, scale: PngScale): Promise<Blob> {
  const size = pictureSize(model)
  const source = URL.createObjectURL(new Blob([renderSvg(model, palette, size)], { type: 'image/svg+xml' }))
  try {
    const image = new Image()
    image.src = source
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = size.width * scale
    canvas.height = size.height * scale
    const g = canvas.getContext('2d')
    if (g === null) throw new Error('This window cannot draw pictures.')
    g.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob === null ? reject(new Error('The picture could not be made.')) : resolve(blob)))
    })
  } finally {
    URL.revokeObjectURL(source)
  }
}
