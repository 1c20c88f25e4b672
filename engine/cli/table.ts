/** Tables of text with aligned columns. */

export interface Column<T> {
  /** With the unit, where the cells have none. */
  readonly title: string
  readonly cell: (item: T) => string
  readonly align?: 'left' | 'right'
}

/** Header, a rule, one line an item; two spaces between columns, `indent` in front. */
export function table<T>(columns: readonly Column<T>[], items: readonly T[], indent = ''): string {
  const rows = items.map((item) => columns.map(({ cell }) => printable(cell(item))))
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, i) =>
      columns[i].align === 'right' ? cell.padStart(widths[i]) : cell.padEnd(widths[i]),
    )
    return `${indent}${padded.join('  ')}`.trimEnd()
  }
  return [
    line(columns.map(({ title }) => title)),
    indent + widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
  ].join('\n')
}

/** Names and values under each other, the values aligned. */
export function pairs(entries: readonly (readonly [name: string, value: string])[], indent = '  '): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${indent}${name.padEnd(width)}  ${printable(value)}`.trimEnd()).join('\n')
}

/** Text of a peer, a guest or a user must not move the cursor. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
}
