/**
 * An independent check of a recorded migration: framing, order, stages, every page there, none after its last version.
 * It shares no code with `protocol/`; `verify-parse.ts` is its own parser. Behind `ferry verify-stream FILE`.
 */
import { readFile } from 'node:fs/promises'
import { FerryError } from '../util/errors.ts'
import { parseFrames, parseRecording } from './verify-parse.ts'
import type { ParsedFrame } from './verify-parse.ts'

export interface BlockCount {
  readonly id: number
  readonly name: string
  readonly pages: number
  /** Versions of pages that travelled. */
  readonly pages_sent: number
  readonly pages_retransmitted: number
  readonly zero_pages: number
}

export interface StreamVerdict {
  /** No problem was found, and the migration came to its end. */
  readonly ok: boolean
  readonly outcome: 'completed' | 'aborted' | 'refused' | 'cut'
  readonly problems: readonly string[]
  readonly session: string
  readonly algorithm: string
  readonly rounds: number
  readonly rehearsals: number
  readonly state_bytes: number
  readonly frames: { readonly source_to_target: number; readonly target_to_source: number }
  readonly bytes: { readonly source_to_target: number; readonly target_to_source: number }
  readonly blocks: readonly BlockCount[]
}

const NAME: Readonly<Record<number, string>> = {
  1: 'MIG_REQ', 2: 'REQ_OK', 3: 'REQ_FAIL', 4: 'MIG_CFG', 5: 'CFG_OK', 6: 'CFG_FAIL', 7: 'MEM_BEG', 8: 'PAGES',
  9: 'ROUND_END', 10: 'ACK', 11: 'REHEARSAL', 12: 'CPU_BEG', 13: 'DEV_BEG', 14: 'READY', 15: 'VERIFY',
  16: 'VERIFY_RESULT', 17: 'COMMIT', 18: 'RUNNING', 19: 'ABORT', 20: 'KEEPALIVE', 21: 'LINK',
} // prettier-ignore

/** Which messages may follow which, source → target. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  '': ['MIG_REQ'],
  MIG_REQ: ['MIG_CFG'],
  MIG_CFG: ['MEM_BEG'],
  MEM_BEG: ['PAGES', 'REHEARSAL', 'ROUND_END'],
  PAGES: ['PAGES', 'ROUND_END', 'CPU_BEG'],
  ROUND_END: ['PAGES', 'ROUND_END', 'REHEARSAL', 'CPU_BEG'],
  REHEARSAL: ['REHEARSAL', 'PAGES', 'ROUND_END', 'CPU_BEG'],
  CPU_BEG: ['DEV_BEG'],
  DEV_BEG: ['VERIFY', 'COMMIT'],
  VERIFY: ['VERIFY', 'COMMIT'],
  COMMIT: [],
}
const STAGES: Readonly<Record<string, readonly number[]>> = {
  MIG_REQ: [0], MIG_CFG: [1], MEM_BEG: [2], PAGES: [2, 3], ROUND_END: [2], REHEARSAL: [2],
  CPU_BEG: [3], DEV_BEG: [3], VERIFY: [4], COMMIT: [4],
} // prettier-ignore

const PAGE = 4096

interface Block {
  readonly id: number
  readonly name: string
  readonly pages: number
  readonly versions: Uint16Array
  /** 1 + the number of the round in which the page was last sent; the stop counts as a round of its own. */
  readonly lastRound: Uint16Array
  sent: number
  retransmitted: number
  zero: number
  digests: number
}

type Json = Readonly<Record<string, unknown>>

class Verifier {
  readonly problems: string[] = []
  readonly blocks = new Map<number, Block>()
  session = ''
  algorithm = ''
  rounds = 0
  rehearsals = 0
  stateBytes = 0
  #verify = 'none'
  #before = ''
  #roundPages = 0
  #pagesSent = 0
  #held = false
  #stateFound = 0
  #announcedPages = -1
  #aborted = false
  readonly #acks: string[] = []

