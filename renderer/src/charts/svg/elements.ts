/** SVG as text: elements with escaped attributes and texts, nothing else. */
type Attributes = Readonly<Record<string, string | number | undefined>>

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

const number = (value: number): string => String(Math.round(value * 100) / 100)

/** `children` are markup already. */
export function el(name: string, attributes: Attributes = {}, ...children: string[]): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? number(value) : escape(String(value))}"`)
    .join('')
  return children.length === 0 ? `<${name}${list}/>` : `<${name}${list}>${children.join('')}</${name}>`
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  el('text', { x, y, ...attributes }, escape(content))

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string =>
  el('line', { x1, y1, x2, y2, ...attributes })

/** Width of a text, roughly: there is no font to measure here. */
export const widthOf = (content: string, size: number): number => content.length * size * 0.56

/** Lines of at most `width` pixels, broken between words. */
export function wrap(content: string, width: number, size: number): string[] {
  const lines: string[] = []
  for (const word of content.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && widthOf(`${last} ${word}`, size) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
