/** The containers that Windows and macOS keep an icon's sizes in. Both take pictures as PNG. */

export interface Picture {
  /** Width and height. */
  readonly pixels: number
  readonly png: Uint8Array
}

/** What Windows shows somewhere: Microsoft, "Construct your Windows app's icon". */
export const ICO_PIXELS = [16, 24, 32, 48, 64, 128, 256] as const

/** Apple's types of PNG entries by size, once at 1× and once at 2×: `iconutil` writes the same. */
export const ICNS_TYPES = {
  icp4: 16,
  icp5: 32,
  ic11: 32,
  ic12: 64,
  ic07: 128,
  ic08: 256,
  ic13: 256,
  ic09: 512,
  ic14: 512,
  ic10: 1024,
} as const

const ICO_HEADER_B = 6
const ICO_ENTRY_B = 16
const ICNS_HEADER_B = 8

/** ICO: a directory of entries, then the pictures. A size of 256 is written as 0. */
export function ico(pictures: readonly Picture[]): Buffer {
  const head = Buffer.alloc(ICO_HEADER_B + ICO_ENTRY_B * pictures.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(pictures.length, 4)
  let offset = head.length
  for (const [i, { pixels, png }] of pictures.entries()) {
    const at = ICO_HEADER_B + ICO_ENTRY_B * i
    head.writeUInt8(pixels % 256, at)
    head.writeUInt8(pixels % 256, at + 1)
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(png.length, at + 8)
    head.writeUInt32LE(offset, at + 12)
    offset += png.length
  }
  return Buffer.concat([head, ...pictures.map(({ png }) => png)])
}

/** ICNS: `icns` and the length of all, then entries of a type, their length, and a picture. */
export function icns(pictures: readonly Picture[]): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const head = Buffer.alloc(ICNS_HEADER_B)
    head.write(type, 'latin1')
    head.writeUInt32BE(head.length + data.length, 4)
    return Buffer.concat([head, data])
  }
  const entries = Object.entries(ICNS_TYPES).map(([type, pixels]) => {
    const picture = pictures.find((candidate) => candidate.pixels === pixels)
    if (picture === undefined) throw new RangeError(`${type} needs a picture of ${pixels} pixels.`)
    return chunk(type, picture.png)
  })
  return chunk('icns', Buffer.concat(entries))
}
