/**
 * An independent check of a recorded migration: framing, order, stages, every page there, none after its last version.
 * It shares no code with `protocol/`; `verify-parse.ts` is its own parser, `verify-pull.ts` follows what comes after the
 * switch-over. Behind `ferry verify-stream FILE`.
 */
import { readFile } from 'node:fs/promises'
import { FerryError } from '../util/errors.ts'
import { Problems, VerifiedMemory, numberOf, stringOf } from './verify-memory.ts'
import type { Block, BlockCount, Json } from './verify-memory.ts'
import { ANYWHERE, nameOf } from './verify-names.ts'
import { parseFrames, parseRecording } from './verify-parse.ts'
import type { ParsedFrame } from './verify-parse.ts'
import { VerifiedPull, readMissing } from './verify-pull.ts'
import type { Further } from './verify-pull.ts'

export interface StreamVerdict {
  /** No problem was found, and the migration came to its end. */
  readonly ok: boolean
  readonly outcome: 'completed' | 'aborted' | 'refused' | 'cut'
  readonly problems: readonly string[]
  readonly session: string
  readonly algorithm: string
  readonly rounds: number
  readonly rehearsals: number
  /** How often a cut connection was opened again after the switch-over. */
  readonly recoveries: number
  readonly state_bytes: number
  /** What travelled in place of pages. */
  readonly savings: {
    readonly agreed: readonly string[]
    readonly delta_pages: number
    readonly compressed_frames: number
  }
  readonly frames: { readonly source_to_target: number; readonly target_to_source: number }
  readonly bytes: { readonly source_to_target: number; readonly target_to_source: number }
  readonly blocks: readonly BlockCount[]
}

