/** One terminal of a host: what is typed becomes lines that the lab carries out. It goes on while nobody looks at it. */
import type { CommandResult } from '../../../../engine/contract/toolstack.ts'
import { type LabApi, LabError } from '../../api/api.ts'
import { draw, inColumns, printable } from './line-drawing.ts'
import { keysOf, LineEditor, type Wish } from './line-editor.ts'

/** Of what was written, for a terminal that is shown again. */
const MOST_KEPT = 200_000
const HOME = '/root'

/** Whatever shows it. */
export interface Sink {
  write(text: string): void
  clear(): void
}

type Next = NonNullable<CommandResult['next']>

export interface SessionOptions {
  readonly api: LabApi
  readonly host: string
  /** Its name within its host, for the lab. */
  readonly id: string
  /** Lines given to the host before, the oldest first; the session adds its own. */
  readonly history: string[]
  /** What a command wants that is not the terminal's to do. */
  readonly onnext: (next: Exclude<Next, { do: 'clear' }>) => void
}

export class TerminalSession {
  readonly host: string
  readonly id: string
  /** A command runs. */
  busy = $state(false)
  /** What the last command printed, for a screen reader. */
  said = $state('')
  readonly #options: SessionOptions
  readonly #editor: LineEditor
  /** Keys that came while a command ran. */
  #waiting: string[] = []
  #directory = HOME
  #row = 0
  #columns = 80
  #written = ''
  #sink: Sink | null = null
  #tabs = 0
  #working = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.host = options.host
    this.id = options.id
    this.#editor = new LineEditor(options.history)
    this.#prompt()
  }

  /** Shows it in a terminal: all that was written, then what comes. @returns the function that ends it */
  attach(sink: Sink, columns: number): () => void {
    this.#sink = sink
    this.#columns = columns
    sink.write(this.#written)
    if (!this.busy) this.#prompt()
    return () => (this.#sink = null)
  }

  /** The terminal has another width. @param row of its cursor, from the first of the line that it is in */
  resize(columns: number, row: number): void {
    this.#columns = columns
    this.#row = row
    if (!this.busy) this.#redraw()
  }

  /** What xterm says was typed or pasted. */
  async input(data: string): Promise<void> {
    for (const key of keysOf(data)) {
      if (this.busy && key === '\u0003') await this.#interrupt()
      else this.#waiting.push(key)
    }
    if (this.#working) return
    this.#working = true
    try {
      for (let key = this.#waiting.shift(); key !== undefined; key = this.#waiting.shift()) await this.#key(key)
    } finally {
      this.#working = false
    }
  }

  async #key(key: string): Promise<void> {
    const wish = this.#editor.key(key)
    this.#tabs = wish.do === 'complete' ? this.#tabs + 1 : 0
    await this.#grant(wish)
  }

  async #grant(wish: Wish): Promise<void> {
    switch (wish.do) {
      case 'edit':
        return this.#redraw()
      case 'submit':
        return this.#run(wish.line)
      case 'complete':
        return this.#complete()
      case 'interrupt':
        this.#settle('^C')
        this.#editor.reset()
        return this.#prompt()
      case 'clear':
        return this.#clear()
      case 'exit':
        return this.#options.onnext({ do: 'exit' })
      case 'bell':
        return this.#sink?.write('\u0007')
    }
  }

  async #run(line: string): Promise<void> {
    const { api, host, id, history, onnext } = this.#options
    this.#settle()
    this.#editor.reset()
    if (line.trim() === '') return this.#prompt()
    if (history.at(-1) !== line) history.push(line)
    this.#editor.reset()
    this.busy = true
    let next: CommandResult['next'] = null
    try {
      const result = await api.call('toolstack.run', { host, line, terminal: id })
      this.#directory = result.directory
      this.#print(result.output)
      next = result.next
    } catch (thrown) {
      this.#print(`ferry: ${messageOf(thrown)}\n`)
    }
    this.busy = false
    if (next?.do === 'clear') return this.#clear()
    this.#prompt()
    if (next !== null) onnext(next)
  }

  async #interrupt(): Promise<void> {
    const { api, host, id } = this.#options
    this.#write('^C\r\n')
    // What was typed ahead was meant to come after what is broken off.
    this.#waiting = []
    await api
      .call('toolstack.interrupt', { host, terminal: id })
      .catch((thrown: unknown) => this.#print(`ferry: ${messageOf(thrown)}\n`))
  }

  async #complete(): Promise<void> {
    const { api, host, id } = this.#options
    const { text: line, cursor } = this.#editor
    try {
      const { from, common, candidates } = await api.call('toolstack.complete', { host, line, cursor, terminal: id })
      if (candidates.length === 0) return this.#sink?.write('\u0007')
      if (common !== line.slice(from, cursor)) {
        this.#tabs = 0
        this.#editor.replace(from, common)
        return this.#redraw()
      }
      // As in bash: the first time it rings, the second time it lists.
      if (this.#tabs < 2) return this.#sink?.write('\u0007')
      this.#list(candidates)
    } catch (thrown) {
      this.#list([`ferry: ${messageOf(thrown)}`])
    }
  }

  /** Below the line, which is written anew. */
  #list(words: readonly string[]): void {
    const { cursor } = this.#editor
    this.#settle()
    const under = commonFolder(words)
    this.#print(
      inColumns(
        words.map((word) => word.slice(under)),
        this.#columns,
      ),
    )
    this.#editor.goTo(cursor)
    this.#prompt()
  }

  #print(output: string): void {
    if (output === '') return
    this.said = output.slice(-2000)
    this.#write(printable(output.endsWith('\n') ? output : `${output}\n`))
  }

  #clear(): void {
    this.#written = ''
    this.#sink?.clear()
    this.#prompt()
  }

  /** The line stays as it is, and what comes is below it. */
  #settle(mark = ''): void {
    this.#editor.goTo(Infinity)
    this.#redraw()
    this.#written += this.#promptText + this.#editor.text
    this.#write(`${mark}\r\n`)
  }

  /** The line begins where the terminal is now. */
  #prompt(): void {
    this.#row = 0
    this.#redraw()
  }

  get #promptText(): string {
    return `root@${this.host}:${this.#directory === HOME ? '~' : this.#directory}# `
  }

  #redraw(): void {
    const { text, cursor } = this.#editor
    const { output, row } = draw(this.#promptText, text, cursor, this.#row, this.#columns)
    this.#row = row
    this.#sink?.write(output)
  }

  /** What stays, whatever becomes of the line. */
  #write(text: string): void {
    this.#written = (this.#written + text).slice(-MOST_KEPT)
    this.#sink?.write(text)
  }
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof LabError || thrown instanceof Error ? thrown.message : String(thrown)

/** Of paths in one directory, what need not be said of each. */
function commonFolder(words: readonly string[]): number {
  const [first = ''] = words
  const at = first.replace(/\/$/, '').lastIndexOf('/') + 1
  return words.every((word) => word.startsWith(first.slice(0, at)) && !word.includes('://')) ? at : 0
}
