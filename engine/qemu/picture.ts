/** The guest's screen, as QEMU writes it down: a portable pixmap of 24 bits a pixel (QMP `screendump`). */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ScreenImage } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import type { Qmp } from './qmp.ts'

/** More than any mode of the card. */
const MOST_PIXELS = 4096 * 4096

/** @param folder for the file, which is removed again @throws FerryError `qemu.*` */
export async function screendump(qmp: Qmp, folder: string): Promise<ScreenImage> {
  const file = join(folder, `screen-${process.hrtime.bigint()}.ppm`)
  try {
    await qmp.command('screendump', { filename: file })
    return parsePixmap(await readFile(file))
  } finally {
    await rm(file, { force: true })
  }
}

/** A binary pixmap (netpbm's ppm(5)) with 255 levels as pixels. @throws FerryError `qemu.screen` */
export function parsePixmap(file: Buffer): ScreenImage {
  const head = /^P6\s(\d{1,5})\s(\d{1,5})\s255\s/.exec(file.subarray(0, 32).toString('latin1'))
  const [width, height] = [Number(head?.[1]), Number(head?.[2])]
  const pixels = width * height
  if (head === null || !(pixels > 0 && pixels <= MOST_PIXELS) || file.length !== head[0].length + 3 * pixels) {
    throw new FerryError('qemu.screen', 'QEMU wrote a picture of the screen that is none.', { bytes: file.length })
  }
  const rgba = new Uint8ClampedArray(4 * pixels)
  for (let from = head[0].length, to = 0; to < rgba.length; to += 4, from += 3) {
    rgba[to] = file[from] ?? 0
    rgba[to + 1] = file[from + 1] ?? 0
    rgba[to + 2] = file[from + 2] ?? 0
    rgba[to + 3] = 255
  }
  return { kind: 'graphics', width, height, rgba }
}
