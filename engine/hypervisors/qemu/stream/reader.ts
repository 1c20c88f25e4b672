/**
 * QEMU's migration stream as a target reads it: bytes in as they come, pages out at once, device records when all are there.
 * Nothing of the stream is believed: every size is bounded before anything is kept, and what our machine has not is refused.
 */
import { FerryError } from '../../../util/errors.ts'
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { checkDescription } from './description.ts'
import { BLOCK_NAMES, blockBytes, COMMAND, CONFIGURATION, MAGIC, RAM_SECTION, TYPE, VERSION } from './format.ts'
import type { StreamBlock, StreamMachine } from './format.ts'
import { RamReader } from './ram-reader.ts'
import { globalState, SECTIONS, type SectionType } from './sections.ts'
import { Cursor, MoreNeeded, readStruct } from './structs.ts'

/** A command of the source (post-copy), with what it says. */
export type StreamCommand =
  | { readonly name: 'open-return-path' | 'advise' | 'listen' | 'run' | 'package' }
  | { readonly name: 'ping'; readonly number: number }
  | { readonly name: 'discard'; readonly block: StreamBlock | null; readonly first: number; readonly count: number }

export interface StreamEvents {
  /** A page has come; null: it is all zero. `bytes` are valid during the call only. */
  page(block: StreamBlock, page: number, bytes: Uint8Array | null): void
  /** The source says that all memory has come. */
  ramEnd?(): void
  command?(command: StreamCommand): void
}

/** What the devices' sections hold. */
export interface StreamDevices {
  /** For `qemu.unpack`, `deviceMemoryOf` and `unsentOutput`. */
  readonly records: readonly NativeRecord[]
  /** How QEMU was when it was stopped: `running`, `paused`. */
  readonly runState: string
  /** Bytes of the device sections. */
  readonly bytes: number
}

const DESCRIPTION_LIMIT = 2 ** 20
const CONFIGURATION_LIMIT = 64
/** Room for what is left of a piece, and the next one. */
const BUFFER_BYTES = 2 ** 19
const PACKAGE_LIMIT = 4 * 2 ** 20

export class StreamReader {
  readonly #events: StreamEvents
  readonly #ram: RamReader
  readonly #sections = new Map<number, SectionType | 'ram'>()
  readonly #records: NativeRecord[] = []
  readonly #sizes = new Map<string, number>()
  /** What is left of earlier pieces: the first `#left` bytes. It is used again and again: streams are as long as RAM. */
  #buffer = new Uint8Array(BUFFER_BYTES)
  #left = 0
  /** Not worth a try before so many bytes are there. */
  #wanted = 0
  #step: (input: Cursor) => void = (input) => this.#head(input)
  #ended = false
  #described = false

  /** @param machine what the guest is to fit into */
  constructor(machine: StreamMachine, events: StreamEvents) {
    this.#events = events
    this.#ram = new RamReader(blockBytes(machine), events)
  }

  /**
   * Takes the next bytes, in pieces of any size; they are valid during the call only.
   * Throws FerryError `qemu.*` for what is no stream of a machine like ours; the reader is of no use then.
   */
  push(chunk: Uint8Array): void {
    if (this.#left === 0 && this.#wanted === 0) return this.#keep(chunk, this.#read(chunk))
    const length = this.#left + chunk.length
    this.#grow(length)
    this.#buffer.set(chunk, this.#left)
    this.#left = length
    if (length < this.#wanted) return
    const bytes = this.#buffer.subarray(0, length)
    this.#keep(bytes, this.#read(bytes))
  }

  /** @returns how many of the bytes have been read */
  #read(bytes: Uint8Array): number {
    const input = new Cursor(bytes, 0)
    let done = 0
    try {
      while (done < bytes.length) {
        this.#step(input)
        done = input.at
      }
      this.#wanted = 0
    } catch (thrown) {
      if (!(thrown instanceof MoreNeeded)) throw thrown
      this.#wanted = thrown.total - done
    }
    return done
  }

  /** Keeps what is behind the first `done` bytes. */
  #keep(bytes: Uint8Array, done: number): void {
    const rest = bytes.subarray(done)
    this.#left = rest.length
    this.#grow(rest.length)
    // The two may be the same memory: `set` copes with that.
    this.#buffer.set(rest)
  }

