/** The words in a PDF that Chromium made: which glyphs its pages show, by the table that each font has for copying text. */
import { inflateSync } from 'node:zlib'

/** @returns the text of all pages, without blanks, which are positions there; '' where nothing is shown */
export function pdfText(pdf: Buffer): string {
  const objects = objectsOf(pdf)
  /** By object number of the font. */
  const tables = new Map<string, ReadonlyMap<number, string>>()
  for (const [number, { head }] of objects) {
    const table = /\/ToUnicode (\d+) 0 R/.exec(head)?.[1]
    if (table !== undefined) tables.set(number, unicodeTable(objects.get(table)?.stream ?? ''))
  }
  let text = ''
  for (const { head } of objects.values()) {
    if (!/\/Type\s*\/Page\b/.test(head)) continue
    const fonts = new Map([...head.matchAll(/\/(F\d+) (\d+) 0 R/g)].map(([, name = '', number = '']) => [name, number]))
    const contents = /\/Contents (\d+) 0 R/.exec(head)?.[1] ?? ''
    let table: ReadonlyMap<number, string> = new Map()
    for (const [, font, glyphs] of (objects.get(contents)?.stream ?? '').matchAll(
      /\/(F\d+) [\d.]+ Tf|<([\da-fA-F]+)>/g,
    )) {
      if (font !== undefined) table = tables.get(fonts.get(font) ?? '') ?? new Map()
      else for (const [glyph] of (glyphs ?? '').matchAll(/.{4}/g)) text += table.get(parseInt(glyph, 16)) ?? ''
    }
  }
  return text.replaceAll(/\s+/g, '')
}

interface Part {
  readonly head: string
  readonly stream: string
}

function objectsOf(pdf: Buffer): Map<string, Part> {
  const all = pdf.toString('latin1')
  const objects = new Map<string, Part>()
  for (const { 1: number = '', index, 0: begin } of all.matchAll(/(?<=[\r\n])(\d+) 0 obj\b/g)) {
    const from = index + begin.length
    const body = all.slice(from, all.indexOf('endobj', from))
    const at = /stream\r?\n/.exec(body)
    if (at === null) {
      objects.set(number, { head: body, stream: '' })
      continue
    }
    const head = body.slice(0, at.index)
    const length = Number(/\/Length (\d+)/.exec(head)?.[1])
    const data = pdf.subarray(from + at.index + at[0].length).subarray(0, length)
    objects.set(number, { head, stream: (/FlateDecode/.test(head) ? inflateSync(data) : data).toString('latin1') })
  }
  return objects
}

/** Glyph → its text. */
function unicodeTable(map: string): ReadonlyMap<number, string> {
  const table = new Map<number, string>()
  const text = (hex: string) => Buffer.from(hex, 'hex').swap16().toString('utf16le')
  for (const [, kind, body = ''] of map.matchAll(/begin(bfchar|bfrange)([\s\S]*?)end\1/g)) {
    const values = [...body.matchAll(/<([\da-fA-F]+)>/g)].map(([, hex = '']) => hex)
    const step = kind === 'bfchar' ? 2 : 3
    for (let i = 0; i + step <= values.length; i += step) {
      const [first = '', last = '', to = ''] =
        step === 2 ? [values[i], values[i], values[i + 1]] : values.slice(i, i + 3)
      for (let glyph = parseInt(first, 16); glyph <= parseInt(last, 16); glyph++) {
        const offset = glyph - parseInt(first, 16)
        table.set(glyph, offset === 0 ? text(to) : String.fromCodePoint((text(to).codePointAt(0) ?? 0) + offset))
      }
    }
  }
  return table
}
