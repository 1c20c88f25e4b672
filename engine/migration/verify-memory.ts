/**
 * What `verify-stream.ts` keeps of the guest's memory: which version of which page travelled when, and which digests.
 * Shares no code with `protocol/`.
 */
import type { ParsedFrame } from './verify-parse.ts'

export interface BlockCount {
  readonly id: number
  readonly name: string
  readonly pages: number
  /** Versions of pages that travelled. */
  readonly pages_sent: number
  /** Of these, pages of which a version had travelled before, because the guest had changed them since. */
  readonly pages_retransmitted: number
  /** Of these, pages that had been lost with a connection, and came again by another. */
  readonly pages_resent: number
  readonly zero_pages: number
}

export interface Block {
  readonly id: number
  readonly name: string
  readonly pages: number
  readonly versions: Uint16Array
  /** 1 + the number of the round in which the page was last sent; the stop counts as a round of its own. */
  readonly lastRound: Uint16Array
  sent: number
  retransmitted: number
  resent: number
  zero: number
  digests: number
}

/** What a PAGES frame carries. */
export interface PageList {
  readonly block: Block
  /** Numbers within the block. */
  readonly pages: readonly number[]
  readonly zeros: number
  readonly count: number
  readonly hold: boolean
}

export type Json = Readonly<Record<string, unknown>>
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN)
export const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const PAGE = 4096

/** What was found wrong, the first hundred. */
export class Problems {
  readonly list: string[] = []

  add(frame: ParsedFrame | null, text: string): void {
    if (this.list.length >= 100) return
    const where =
      frame === null ? '' : `${frame.connection === 0 ? 'At' : `Connection ${frame.connection}, at`} byte ${frame.at}: `
    this.list.push(`${where}${text}`)
  }

  /** The body of a structured message. */
  json(frame: ParsedFrame): Json {
    try {
      const value: unknown = JSON.parse(frame.payload.toString('utf8'))
      if (typeof value === 'object' && value !== null) return value as Json
    } catch {
      // Told below.
    }
    this.add(frame, 'the payload is no JSON object.')
    return {}
  }
}

export class VerifiedMemory {
  readonly blocks = new Map<number, Block>()
  readonly #problems: Problems

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** Takes the blocks that MIG_REQ names. */
  describe(frame: ParsedFrame, guest: Json): void {
    const list = Array.isArray(guest['blocks']) ? (guest['blocks'] as readonly Json[]) : []
    for (const entry of list) {
      const bytes = numberOf(entry['bytes'])
      if (!(bytes > 0 && bytes <= 1 << 30 && bytes % PAGE === 0)) {
        this.#problems.add(frame, 'a memory block has no possible size.')
        continue
      }
      const id = numberOf(entry['id'])
      const pages = bytes / PAGE
      const tracks = { versions: new Uint16Array(pages), lastRound: new Uint16Array(pages) }
      const counts = { sent: 0, retransmitted: 0, resent: 0, zero: 0, digests: 0 }
      this.blocks.set(id, { id, name: stringOf(entry['name']), pages, ...tracks, ...counts })
    }
  }

  get pages(): number {
    return [...this.blocks.values()].reduce((sum, block) => sum + block.pages, 0)
  }

  /** Reads a PAGES frame; null where it cannot be read. */
  read(frame: ParsedFrame): PageList | null {
    const { payload } = frame
    const wrong = (text: string): null => {
      this.#problems.add(frame, text)
      return null
    }
    if (payload.length < 16) return wrong('PAGES is too short.')
    const block = this.blocks.get(payload[0] ?? 0)
    const zeros = payload.readUInt32LE(4)
    const full = payload.readUInt32LE(8)
    const count = zeros + full
    if (block === undefined) return wrong(`there is no block ${payload[0]}.`)
    if (count < 1 || count > 1024) return wrong(`${count} pages in a frame.`)
    if (payload.length !== 16 + count * 4 + full * PAGE) return wrong('length and counts disagree.')
    const numbers = Array.from({ length: count }, (_, i) => payload.readUInt32LE(16 + i * 4))
    numbers.forEach((page, i) => {
      const before = i === 0 || i === zeros ? -1 : numbers[i - 1]
      if (page <= before) this.#problems.add(frame, `page ${page} after page ${before}.`)
      if (page >= block.pages) this.#problems.add(frame, `page ${page} is outside of ${block.name}.`)
    })
    return { block, pages: numbers.filter((page) => page < block.pages), zeros, count, hold: payload[1] === 1 }
  }

  /**
   * Counts what travelled.
   * @param lost whether a page had travelled in vain
   */
  count({ block, pages, zeros, count }: PageList, lost: (page: number) => boolean = () => false): void {
    for (const page of pages) {
      const versions = block.versions[page] ?? 0
      if (lost(page)) block.resent++
      else if (versions > 0) block.retransmitted++
      block.versions[page] = versions + 1
    }
    block.sent += count
    block.zero += zeros
  }

  /** Takes a VERIFY frame. */
  digests(frame: ParsedFrame, scope: string): void {
    const { payload } = frame
    const block = payload.length >= 16 ? this.blocks.get(payload[0] ?? 0) : undefined
    if (block === undefined) return this.#problems.add(frame, 'VERIFY of no block.')
    const first = payload.readUInt32LE(4)
    const count = payload.readUInt32LE(8)
    if (payload.length !== 16 + count * 8) this.#problems.add(frame, 'length and count of VERIFY disagree.')
    if (first !== block.digests || first + count > block.pages) this.#problems.add(frame, 'digests are out of order.')
    block.digests = first + count
    if (scope === 'none') this.#problems.add(frame, 'VERIFY was not agreed on.')
  }

  /** All digests that were agreed on have come before this frame, and no others. */
  compared(frame: ParsedFrame, name: string, scope: string): void {
    for (const block of this.blocks.values()) {
      const wanted = scope === 'all' || (scope === 'ram' && block.name === 'ram') ? block.pages : 0
      if (block.digests === wanted) continue
      this.#problems.add(frame, `${name} after ${block.digests} of ${wanted} digests of ${block.name}.`)
    }
  }

  counts(): BlockCount[] {
    return [...this.blocks.values()].map((block) => ({
      id: block.id,
      name: block.name,
      pages: block.pages,
      pages_sent: block.sent,
      pages_retransmitted: block.retransmitted,
      pages_resent: block.resent,
      zero_pages: block.zero,
    }))
  }
}