  #grow(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)))
    larger.set(this.#buffer)
    this.#buffer = larger
  }

  /** Whether the source has said that the stream is at its end; the description may still come. */
  get ended(): boolean {
    return this.#ended
  }

  /** The devices, once their sections have come (at `run`, or at the end). Throws `qemu.devices` where none have. */
  devices(): StreamDevices {
    const state = this.#records.find(({ name }) => name === globalState.name)
    if (state === undefined || this.#records.length < 2) {
      throw new FerryError('qemu.devices', 'QEMU has sent no devices. The guest stays where it is.')
    }
    const { size, runstate } = globalState.decode(state.bytes)
    const runState = Buffer.from(runstate.subarray(0, Math.min(Math.max(size - 1, 0), runstate.length))).toString(
      'latin1',
    )
    const records = this.#records.filter((r) => r !== state)
    return { records, runState, bytes: [...this.#sizes.values()].reduce((sum, size) => sum + size, 0) }
  }

  /** To be called when the source has closed the connection. Throws `qemu.cut` where the stream was not at its end. */
  end(): StreamDevices {
    if (this.#ended && this.#left === 0) return this.devices()
    throw new FerryError('qemu.cut', "QEMU's stream broke off before its end. The guest stays where it is.", {
      pending: this.#left,
    })
  }

  #head(input: Cursor): void {
    const magic = input.u32()
    const version = input.u32()
    if (magic !== MAGIC || version !== VERSION) {
      throw new FerryError('qemu.magic', 'This is no migration stream of a QEMU that is known here.', {
        magic,
        version,
      })
    }
    this.#step = (next) => this.#item(next)
  }

  /** One section head, page, command or end. */
  #item(input: Cursor): void {
    const type = input.u8()
    if (this.#ended && type !== TYPE.description) throw unexpected('something behind its end', { type })
    switch (type) {
      case TYPE.configuration:
        this.#configuration(input)
        return
      case TYPE.start:
      case TYPE.full:
        this.#section(input, type)
        return
      case TYPE.part:
      case TYPE.end:
        this.#ramSection(input, type)
        return
      case TYPE.command:
        this.#command(input)
        return
      case TYPE.eof:
        this.#ended = true
        return
      case TYPE.description:
        this.#description(input)
        return
      default:
        throw unexpected(`an item of type ${type}`, { type })
    }
  }

  #configuration(input: Cursor): void {
    const length = input.u32()
    if (length > CONFIGURATION_LIMIT) throw unexpected('a machine type without end', { length })
    const name = Buffer.from(input.take(length)).toString('latin1')
    if (name !== CONFIGURATION) {
      throw new FerryError(
        'qemu.machine-type',
        `QEMU's machine is a ${name}; ours is equal to ${CONFIGURATION}. Start QEMU with the arguments that Ferry names.`,
        { name },
      )
    }
  }

  #section(input: Cursor, kind: number): void {
    const id = input.u32()
    const name = input.name()
    const instance = input.u32()
    const version = input.u32()
    if (name === RAM_SECTION.name && kind === TYPE.start) {
      if (version !== RAM_SECTION.version) throw unexpected(`memory in version ${version}`, { version })
      this.#sections.set(id, 'ram')
      this.#step = (next) => this.#ramRecord(next, id, kind)
      return
    }
    const type = SECTIONS.find((s) => s.name === name && s.instance === instance)
    if (type === undefined || kind !== TYPE.full) {
      const message = `QEMU's machine has the device ${name}, which ours has not. Start QEMU with the arguments that Ferry names.`
      throw new FerryError('qemu.section', message, { name, instance })
    }
    if (type.version !== version) throw unexpected(`the device ${name} in version ${version}`, { name, version })
    const key = `${name}/${instance}`
    if (this.#sizes.has(key)) throw unexpected(`the device ${name} twice`, { name })
    const from = input.at
    const records = readStruct(type.struct, input)
    const size = input.at - from
    this.#footer(input, id)
    // Only now: before the last byte was there, all of it may be read again.
    this.#sizes.set(key, size)
    this.#records.push(...records)
  }

  #ramSection(input: Cursor, kind: number): void {
    const id = input.u32()
    if (this.#sections.get(id) !== 'ram') throw unexpected(`a part of section ${id}, which has not begun`, { id })
    this.#step = (next) => this.#ramRecord(next, id, kind)
  }

  #ramRecord(input: Cursor, id: number, kind: number): void {
    const more = this.#ram.read(input)
    if (more) return
    this.#step = (next) => {
      this.#footer(next, id)
      this.#step = (after) => this.#item(after)
      if (kind === TYPE.end) this.#events.ramEnd?.()
    }
  }

  #footer(input: Cursor, id: number): void {
    const mark = input.u8()
    const told = input.u32()
    if (mark !== TYPE.footer || told !== id)
      throw unexpected('a section that is longer or shorter than it should be', { id })
  }

  #command(input: Cursor): void {
    const code = input.u16()
    const length = input.u16()
    const payload = new Cursor(input.take(length), 0)
    const tell = (command: StreamCommand): void => this.#events.command?.(command)
    const expect = (bytes: number): void => {
      if (length !== bytes) throw unexpected(`a command ${code} of ${length} bytes`, { code, length })
    }
    switch (code) {
      case COMMAND.openReturnPath:
        return tell({ name: 'open-return-path' })
      case COMMAND.ping:
        expect(4)
        return tell({ name: 'ping', number: payload.u32() })
      case COMMAND.postcopyAdvise:
        return tell({ name: 'advise' })
      case COMMAND.postcopyListen:
        return tell({ name: 'listen' })
      case COMMAND.postcopyRun:
        return tell({ name: 'run' })
      case COMMAND.postcopyRamDiscard:
        this.#discard(payload, length, tell)
        return
      case COMMAND.packaged: {
        expect(4)
        const bytes = payload.u32()
        if (bytes > PACKAGE_LIMIT) throw unexpected(`a package of ${bytes} bytes`, { bytes })
        // What is in the package is read as it comes.
        return tell({ name: 'package' })
      }
      default:
        throw unexpected(`the command ${code}`, { code })
    }
  }

  #discard(payload: Cursor, length: number, tell: (command: StreamCommand) => void): void {
    try {
      const version = payload.u8()
      const name = payload.name()
      if (version !== 0 || payload.u8() !== 0) throw unexpected('a list of pages that is not known', { version })
      const block = name === BLOCK_NAMES.ram ? 'ram' : name === BLOCK_NAMES.video ? 'video' : null
      while (payload.at < length) {
        const start = payload.u64()
        const bytes = payload.u64()
        const pages = this.#ram.pagesOf(block, start, bytes)
        tell({ name: 'discard', block, ...pages })
      }
    } catch (thrown) {
      if (thrown instanceof MoreNeeded) throw unexpected('a list of pages that is cut off', { length })
      throw thrown
    }
  }

  #description(input: Cursor): void {
    const length = input.u32()
    if (!this.#ended || this.#described || length > DESCRIPTION_LIMIT) throw unexpected('a description', { length })
    checkDescription(input.take(length), this.#sizes)
    this.#described = true
  }
}

function unexpected(what: string, data: Record<string, string | number> = {}): FerryError {
  return new FerryError('qemu.stream', `QEMU's stream has ${what}. The guest stays where it is.`, data)
}

/** Bytes of a page in the stream, for who bounds his buffers. */
export const STREAM_PAGE_BYTES = PAGE_SIZE