  get committed(): boolean {
    return this.#before === 'COMMIT'
  }
  get aborted(): boolean {
    return this.#aborted
  }

  problem(frame: ParsedFrame | null, text: string): void {
    if (this.problems.length < 100) this.problems.push(frame === null ? text : `At byte ${frame.at}: ${text}`)
  }

  forward(frame: ParsedFrame): void {
    const name = NAME[frame.type]
    if (name === undefined) {
      if (!frame.optional) this.problem(frame, `unknown mandatory message ${frame.type}.`)
      return
    }
    if (name === 'KEEPALIVE' || name === 'LINK') return
    if (this.#aborted) return this.problem(frame, `${name} after ABORT.`)
    if (name === 'ABORT') {
      if (this.committed) this.problem(frame, 'ABORT after COMMIT.')
      this.#aborted = true
      return
    }
    if (!(NEXT[this.#before] ?? []).includes(name)) {
      this.problem(frame, `${name} after ${this.#before === '' ? 'nothing' : this.#before}.`)
    }
    if (!(STAGES[name] ?? []).includes(frame.stage)) this.problem(frame, `${name} in stage ${frame.stage}.`)
    this.#before = name
    switch (name) {
      case 'MIG_REQ':
        return this.#request(frame)
      case 'MIG_CFG':
        this.algorithm = stringOf(this.#json(frame)['algorithm'])
        return
      case 'MEM_BEG':
        this.#announcedPages = numberOf(this.#json(frame)['pagesTotal'])
        if (this.#announcedPages !== this.#totalPages()) this.problem(frame, `${this.#announcedPages} pages announced.`)
        return
      case 'PAGES':
        return this.#pages(frame)
      case 'ROUND_END':
        return this.#roundEnd(frame)
      case 'REHEARSAL':
        this.rehearsals++
        this.#acks.push(`rehearsal ${frame.payload.readUInt32LE(0)}`)
        return
      case 'CPU_BEG':
        return this.#cpu(frame)
      case 'DEV_BEG':
        this.#stateFound += frame.payload.length
        if (this.#stateFound !== this.stateBytes) {
          this.problem(frame, `the state has ${this.#stateFound} of ${this.stateBytes} bytes.`)
        }
        return
      case 'VERIFY':
        return this.#digests(frame)
      case 'COMMIT':
        return this.#commit(frame)
    }
  }

  #json(frame: ParsedFrame): Json {
    try {
      const value: unknown = JSON.parse(frame.payload.toString('utf8'))
      if (typeof value === 'object' && value !== null) return value as Json
    } catch {
      // Told below.
    }
    this.problem(frame, 'the payload is no JSON object.')
    return {}
  }

  #request(frame: ParsedFrame): void {
    const body = this.#json(frame)
    this.session = stringOf(body['session'])
    this.#verify = stringOf(body['verify'])
    const guest = (body['guest'] ?? {}) as Json
    const list = Array.isArray(guest['blocks']) ? (guest['blocks'] as readonly Json[]) : []
    for (const entry of list) {
      const bytes = numberOf(entry['bytes'])
      if (!(bytes > 0 && bytes <= 1 << 30 && bytes % PAGE === 0)) {
        this.problem(frame, 'a memory block has no possible size.')
        continue
      }
      const id = numberOf(entry['id'])
      const pages = bytes / PAGE
      const versions = new Uint16Array(pages)
      const lastRound = new Uint16Array(pages)
      const name = stringOf(entry['name'])
      this.blocks.set(id, { id, name, pages, versions, lastRound, sent: 0, retransmitted: 0, zero: 0, digests: 0 })
    }
  }

  #totalPages(): number {
    return [...this.blocks.values()].reduce((sum, block) => sum + block.pages, 0)
  }

  #pages(frame: ParsedFrame): void {
    const { payload, stage } = frame
    if (payload.length < 16) return this.problem(frame, 'PAGES is too short.')
    const block = this.blocks.get(payload[0] ?? 0)
    const hold = payload[1] === 1
    const zeros = payload.readUInt32LE(4)
    const full = payload.readUInt32LE(8)
    if (block === undefined) return this.problem(frame, `there is no block ${payload[0]}.`)
    if (zeros + full < 1 || zeros + full > 1024) return this.problem(frame, `${zeros + full} pages in a frame.`)
    if (payload.length !== 16 + (zeros + full) * 4 + full * PAGE)
      return this.problem(frame, 'length and counts disagree.')
    if (hold && stage !== 3) this.problem(frame, 'pages are held back before the stop.')
    if (this.#held && !hold) this.problem(frame, 'pages after pages that were held back.')
    this.#held ||= hold
    const round = stage === 3 ? 0xffff : this.rounds + 1
    let before = -1
    for (let i = 0; i < zeros + full; i++) {
      if (i === zeros) before = -1
      const page = payload.readUInt32LE(16 + i * 4)
      if (page <= before) this.problem(frame, `page ${page} after page ${before}.`)
      before = page
      if (page >= block.pages) {
        this.problem(frame, `page ${page} is outside of ${block.name}.`)
        continue
      }
      if (block.lastRound[page] === round) this.problem(frame, `page ${page} of ${block.name} twice in a round.`)
      block.lastRound[page] = round
      const versions = block.versions[page] ?? 0
      if (versions > 0) block.retransmitted++
      block.versions[page] = versions + 1
    }
    block.sent += zeros + full
    block.zero += zeros
    this.#pagesSent += zeros + full
    if (stage === 2) this.#roundPages += zeros + full
  }

  #roundEnd(frame: ParsedFrame): void {
    const body = this.#json(frame)
    const round = numberOf(body['round'])
    const pages = numberOf(body['pages'])
    if (round !== this.rounds) this.problem(frame, `round ${round} ends in place of ${this.rounds}.`)
    if (pages !== this.#roundPages) this.problem(frame, `round ${round} has ${this.#roundPages} of ${pages} pages.`)
    this.#acks.push(`round ${round}`)
    this.rounds++
    this.#roundPages = 0
  }

  #cpu(frame: ParsedFrame): void {
    if (frame.payload.length < 8) return this.problem(frame, 'CPU_BEG is too short.')
    this.stateBytes = frame.payload.readUInt32LE(0)
    this.#stateFound = frame.payload.length - 8
    const told = frame.payload.readUInt32LE(4)
    if (told !== this.#pagesSent >>> 0) this.problem(frame, `${this.#pagesSent} of ${told} pages travelled.`)
    if (this.#roundPages !== 0) this.problem(frame, 'the last round was not ended.')
    for (const block of this.blocks.values()) {
      const missing = block.versions.reduce((sum, versions) => sum + (versions === 0 ? 1 : 0), 0)
      if (missing > 0) this.problem(frame, `${missing} pages of ${block.name} never travelled.`)
    }
  }

  #digests(frame: ParsedFrame): void {
    const { payload } = frame
    const block = payload.length >= 16 ? this.blocks.get(payload[0] ?? 0) : undefined
    if (block === undefined) return this.problem(frame, 'VERIFY of no block.')
    const first = payload.readUInt32LE(4)
    const count = payload.readUInt32LE(8)
    if (payload.length !== 16 + count * 8) this.problem(frame, 'length and count of VERIFY disagree.')
    if (first !== block.digests || first + count > block.pages) this.problem(frame, 'digests are out of order.')
    block.digests = first + count
    if (this.#verify === 'none') this.problem(frame, 'VERIFY was not agreed on.')
  }

  #commit(frame: ParsedFrame): void {
    for (const block of this.blocks.values()) {
      const wanted = this.#verify === 'all' || (this.#verify === 'ram' && block.name === 'ram') ? block.pages : 0
      if (block.digests !== wanted) {
        this.problem(frame, `COMMIT after ${block.digests} of ${wanted} digests of ${block.name}.`)
      }
    }
  }

  /** Checks the answers against what they answer. */
  backward(frames: readonly ParsedFrame[]): 'refused' | 'aborted' | null {
    const expected = [
      'REQ_OK',
      'CFG_OK',
      ...this.#acks,
      'READY',
      ...(this.#verify !== 'none' ? ['VERIFY_RESULT'] : []),
      'RUNNING',
    ]
    let i = 0
    for (const frame of frames) {
      const name = NAME[frame.type] ?? `message ${frame.type}`
      if (name === 'KEEPALIVE' || (NAME[frame.type] === undefined && frame.optional)) continue
      if (name === 'ABORT') return 'aborted'
      if ((name === 'REQ_FAIL' && i === 0) || (name === 'CFG_FAIL' && i === 1)) return 'refused'
      let said = name
      if (name === 'ACK') {
        const body = this.#json(frame)
        said = `${stringOf(body['of'])} ${numberOf(body['number'])}`
      }
      const wanted = expected[i++] ?? 'nothing'
      // A migration may end early: what came must be a beginning of what was expected.
      if (said !== wanted && !this.#aborted)
        this.problem(
          frame,
          `the target answered ${said}, ${wanted === 'nothing' ? 'where nothing was asked' : `in place of ${wanted}`}.`,
        )
    }
    if (this.committed && i < expected.length) this.problem(null, `The target never answered ${expected[i]}.`)
    return null
  }
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN)
const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Checks a recording. Never throws: whatever is wrong is in `problems`. */
export function verifyStream(recording: Uint8Array): StreamVerdict {
  const parsed = parseRecording(recording)
  const forward = parseFrames(parsed.forward)
  const backward = parseFrames(parsed.backward)
  const verifier = new Verifier()
  if (parsed.problem !== null) verifier.problem(null, parsed.problem)
  let answer: 'refused' | 'aborted' | null = null
  try {
    for (const frame of forward.frames) verifier.forward(frame)
    if (backward.bytes > 0) answer = verifier.backward(backward.frames)
  } catch (thrown) {
    verifier.problem(null, `A message could not be read: ${FerryError.from(thrown).message}`)
  }
  const ended = verifier.committed || verifier.aborted || answer !== null
  if (forward.problem !== null) verifier.problem(null, `Source to target. ${forward.problem}`)
  if (backward.problem !== null) verifier.problem(null, `Target to source. ${backward.problem}`)
  if (!ended) verifier.problem(null, 'The stream ends before COMMIT.')
  const outcome = verifier.committed ? 'completed' : verifier.aborted ? 'aborted' : (answer ?? 'cut')
  return {
    ok: verifier.problems.length === 0,
    outcome,
    problems: verifier.problems,
    session: verifier.session,
    algorithm: verifier.algorithm,
    rounds: verifier.rounds,
    rehearsals: verifier.rehearsals,
    state_bytes: verifier.stateBytes,
    frames: { source_to_target: forward.frames.length, target_to_source: backward.frames.length },
    bytes: { source_to_target: forward.bytes, target_to_source: backward.bytes },
    blocks: [...verifier.blocks.values()].map((block) => ({
      id: block.id,
      name: block.name,
      pages: block.pages,
      pages_sent: block.sent,
      pages_retransmitted: block.retransmitted,
      zero_pages: block.zero,
    })),
  }
}

/**
 * Checks a recorded file.
 * @throws FerryError `recording.read` when the file cannot be read
 */
export async function verifyFile(path: string): Promise<StreamVerdict> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new FerryError('recording.read', `${path} cannot be read: ${FerryError.from(cause).message}`, { path }, cause)
  }
  return verifyStream(bytes)
}