/** Which messages may follow which, source → target. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  '': ['MIG_REQ'],
  MIG_REQ: ['MIG_CFG'],
  MIG_CFG: ['MEM_BEG'],
  MEM_BEG: ['PAGES', 'REHEARSAL', 'ROUND_END', 'NATIVE'],
  NATIVE: ['NATIVE', 'NATIVE_END'],
  NATIVE_END: ['VERIFY', 'COMMIT'],
  PAGES: ['PAGES', 'ROUND_END', 'MISSING', 'CPU_BEG'],
  ROUND_END: ['PAGES', 'ROUND_END', 'REHEARSAL', 'MISSING', 'CPU_BEG'],
  REHEARSAL: ['REHEARSAL', 'PAGES', 'ROUND_END', 'MISSING', 'CPU_BEG'],
  MISSING: ['CPU_BEG'],
  CPU_BEG: ['DEV_BEG'],
  DEV_BEG: ['VERIFY', 'COMMIT'],
  VERIFY: ['VERIFY', 'COMMIT'],
  COMMIT: [],
}
const STAGES: Readonly<Record<string, readonly number[]>> = {
  MIG_REQ: [0], MIG_CFG: [1], MEM_BEG: [2], PAGES: [2, 3], ROUND_END: [2], REHEARSAL: [2],
  NATIVE: [2, 3], NATIVE_END: [3], MISSING: [3], CPU_BEG: [3], DEV_BEG: [3], VERIFY: [4], COMMIT: [4],
} // prettier-ignore

class Verifier {
  readonly problems = new Problems()
  readonly memory = new VerifiedMemory(this.problems)
  session = ''
  algorithm = ''
  rounds = 0
  rehearsals = 0
  stateBytes = 0
  /** Savings that both sides agreed on. */
  savings: readonly string[] = []
  /** What follows the switch-over, where anything does. */
  pull: VerifiedPull | null = null
  #verify = 'none'
  #offered: readonly string[] = []
  #implied = false
  #before = ''
  #roundPages = 0
  #pagesSent = 0
  #held = false
  #nativeBytes = 0
  #stateFound = 0
  #aborted = false
  /** One byte a page of RAM, where the source said what is missing. */
  #missing: Uint8Array | null = null
  /** What further connections have to say. */
  #token = ''
  readonly #acks: string[] = []
  /** Frames after COMMIT and RUNNING. */
  readonly #afterwards: [ParsedFrame[], ParsedFrame[]] = [[], []]

  get committed(): boolean {
    return this.#before === 'COMMIT'
  }
  get aborted(): boolean {
    return this.#aborted
  }

  problem(frame: ParsedFrame | null, text: string): void {
    this.problems.add(frame, text)
  }

  forward(frame: ParsedFrame): void {
    const name = nameOf(frame.type)
    if (name === undefined) {
      if (!frame.optional) this.problem(frame, `unknown mandatory message ${frame.type}.`)
      return
    }
    if (ANYWHERE.includes(name)) return
    if (this.committed && this.#missing !== null) {
      this.#afterwards[0].push(frame)
      return
    }
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
        return this.#begin(frame)
      case 'PAGES':
        return this.#pages(frame)
      case 'ROUND_END':
        return this.#roundEnd(frame)
      case 'REHEARSAL':
        this.rehearsals++
        this.#acks.push(`rehearsal ${frame.payload.readUInt32LE(0)}`)
        return
      case 'MISSING':
        return this.#leave(frame)
      case 'CPU_BEG':
        return this.#cpu(frame)
      case 'NATIVE':
        this.#nativeBytes += frame.payload.length
        return
      case 'NATIVE_END': {
        const told = numberOf(this.#json(frame)['bytes'])
        if (told !== this.#nativeBytes) this.problem(frame, `${this.#nativeBytes} of ${told} bytes travelled.`)
        return
      }
      case 'DEV_BEG':
        this.#stateFound += frame.payload.length
        if (this.#stateFound !== this.stateBytes) {
          this.problem(frame, `the state has ${this.#stateFound} of ${this.stateBytes} bytes.`)
        }
        return
      case 'VERIFY':
        return this.memory.digests(frame, this.#verify)
      case 'COMMIT':
        // Of a guest whose memory comes later, it is compared when it has come.
        return this.memory.compared(frame, name, this.#missing === null ? this.#verify : 'none')
    }
  }

  #json(frame: ParsedFrame): Json {
    return this.problems.json(frame)
  }

  #request(frame: ParsedFrame): void {
    const body = this.#json(frame)
    this.session = stringOf(body['session'])
    this.#verify = stringOf(body['verify'])
    this.#offered = namesOf(body['savings'])
    // A source that names nothing is older than the choice: pages of zeros travel as their numbers.
    this.#implied = body['savings'] === undefined
    this.memory.describe(frame, (body['guest'] ?? {}) as Json)
  }

  #begin(frame: ParsedFrame): void {
    const announced = numberOf(this.#json(frame)['pagesTotal'])
    if (announced !== this.memory.pages) this.problem(frame, `${announced} pages announced.`)
  }

  #pages(frame: ParsedFrame): void {
    const list = this.memory.read(frame)
    if (list === null) return
    const { block, hold, count } = list
    if (hold && frame.stage !== 3) this.problem(frame, 'pages are held back before the stop.')
    if (this.#held && !hold) this.problem(frame, 'pages after pages that were held back.')
    this.#held ||= hold
    const round = frame.stage === 3 ? 0xffff : this.rounds + 1
    for (const page of list.pages) {
      if (block.lastRound[page] === round) this.problem(frame, `page ${page} of ${block.name} twice in a round.`)
      block.lastRound[page] = round
    }
    this.memory.count(list)
    this.#pagesSent += count
    if (frame.stage === 2) this.#roundPages += count
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

  /** Only what was offered may be agreed on, and only that be made use of. */
  #agree(frame: ParsedFrame): void {
    this.savings = namesOf(this.#json(frame)['savings'])
    const stranger = this.savings.find((name) => !this.#offered.includes(name))
    if (stranger !== undefined) this.problem(frame, `${stranger} was agreed on, and not offered.`)
    for (const [name, first] of this.memory.used) {
      if (name === 'zero' && this.#implied) continue
      if (!this.savings.includes(name)) this.problem(first, `pages by ${name}, which was not agreed on.`)
    }
  }

  get #ram(): Block | undefined {
    return [...this.memory.blocks.values()].find(({ name }) => name === 'ram')
  }

  /** Pages of RAM that come after the switch-over. */
  #leave(frame: ParsedFrame): void {
    if (this.#ram !== undefined) this.#missing = readMissing(frame, this.#ram, this.problems)
  }

  #cpu(frame: ParsedFrame): void {
    if (frame.payload.length < 8) return this.problem(frame, 'CPU_BEG is too short.')
    this.stateBytes = frame.payload.readUInt32LE(0)
    this.#stateFound = frame.payload.length - 8
    const told = frame.payload.readUInt32LE(4)
    if (told !== this.#pagesSent >>> 0) this.problem(frame, `${this.#pagesSent} of ${told} pages travelled.`)
    // A single pass ends where the guest stops by itself, not at the end of a round.
    if (this.#roundPages !== 0 && this.algorithm !== 'single-pass') {
      this.problem(frame, 'the last round was not ended.')
    }
    for (const block of this.memory.blocks.values()) {
      const later = block === this.#ram ? this.#missing : null
      const missing = block.versions.filter((versions, page) => versions === 0 && later?.[page] !== 1).length
      if (missing > 0) this.problem(frame, `${missing} pages of ${block.name} never travelled.`)
    }
  }

  /**
   * Checks the answers against what they answer.
   * @param recovered whether the connection may have been cut after COMMIT, because others followed
   */
  backward(frames: readonly ParsedFrame[], recovered: boolean): 'refused' | 'aborted' | null {
    const expected = [
      'REQ_OK',
      'CFG_OK',
      ...this.#acks,
      'READY',
      ...(this.#verify !== 'none' && this.#missing === null ? ['VERIFY_RESULT'] : []),
      'RUNNING',
    ]
    let i = 0
    for (const frame of frames) {
      const name = nameOf(frame.type) ?? `message ${frame.type}`
      if (name === 'KEEPALIVE' || (nameOf(frame.type) === undefined && frame.optional)) continue
      if (this.#missing !== null && i === expected.length) {
        this.#afterwards[1].push(frame)
        continue
      }
      if (name === 'REQ_OK') this.#agree(frame)
      if (name === 'CFG_OK') this.#token = stringOf(this.#json(frame)['channel'])
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
    if (this.committed && i < expected.length - (recovered ? 1 : 0)) {
      this.problem(null, `The target never answered ${expected[i]}.`)
    }
    if (this.committed && (this.#token !== '') !== (this.#missing !== null)) {
      this.problem(null, 'Pages are missing without a connection for them, or the other way round.')
    }
    return null
  }

  /** What followed the switch-over, on all connections. */
  follow(others: readonly Further[]): void {
    const [ram, missing] = [this.#ram, this.#missing]
    if (!this.committed || ram === undefined || missing === null) return
    const agreed = { session: this.session, token: this.#token, verify: this.#verify }
    this.pull = new VerifiedPull(this.problems, this.memory, agreed, ram, missing)
    this.pull.check(...this.#afterwards, others)
  }
}

const namesOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(stringOf) : [])

/** Checks a recording. Never throws: whatever is wrong is in `problems`. */
export function verifyStream(recording: Uint8Array): StreamVerdict {
  const parsed = parseRecording(recording)
  const streams = parsed.connections.map(({ number, forward, backward }) => ({
    number,
    forward: parseFrames(forward, number),
    backward: parseFrames(backward, number),
  }))
  const [main, ...others] = streams
  const verifier = new Verifier()
  if (parsed.problem !== null) verifier.problem(null, parsed.problem)
  let answer: 'refused' | 'aborted' | null = null
  try {
    for (const frame of main.forward.frames) verifier.forward(frame)
    const recovered = others.length > 1
    if (main.backward.bytes > 0) answer = verifier.backward(main.backward.frames, recovered)
    verifier.follow(others.map(({ forward, backward }) => ({ forward: forward.frames, backward: backward.frames })))
  } catch (thrown) {
    verifier.problem(null, `A message could not be read: ${FerryError.from(thrown).message}`)
  }
  const { pull } = verifier
  const aborted = verifier.aborted || pull?.aborted === true
  // What was cut off and came again by a further connection is no fault of the stream.
  const excused = (pull?.recoveries ?? 0) > 0
  for (const { number, forward, backward } of streams) {
    const which = number === 0 ? '' : `Connection ${number}, `
    const told = (direction: string) => (number === 0 ? direction : direction.toLowerCase())
    for (const [direction, { problem, truncated }] of [
      ['Source to target', forward],
      ['Target to source', backward],
    ] as const) {
      if (problem !== null && !(truncated && excused)) verifier.problem(null, `${which}${told(direction)}. ${problem}`)
    }
  }
  const ended = verifier.committed || aborted || answer !== null
  if (!ended) verifier.problem(null, 'The stream ends before COMMIT.')
  const completed = verifier.committed && (pull === null || pull.complete)
  const outcome = completed ? 'completed' : aborted ? 'aborted' : (answer ?? 'cut')
  const sum = (of: (stream: (typeof streams)[number]) => number) => streams.reduce((all, stream) => all + of(stream), 0)
  return {
    ok: verifier.problems.list.length === 0,
    outcome,
    problems: verifier.problems.list,
    session: verifier.session,
    algorithm: verifier.algorithm,
    rounds: verifier.rounds,
    rehearsals: verifier.rehearsals,
    recoveries: pull?.recoveries ?? 0,
    state_bytes: verifier.stateBytes,
    savings: {
      agreed: verifier.savings,
      delta_pages: verifier.memory.deltaPages,
      compressed_frames: verifier.memory.compressedFrames,
    },
    frames: {
      source_to_target: sum(({ forward }) => forward.frames.length),
      target_to_source: sum(({ backward }) => backward.frames.length),
    },
    bytes: {
      source_to_target: sum(({ forward }) => forward.bytes),
      target_to_source: sum(({ backward }) => backward.bytes),
    },
    blocks: verifier.memory.counts(),
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
