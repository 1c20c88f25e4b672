/**
 * The part of `verify-stream.ts` for what follows the switch-over: pages that were missing, each once, over all the
 * connections that there were. Those of one exchange, the migration's own and the one for missing pages, are checked
 * together; when they are cut, the target says what it misses now, and the next exchange begins.
 */
import { nameOf, ANYWHERE } from './verify-names.ts'
import { numberOf, stringOf } from './verify-memory.ts'
import type { Block, Problems, VerifiedMemory } from './verify-memory.ts'
import type { ParsedFrame } from './verify-parse.ts'

/** The frames of a further connection. */
export interface Further {
  readonly forward: readonly ParsedFrame[]
  readonly backward: readonly ParsedFrame[]
}

/** What follows which, source → target, on the connection of an exchange; the last one is its end. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  '': ['PAGES', 'PULL_END'],
  PAGES: ['PAGES', 'PULL_END'],
  PULL_END: ['VERIFY', 'ACK'],
  VERIFY: ['VERIFY', 'ACK'],
}
const MOST_REQUESTED = 64

interface Agreed {
  readonly session: string
  /** What CFG_OK said that further connections have to say. */
  readonly token: string
  /** Blocks that are compared. */
  readonly verify: string
}

export class VerifiedPull {
  readonly #problems: Problems
  readonly #memory: VerifiedMemory
  readonly #agreed: Agreed
  readonly #ram: Block
  /** One byte a page: 1 = missing at the beginning of this exchange. */
  #missing: Uint8Array
  /** Number of the exchange, from 1, in which the page travelled last; 0: in none. */
  readonly #exchangeOf: Uint16Array
  #exchange = 1
  #channels = 0
  #pages = 0
  #before = ''
  /** The last PULL_END: it counts the pages of all connections, some of which are read after it. */
  #end: ParsedFrame | null = null
  #aborted = false

  /** @param missing what the source said is missing */
  constructor(problems: Problems, memory: VerifiedMemory, agreed: Agreed, ram: Block, missing: Uint8Array) {
    this.#problems = problems
    this.#memory = memory
    this.#agreed = agreed
    this.#ram = ram
    this.#missing = missing
    this.#exchangeOf = new Uint16Array(ram.pages)
  }

  /** Everything has crossed, and both sides know. */
  get complete(): boolean {
    return this.#before === 'ACK'
  }
  get aborted(): boolean {
    return this.#aborted
  }
  /** Exchanges after the first. */
  get recoveries(): number {
    return this.#exchange - 1
  }

  /** Takes what the migration's own connection carried after COMMIT and RUNNING, then the others in their order. */
  check(forward: readonly ParsedFrame[], backward: readonly ParsedFrame[], others: readonly Further[]): void {
    const channel = others.find(({ forward: [first] }) => this.#purpose(first) === 'pages')
    this.#exchanged(forward, backward)
    if (channel !== undefined) this.#channel(channel)
    for (const other of others) {
      if (other === channel) continue
      const purpose = this.#purpose(other.forward[0])
      if (purpose === 'recovery') this.#recovery(other)
      else if (purpose === 'pages') this.#channel(other)
    }
    if (this.#aborted) return
    if (!this.complete) this.#problems.add(null, 'The stream ends before all missing pages have come.')
    else this.#everything()
  }

  #purpose(first: ParsedFrame | undefined): string {
    if (first === undefined) return ''
    if (nameOf(first.type) !== 'CHANNEL') {
      this.#problems.add(first, 'a further connection does not begin with CHANNEL.')
      return ''
    }
    const body = this.#problems.json(first)
    return stringOf(body['purpose'])
  }

  /** That it belongs here, and was taken; the frames after CHANNEL and CHANNEL_OK, null where it was not. */
  #joined({ forward, backward }: Further): Further | null {
    const first = forward[0]
    const body = this.#problems.json(first)
    if (body['session'] !== this.#agreed.session || body['channel'] !== this.#agreed.token) {
      this.#problems.add(first, 'CHANNEL names another migration, or another token.')
    }
    const answers = backward.filter(isTelling)
    const rest = forward.slice(1).filter(isTelling)
    const [answer] = answers
    if (answer !== undefined && nameOf(answer.type) === 'CHANNEL_OK')
      return { forward: rest, backward: answers.slice(1) }
    if (answer !== undefined && nameOf(answer.type) !== 'ABORT') this.#problems.add(answer, 'CHANNEL was not answered.')
    if (rest.some(({ type }) => nameOf(type) !== 'ABORT'))
      this.#problems.add(rest[0], 'more than CHANNEL before CHANNEL_OK.')
    return null
  }

