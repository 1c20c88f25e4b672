/**
 * Markdown as the guide's blocks. What the guide has no block for (raw HTML, images, links out of the lab) is a problem
 * of the file and not shown: nobody's exercise can bring code, or another site, into the window.
 */
import { Lexer, type Token, type Tokens } from 'marked'
import { type Block, GUIDE_ACTIONS, type Inline } from '../contract/guide.ts'
import type { Problems } from './problem.ts'

const MOST_DEPTH = 12
const DIRECTIVE = /^(check|question)$/

export interface Directive {
  readonly name: string
  readonly lines: readonly string[]
  /** Of the first of its lines. */
  readonly line: number
}

/** Takes a fenced directive in; null = it cannot be used, and the problems say why. */
export type OnDirective = (directive: Directive) => Block | null

/** @param firstLine of the file at which `text` begins */
export function readMarkdown(text: string, firstLine: number, problems: Problems, onDirective: OnDirective): Block[] {
  return new Reader(problems, onDirective).blocks(new Lexer({ gfm: true }).lex(text), firstLine, 0)
}

/** Marked's token types overlap with its `Generic` one: these say which one a `type` means. */
const is = <T extends Token>(token: Token, type: T['type']): token is T => token.type === type

class Reader {
  readonly #problems: Problems
  readonly #onDirective: OnDirective

  constructor(problems: Problems, onDirective: OnDirective) {
    this.#problems = problems
    this.#onDirective = onDirective
  }

  blocks(tokens: readonly Token[], firstLine: number, depth: number): Block[] {
    if (depth > MOST_DEPTH) {
      this.#problems.add(firstLine, 'lists and quotes are nested too deeply')
      return []
    }
    const found: Block[] = []
    let line = firstLine
    for (const token of tokens) {
      const block = this.#block(token, line, depth)
      if (block !== null) found.push(block)
      line += newlines(token.raw)
    }
    return found
  }

  #block(token: Token, line: number, depth: number): Block | null {
    if (is<Tokens.Heading>(token, 'heading')) {
      return { type: 'heading', level: token.depth, children: this.#inlines(token.tokens, line, depth) }
    }
    if (is<Tokens.Paragraph>(token, 'paragraph')) {
      return { type: 'paragraph', children: this.#inlines(token.tokens, line, depth) }
    }
    // A line of a tight list.
    if (is<Tokens.Text>(token, 'text')) {
      const children = token.tokens === undefined ? [textOf(token.text)] : this.#inlines(token.tokens, line, depth)
      return { type: 'paragraph', children }
    }
    if (is<Tokens.Code>(token, 'code')) return this.#code(token, line)
    if (is<Tokens.Blockquote>(token, 'blockquote')) {
      return { type: 'quote', blocks: this.blocks(token.tokens, line, depth + 1) }
    }
    if (is<Tokens.List>(token, 'list')) return this.#list(token, line, depth)
    if (is<Tokens.Table>(token, 'table')) {
      const cells = (row: readonly Tokens.TableCell[]) => row.map(({ tokens }) => this.#inlines(tokens, line, depth))
      return { type: 'table', head: cells(token.header), rows: token.rows.map(cells) }
    }
    if (token.type === 'hr') return { type: 'rule' }
    if (token.type !== 'space') this.#problems.add(line, refusal(token.type))
    return null
  }

  #code({ text, lang = '' }: Tokens.Code, line: number): Block | null {
    if (!DIRECTIVE.test(lang.trim())) return { type: 'code', text }
    return this.#onDirective({ name: lang.trim(), lines: text.split('\n'), line: line + 1 })
  }

  #list({ ordered, start, items }: Tokens.List, line: number, depth: number): Block {
    let at = line
    const read = items.map((item) => {
      const blocks = this.blocks(item.tokens, at, depth + 1)
      at += newlines(item.raw)
      return blocks
    })
    return { type: 'list', ordered, start: typeof start === 'number' ? start : 1, items: read }
  }

  #inlines(tokens: readonly Token[], line: number, depth: number): Inline[] {
    if (depth > MOST_DEPTH) return []
    const found: Inline[] = []
    let at = line
    for (const token of tokens) {
      const inline = this.#inline(token, at, depth + 1)
      if (inline !== null) found.push(inline)
      at += newlines(token.raw)
    }
    return found
  }

  #inline(token: Token, line: number, depth: number): Inline | null {
    if (is<Tokens.Strong>(token, 'strong'))
      return { type: 'strong', children: this.#inlines(token.tokens, line, depth) }
    if (is<Tokens.Em>(token, 'em')) return { type: 'em', children: this.#inlines(token.tokens, line, depth) }
    if (is<Tokens.Codespan>(token, 'codespan')) return { type: 'code', text: token.text }
    if (is<Tokens.Text>(token, 'text') || is<Tokens.Escape>(token, 'escape')) return textOf(token.text)
    if (is<Tokens.Link>(token, 'link')) return this.#link(token, line, depth)
    if (token.type === 'br') return { type: 'break' }
    this.#problems.add(line, refusal(token.type))
    return null
  }

  #link({ href, tokens }: Tokens.Link, line: number, depth: number): Inline | null {
    const children = this.#inlines(tokens, line, depth)
    const [, scheme, rest = ''] = /^(exercise|ferry):([a-z0-9-]{1,48})$/.exec(href) ?? []
    if (scheme === 'exercise') return { type: 'exercise', id: rest, children }
    const action = GUIDE_ACTIONS.find((one) => one === rest)
    if (scheme === 'ferry' && action !== undefined) return { type: 'action', action, children }
    const known = GUIDE_ACTIONS.map((one) => `ferry:${one}`).join(', ')
    this.#problems.add(line, `a link leads to \`exercise:ID\` or to one of ${known}, not to "${href.slice(0, 80)}"`)
    return null
  }
}

const textOf = (text: string): Inline => ({ type: 'text', text })
const newlines = (raw: string): number => raw.split('\n').length - 1

function refusal(type: string): string {
  if (type === 'html') return 'raw HTML is not shown; write Markdown'
  if (type === 'image') return 'pictures are not shown'
  return `the guide does not show this (${type})`
}

/** All words of the blocks, for the search. */
export function wordsOf(blocks: readonly Block[]): string {
  return blocks.map(blockWords).filter(Boolean).join(' ')
}

function blockWords(block: Block): string {
  switch (block.type) {
    case 'heading':
    case 'paragraph':
      return inlineWords(block.children)
    case 'code':
      return block.text
    case 'quote':
      return wordsOf(block.blocks)
    case 'list':
      return block.items.map(wordsOf).join(' ')
    case 'table':
      return [block.head, ...block.rows].flat().map(inlineWords).join(' ')
    default:
      return ''
  }
}

function inlineWords(inlines: readonly Inline[]): string {
  return inlines.map((one) => ('text' in one ? one.text : 'children' in one ? inlineWords(one.children) : ' ')).join('')
}
