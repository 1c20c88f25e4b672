/**
 * What `verify-stream.ts` keeps of the guest's memory: which version of which page travelled when, and which digests.
 * Shares no code with `protocol/`.
 */
import { areFlags, decodePages, isEncoded, savingsOf } from './verify-encoding.ts'
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
  /** The last version of each page that travelled with its bytes or as zeros: what deltas apply to. */
  readonly contents: (Uint8Array | undefined)[]
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
  readonly encoded: boolean
}

export type Json = Readonly<Record<string, unknown>>
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN)
export const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const PAGE = 4096
const ZEROS = new Uint8Array(PAGE)

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
  /** Savings that some frame made use of, with the first one that did. */
  readonly used = new Map<string, ParsedFrame>()
  deltaPages = 0
  compressedFrames = 0
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
      const tracks = { versions: new Uint16Array(pages), lastRound: new Uint16Array(pages), contents: [] }
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
    const flags = payload[1] ?? 0
    const encoded = isEncoded(flags)
    if (!areFlags(flags)) return wrong('reserved flags of PAGES are set.')
    if (!encoded && payload.length !== 16 + count * 4 + full * PAGE) return wrong('length and counts disagree.')
    if (payload.length < 16 + count * 4) return wrong('PAGES is too short.')
    const numbers = Array.from({ length: count }, (_, i) => payload.readUInt32LE(16 + i * 4))
    numbers.forEach((page, i) => {
      const before = i === 0 || i === zeros ? -1 : numbers[i - 1]
      if (page <= before) this.#problems.add(frame, `page ${page} after page ${before}.`)
      if (page >= block.pages) this.#problems.add(frame, `page ${page} is outside of ${block.name}.`)
    })
    const pages = numbers.filter((page) => page < block.pages)
    const list = { block, pages, zeros, count, hold: (flags & 1) === 1, encoded }
    try {
      this.#contents(frame, block, numbers, zeros)
    } catch (thrown) {
      this.#problems.add(frame, thrown instanceof Error ? thrown.message : String(thrown))
    }
    return list
  }

  /** Takes the bytes of the pages, decoded where they are encoded. */
  #contents(frame: ParsedFrame, block: Block, numbers: readonly number[], zeros: number): void {
    const { payload } = frame
    const flags = payload[1] ?? 0
    const full = numbers.slice(zeros)
    let data = payload.subarray(16 + 4 * numbers.length)
    if (isEncoded(flags)) {
      for (const name of savingsOf(flags)) if (!this.used.has(name)) this.used.set(name, frame)
      const old = (i: number) => block.contents[full[i]] ?? null
      const decoded = decodePages(flags, payload.readUInt32LE(12), data, full.length, old)
      data = decoded.data
      this.deltaPages += decoded.deltas
      if (savingsOf(flags).some((name) => name !== 'delta')) this.compressedFrames++
    }
    if (zeros > 0 && !this.used.has('zero')) this.used.set('zero', frame)
    for (const page of numbers.slice(0, zeros)) block.contents[page] = ZEROS
    full.forEach((page, i) => (block.contents[page] = data.subarray(i * PAGE, (i + 1) * PAGE)))
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