  /** A connection in place of a cut one. It counts from the target's MISSING on. */
  #recovery(connection: Further): void {
    const joined = this.#joined(connection)
    const [missing, ...answers] = joined?.backward ?? []
    if (joined === null || missing === undefined) return
    if (nameOf(missing.type) !== 'MISSING')
      return this.#problems.add(missing, 'a recovery does not begin with MISSING.')
    const now = readMissing(missing, this.#ram, this.#problems)
    if (now === null) return
    now.forEach((is, page) => {
      const was = this.#missing[page] === 1
      const travelled = this.#exchangeOf[page] === this.#exchange
      if (is === 1 && !was) this.#problems.add(missing, `page ${page} is missing, though it had come.`)
      if (is === 0 && was && !travelled)
        this.#problems.add(missing, `page ${page} is there, though it never travelled.`)
    })
    if (this.complete) this.#problems.add(missing, 'a recovery after the end.')
    this.#missing = now
    this.#exchange++
    this.#channels = 0
    this.#before = ''
    for (const block of this.#memory.blocks.values()) block.digests = 0
    this.#exchanged(joined.forward, answers)
  }

  #exchanged(forward: readonly ParsedFrame[], backward: readonly ParsedFrame[]): void {
    for (const frame of forward.filter(isTelling)) this.#forward(frame)
    const compared = this.#agreed.verify === 'none' ? [] : ['VERIFY_RESULT']
    const expected = [...compared, 'PULL_DONE']
    const batches = forward.filter(({ type }) => nameOf(type) === 'PAGES').length
    let answers = 0
    let taken = 0
    for (const frame of backward.filter(isTelling)) {
      const name = nameOf(frame.type) ?? `message ${frame.type}`
      if (name === 'ACK' && answers === 0) {
        const { of, number } = this.#problems.json(frame)
        if (of !== 'pages' || number !== ++taken || taken > batches)
          this.#problems.add(frame, 'ACK of no batch of pages.')
      } else if (name === 'ABORT') this.#aborted = true
      else if (name !== expected[answers++]) this.#problems.add(frame, `the target said ${name} after the switch-over.`)
    }
    if (this.complete && taken < batches) this.#problems.add(null, `${taken} of ${batches} batches were acknowledged.`)
    if (this.complete && answers < expected.length) this.#problems.add(null, `ACK without ${expected[answers]}.`)
  }

