/** Draws a prompt and the line behind it over however many rows they take, as linenoise does it. Pure. */

/** Characters that take no cell, and those that take two (Unicode, East Asian Width W and F; the blocks that are in use). */
const NO_CELL = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const TWO_CELLS =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u

/** Cells that a text takes on a terminal. */
export function cellsOf(text: string): number {
  let cells = 0
  for (const character of text) cells += NO_CELL.test(character) ? 0 : TWO_CELLS.test(character) ? 2 : 1
  return cells
}

export interface Drawn {
  /** What to write to the terminal. */
  readonly output: string
  /** Row of the cursor, from the prompt's first. */
  readonly row: number
}

/**
 * @param before row of the cursor as it was drawn last; the terminal's cursor is there
 * @param columns of the terminal
 */
export function draw(prompt: string, text: string, cursor: number, before: number, columns: number): Drawn {
  const all = cellsOf(prompt + text)
  const at = cellsOf(prompt + text.slice(0, cursor))
  // A row that is full to its end has not wrapped yet: a line break takes the cursor to where it is counted.
  const wrap = all > 0 && all % columns === 0 ? '\r\n' : ''
  const [last, row] = [Math.floor(all / columns), Math.floor(at / columns)]
  const up = (rows: number) => (rows > 0 ? `\u001b[${rows}A` : '')
  const column = at % columns
  const right = column > 0 ? `\u001b[${column}C` : ''
  return { output: `${up(before)}\r\u001b[J${prompt}${text}${wrap}${up(last - row)}\r${right}`, row }
}

/** What a command printed, fit for a terminal: line breaks as it has them, and no control characters but tabs. */
export const printable = (output: string): string =>
  output.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd').replaceAll('\n', '\r\n')

/** Words in columns, as a shell lists candidates. */
export function inColumns(words: readonly string[], columns: number): string {
  const width = Math.max(...words.map(cellsOf)) + 2
  const across = Math.max(1, Math.floor(columns / width))
  const rows = Math.ceil(words.length / across)
  const lines = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: across }, (_, column) => words[column * rows + row])
      .filter((word) => word !== undefined)
      .map((word) => word + ' '.repeat(width - cellsOf(word)))
      .join('')
      .trimEnd(),
  )
  return lines.map((line) => `${line}\n`).join('')
}
