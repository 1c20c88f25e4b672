/** Colours that guests choose, made readable on the window's ground: contrast of at least 4.5 (WCAG 2, success criterion 1.4.3). */

const LEAST = 4.5
const STEPS = 10

type Rgb = readonly [number, number, number]

/** @param colour `#rrggbb`, or `rgb(r, g, b)` as computed styles have it */
function parse(colour: string): Rgb {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour)?.[1]
  if (hex !== undefined) {
    const value = Number.parseInt(hex, 16)
    return [value >> 16, (value >> 8) & 255, value & 255]
  }
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+(?:\.\d+)?/g) ?? []).map(Number)
  return [red, green, blue]
}

function luminance(rgb: Rgb): number {
  const [red = 0, green = 0, blue = 0] = rgb.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

export function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(parse(one)), luminance(parse(other))].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

/** The colour, as far towards that of the text as it takes to be read on that ground. */
export function readable(colour: string, ground: string, text: string): string {
  const from = parse(colour)
  const to = parse(text)
  for (let step = 0; step < STEPS; step++) {
    const share = step / STEPS
    const mixed = from.map((part, i) => Math.round(part + ((to[i] ?? 0) - part) * share))
    const candidate = `rgb(${mixed.join(', ')})`
    if (contrast(candidate, ground) >= LEAST) return candidate
  }
  return text
}
