/** The way back from a migration's target to its source (migration/migration.h, `MIG_RP_MSG_*`). */
import { FerryError } from '../../../util/errors.ts'
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import { BLOCK_NAMES, blockBytes, type StreamBlock, type StreamMachine } from './format.ts'
import { Cursor, MoreNeeded } from './structs.ts'
import { nameOf, numbers } from './writer.ts'

const MESSAGE = { shut: 1, pong: 2, requestWithName: 3, request: 4 } as const
/** Type and length in front of a message. */
const HEAD = 4
/** The longest message: a request with a name of 255 bytes. */
const LENGTH_MAX = 13 + 255

export interface ReturnPathEvents {
  /** QEMU waits for these pages. Null: of a block that is not ours (a ROM), which `name` tells. */
  requestPages(block: StreamBlock | null, first: number, count: number, name: string): void
  pong?(number: number): void
  /** QEMU has finished; 0: all is well. */
  shut?(status: number): void
}

/** Reads what QEMU sends back while a guest is moved into it. */
export class ReturnPath {
  readonly #events: ReturnPathEvents
  readonly #bytes: Readonly<Record<StreamBlock, number>>
  #pending: Uint8Array = new Uint8Array()
  /** Undefined: no request has named a block yet. */
  #block: StreamBlock | null | undefined
  #name = ''

  constructor(machine: StreamMachine, events: ReturnPathEvents) {
    this.#bytes = blockBytes(machine)
    this.#events = events
  }

  /** Takes bytes in pieces of any size. Throws `qemu.return-path` for what is no message of a target. */
  push(chunk: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    for (;;) {
      const input = new Cursor(this.#pending, 0)
      if (this.#pending.length < HEAD) return
      const type = input.u16()
      const length = input.u16()
      if (length > LENGTH_MAX) throw wrong(`a message of ${length} bytes`)
      if (this.#pending.length < HEAD + length) return
      const body = new Cursor(input.take(length), 0)
      this.#pending = this.#pending.subarray(HEAD + length)
      this.#take(type, body)
    }
  }

  #take(type: number, body: Cursor): void {
    try {
      if (type === MESSAGE.shut) this.#events.shut?.(body.u32())
      else if (type === MESSAGE.pong) this.#events.pong?.(body.u32())
      else if (type === MESSAGE.requestWithName || type === MESSAGE.request) this.#request(type, body)
      else throw wrong(`a message of type ${type}`)
    } catch (thrown) {
      if (thrown instanceof MoreNeeded) throw wrong(`a message of type ${type} that is cut off`)
      throw thrown
    }
    if (body.at !== body.bytes.length) throw wrong(`a message of type ${type} that is too long`)
  }

  #request(type: number, body: Cursor): void {
    const start = body.u64()
    const bytes = body.u32()
    if (type === MESSAGE.requestWithName) {
      const name = body.name()
      this.#name = name
      this.#block = name === BLOCK_NAMES.ram ? 'ram' : name === BLOCK_NAMES.video ? 'video' : null
    }
    const block = this.#block
    if (block === undefined) throw wrong('a request without a block')
    const limit = block === null ? Number.MAX_SAFE_INTEGER : this.#bytes[block]
    const whole = start % BigInt(PAGE_SIZE) === 0n && bytes % PAGE_SIZE === 0
    if (!whole || start + BigInt(bytes) > BigInt(limit)) throw wrong(`a request for ${bytes} bytes at ${start}`)
    this.#events.requestPages(block, Number(start) / PAGE_SIZE, bytes / PAGE_SIZE, this.#name)
  }
}

function wrong(what: string): FerryError {
  return new FerryError('qemu.return-path', `QEMU has sent back ${what}. The guest stays where it is.`)
}

const message = (type: number, body: Uint8Array): Uint8Array<ArrayBuffer> =>
  Buffer.concat([numbers([2, type], [2, body.length]), body])

/** Target → source: it has finished. @param status 0: all is well */
export const returnShut = (status: number): Uint8Array<ArrayBuffer> => message(MESSAGE.shut, numbers([4, status]))
/** Target → source: the answer to a ping. */
export const returnPong = (number: number): Uint8Array<ArrayBuffer> => message(MESSAGE.pong, numbers([4, number]))
/** Target → source: these pages are needed at once. */
export const returnRequest = (block: StreamBlock, first: number, count: number): Uint8Array<ArrayBuffer> =>
  message(
    MESSAGE.requestWithName,
    Buffer.concat([
      numbers([8, BigInt(first) * BigInt(PAGE_SIZE)], [4, count * PAGE_SIZE]),
      nameOf(BLOCK_NAMES[block]),
    ]),
  )
