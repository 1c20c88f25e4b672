/** A host's terminal: the line is edited as bash has it, and drawn as it is; what runs is told, interrupted and completed. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cellsOf, draw, inColumns, printable } from '../../renderer/src/views/terminals/line-drawing.ts'
import { keysOf, LineEditor, MAX_LINE, type Wish } from '../../renderer/src/views/terminals/line-editor.ts'

const [LEFT, RIGHT, UP, DOWN] = ['\u001b[D', '\u001b[C', '\u001b[A', '\u001b[B'] as const
const [CTRL_A, CTRL_D, CTRL_E, CTRL_K, CTRL_U, CTRL_W, CTRL_Y] = [
  '\u0001',
  '\u0004',
  '\u0005',
  '\u000b',
  '\u0015',
  '\u0017',
  '\u0019',
] as const
const DELETE = '\u001b[3~'
const BACK = '\u007f'

function type(editor: LineEditor, data: string): Wish {
  let last: Wish = { do: 'bell' }
  for (const key of keysOf(data)) last = editor.key(key)
  return last
}

/** The line with `|` where the cursor is. */
function after(data: string, history: string[] = []): string {
  const editor = new LineEditor(history)
  type(editor, data)
  return `${editor.text.slice(0, editor.cursor)}|${editor.text.slice(editor.cursor)}`
}

test('keys do to the line what they do in bash', () => {
  expect(after(`xm lst${LEFT}${LEFT}i${CTRL_E} -l`)).toBe('xm list -l|')
  expect(after(`labos${CTRL_A}xm pause ${RIGHT}`)).toBe('xm pause l|abos')
  expect(after(`xm migrate labos${CTRL_W}2`)).toBe('xm migrate 2|')
  expect(after(`xm list${CTRL_U}`)).toBe('|')
  expect(after(`xm list${CTRL_U}${CTRL_Y}${CTRL_Y}`)).toBe('xm listxm list|')
  expect(after(`xm list labos\u001bb${CTRL_K}`)).toBe('xm list |')
  expect(after(`xm\u001bOHA${DELETE}${CTRL_D}`)).toBe('A|')
  expect(after(`a😀${BACK}b`)).toBe('ab|')
  expect(after(`one two${CTRL_A}\u001bf\u001bd!`)).toBe('one!|')
})

test('up and down go through the history, and come back to what was being written', () => {
  const history = ['xm list', 'xm info']
  expect(after(`xm cre${UP}`, history)).toBe('xm info|')
  expect(after(`xm cre${UP}${UP}${UP}`, history)).toBe('xm list|')
  expect(after(`xm cre${UP}${UP}${DOWN}${DOWN}`, history)).toBe('xm cre|')
  expect(after(`${UP}${UP}${CTRL_U}ls${DOWN}`, history)).toBe('xm info|')
  expect(history).toEqual(['xm list', 'xm info'])
})

test('Enter, Tab and the controls ask for what they stand for', () => {
  const editor = new LineEditor([])
  expect(type(editor, 'xm list\r')).toEqual({ do: 'submit', line: 'xm list' })
  editor.reset()
  const wishes = ['\t', '\u0003', CTRL_D, '\u000c', BACK, '\u001b[15~'].map((key) => type(editor, key).do)
  expect(wishes).toEqual(['complete', 'interrupt', 'exit', 'clear', 'bell', 'bell'])
  expect(keysOf('ab\r\nc\u001b[1;5D')).toEqual(['a', 'b', '\r\n', 'c', '\u001b[1;5D'])
})

test('whatever is typed, the cursor is within the line and at a whole character, and the line within the contract', () => {
  const keys = fc.constantFrom(
    LEFT,
    RIGHT,
    UP,
    DOWN,
    CTRL_A,
    CTRL_E,
    CTRL_K,
    CTRL_U,
    CTRL_W,
    CTRL_Y,
    CTRL_D,
    DELETE,
    BACK,
    '\u001bb',
    '\u001bd',
    'a',
    ' ',
    '😀',
    'é',
    '\u0000',
  )
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 60 }), (typed) => {
      const editor = new LineEditor(['x'.repeat(MAX_LINE), '😀'])
      type(editor, typed.join(''))
      expect(editor.cursor).toBeGreaterThanOrEqual(0)
      expect(editor.cursor).toBeLessThanOrEqual(editor.text.length)
      expect(editor.text.length).toBeLessThanOrEqual(MAX_LINE)
      expect(editor.text.isWellFormed() && editor.text.slice(0, editor.cursor).isWellFormed()).toBe(true)
    }),
  )
})

/** As much of a terminal as the line needs: characters of one cell, late wrapping, and the sequences that `draw` writes. */
class Screen {
  readonly rows: string[][] = [[]]
  row = 0
  column = 0
  readonly #columns: number
  constructor(columns: number) {
    this.#columns = columns
  }
  write(output: string): void {
    for (const [all, count, letter] of output.matchAll(/\u001b\[(\d*)([A-Z])|[\s\S]/g)) {
      const n = Number(count || 1)
      if (letter === 'A') this.row -= n
      else if (letter === 'C') this.column += n
      else if (letter === 'J') {
        this.rows.splice(this.row + 1)
        this.rows[this.row]?.splice(this.column)
      } else if (all === '\r') this.column = 0
      else if (all === '\n') this.#down()
      else {
        if (this.column === this.#columns) {
          this.column = 0
          this.#down()
        }
        const line = this.rows[this.row] ?? []
        line[this.column++] = all
      }
    }
  }
  #down(): void {
    this.row++
    this.rows[this.row] ??= []
  }
  get text(): string {
    return this.rows.map((row) => row.join('')).join('')
  }
}

test('the line stands on the screen as it is, with the cursor in its place, over as many rows as it takes', () => {
  const line = fc.string({ maxLength: 40, unit: fc.constantFrom('a', 'b', ' ') })
  const state = line.chain((text) => fc.record({ text: fc.constant(text), cursor: fc.nat(text.length) }))
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 20 }), fc.array(state, { minLength: 1, maxLength: 8 }), (columns, states) => {
      const screen = new Screen(columns)
      let row = 0
      for (const { text, cursor } of states) {
        const drawn = draw('x:~# ', text, cursor, row, columns)
        screen.write(drawn.output)
        row = drawn.row
        expect(screen.text).toBe(`x:~# ${text}`)
        expect(screen.row * columns + screen.column).toBe(5 + cursor)
        expect(screen.row).toBe(row)
      }
    }),
  )
})

test('characters take the cells that terminals give them, and output cannot control the terminal', () => {
  expect(['xm', '日本', 'e\u0301', '😀'].map(cellsOf)).toEqual([2, 4, 1, 2])
  expect(printable('a\u001b[2Jb\tc\nd\r')).toBe('a\ufffd[2Jb\tc\r\nd\ufffd')
  expect(inColumns(['aa', 'b', 'c', 'd', 'e'], 12)).toBe('aa  c   e\nb   d\n')
})