  #forward(frame: ParsedFrame): void {
    const name = nameOf(frame.type) ?? `message ${frame.type}`
    if (name === 'ABORT') {
      this.#aborted = true
      return
    }
    if (!(NEXT[this.#before] ?? []).includes(name)) {
      return this.#problems.add(frame, `${name} after ${this.#before === '' ? 'the switch-over' : this.#before}.`)
    }
    if (frame.stage !== 5) this.#problems.add(frame, `${name} in stage ${frame.stage}.`)
    this.#before = name
    if (name === 'PAGES') this.#take(frame)
    if (name === 'VERIFY') this.#memory.digests(frame, this.#agreed.verify)
    if (name === 'PULL_END') this.#end = frame
    if (name === 'ACK') this.#acknowledged(frame)
  }

  #acknowledged(frame: ParsedFrame): void {
    if (this.#problems.json(frame)['of'] !== 'pull') this.#problems.add(frame, 'ACK of something else.')
    this.#memory.compared(frame, 'ACK', this.#agreed.verify)
  }

  /** The connection for missing pages: carries what was asked for on it, and what is next to that. */
  #channel(connection: Further): void {
    const joined = this.#joined(connection)
    if (joined === null) return
    if (++this.#channels > 1) this.#problems.add(connection.forward[0], 'two connections for missing pages at once.')
    const asked = new Set<number>()
    for (const frame of joined.backward) {
      if (nameOf(frame.type) === 'PAGE_REQ') this.#request(frame, asked)
      else this.#problems.add(frame, 'not PAGE_REQ, where only pages are asked for.')
    }
    for (const frame of joined.forward) {
      if (nameOf(frame.type) !== 'PAGES') {
        this.#problems.add(frame, 'not PAGES, where only pages are answered.')
        continue
      }
      for (const page of this.#take(frame)) {
        if (!isNear(page, asked)) this.#problems.add(frame, `page ${page} is not near to any that was asked for.`)
      }
    }
  }

  #request(frame: ParsedFrame, asked: Set<number>): void {
    const { payload } = frame
    const count = payload.length >= 8 ? payload.readUInt32LE(4) : 0
    if (payload.length !== 8 + 4 * count || count < 1 || count > MOST_REQUESTED || payload[0] !== this.#ram.id) {
      return this.#problems.add(frame, 'PAGE_REQ is not a list of pages of RAM.')
    }
    for (let i = 0; i < count; i++) {
      const page = payload.readUInt32LE(8 + 4 * i)
      if (this.#missing[page] !== 1) this.#problems.add(frame, `page ${page} was asked for, though it was not missing.`)
      asked.add(page)
    }
  }

  /** Pages that are missing, each once in an exchange. */
  #take(frame: ParsedFrame): readonly number[] {
    const list = this.#memory.read(frame)
    if (list === null) return []
    if (frame.stage !== 5) this.#problems.add(frame, `PAGES in stage ${frame.stage}.`)
    if (list.hold || list.encoded || list.block !== this.#ram) {
      this.#problems.add(frame, 'pages after the switch-over that are held back, encoded, or not of RAM.')
      return []
    }
    for (const page of list.pages) {
      if (this.#missing[page] !== 1) this.#problems.add(frame, `page ${page} came, though it was not missing.`)
      if (this.#exchangeOf[page] === this.#exchange) this.#problems.add(frame, `page ${page} came twice.`)
    }
    this.#memory.count(list, (page) => this.#exchangeOf[page] !== 0)
    for (const page of list.pages) this.#exchangeOf[page] = this.#exchange
    this.#pages += list.count
    return list.pages
  }

  /** At the end of all connections. */
  #everything(): void {
    const told = this.#end === null ? Number.NaN : numberOf(this.#problems.json(this.#end)['pages'])
    if (this.#channels === 0) this.#problems.add(null, 'there was no connection for missing pages.')
    if (told !== this.#pages) this.#problems.add(this.#end, `${this.#pages} of ${told} pages travelled.`)
    const absent = this.#missing.filter((is, page) => is === 1 && this.#exchangeOf[page] !== this.#exchange).length
    if (absent > 0) this.#problems.add(null, `${absent} missing pages never came.`)
  }
}

const isTelling = ({ type, optional }: ParsedFrame): boolean => {
  const name = nameOf(type)
  return name === undefined ? !optional : !ANYWHERE.includes(name)
}

/** A MISSING frame: one byte a page; null where it cannot be read. */
export function readMissing({ payload, ...frame }: ParsedFrame, ram: Block, problems: Problems): Uint8Array | null {
  const pages = payload.length >= 8 && payload[0] === ram.id ? payload.readUInt32LE(4) : -1
  if (pages !== ram.pages || payload.length !== 8 + Math.ceil(pages / 8)) {
    problems.add({ ...frame, payload }, 'MISSING is not of RAM, or not of its size.')
    return null
  }
  return Uint8Array.from({ length: pages }, (_, page) => ((payload[8 + (page >> 3)] ?? 0) >> (page & 7)) & 1)
}

/** Pages next to one that was asked for may come with it. */
const NEAR = 16
function isNear(page: number, asked: ReadonlySet<number>): boolean {
  for (let distance = 0; distance <= NEAR; distance++) {
    if (asked.has(page - distance) || asked.has(page + distance)) return true
  }
  return false
}
