/** The memory section of QEMU's stream (migration/ram.c, `ram_load`), item by item. */
import { FerryError } from '../../../util/errors.ts'
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import { BLOCK_NAMES, RAM_FLAG, RAM_FLAGS, type StreamBlock } from './format.ts'
import type { Cursor } from './structs.ts'

/** Blocks of a machine, and what all that are not ours (ROMs) may have together. */
const BLOCKS_MAX = 32
const OTHER_BYTES_MAX = 16 * 2 ** 20

interface Block {
  /** Null: QEMU's own, such as a ROM. */
  readonly block: StreamBlock | null
  readonly bytes: number
}

export class RamReader {
  readonly #wanted: Readonly<Record<StreamBlock, number>>
  readonly #page: (block: StreamBlock, page: number, bytes: Uint8Array | null) => void
  readonly #blocks = new Map<string, Block>()
  #last: Block | undefined

  constructor(
    wanted: Readonly<Record<StreamBlock, number>>,
    events: { page(block: StreamBlock, page: number, bytes: Uint8Array | null): void },
  ) {
    this.#wanted = wanted
    this.#page = (block, page, bytes) => events.page(block, page, bytes)
  }

  /** Reads one item; false: it was the end of the section. */
  read(input: Cursor): boolean {
    const high = input.u32()
    const low = input.u32()
    const flags = low & RAM_FLAGS
    const offset = high * 2 ** 32 + (low - flags)
    switch (flags) {
      case RAM_FLAG.end:
        return false
      case RAM_FLAG.sizes:
        this.#sizes(input, offset)
        return true
      case RAM_FLAG.page:
      case RAM_FLAG.zero:
      case RAM_FLAG.page | RAM_FLAG.again:
      case RAM_FLAG.zero | RAM_FLAG.again:
        this.#content(input, flags, offset)
        return true
      default:
        throw refused(`a page that is packed in a way (${flags.toString(16)}h) that was not asked for`, { flags })
    }
  }

  /** A stretch of bytes of a block as pages. Throws `qemu.memory` where it is not within the block. */
  pagesOf(block: StreamBlock | null, start: bigint, bytes: bigint): { first: number; count: number } {
    const limit = BigInt(block === null ? OTHER_BYTES_MAX : this.#wanted[block])
    const whole = start % BigInt(PAGE_SIZE) === 0n && bytes % BigInt(PAGE_SIZE) === 0n
    if (!whole || start + bytes > limit) throw refused('a stretch of memory that is not in the machine')
    return { first: Number(start) / PAGE_SIZE, count: Number(bytes) / PAGE_SIZE }
  }

  #content(input: Cursor, flags: number, offset: number): void {
    const block = (flags & RAM_FLAG.again) === 0 ? this.#blocks.get(input.name()) : this.#last
    if (block === undefined) throw refused('a page of an unknown block')
    if (offset + PAGE_SIZE > block.bytes)
      throw refused(`a page at ${offset} of a block of ${block.bytes} bytes`, { offset })
    if ((flags & RAM_FLAG.zero) !== 0) {
      const fill = input.u8()
      if (block.block !== null) {
        this.#page(block.block, offset / PAGE_SIZE, fill === 0 ? null : new Uint8Array(PAGE_SIZE).fill(fill))
      }
    } else {
      const bytes = input.take(PAGE_SIZE)
      if (block.block !== null) this.#page(block.block, offset / PAGE_SIZE, bytes)
    }
    // Not before the page was whole: until then all of it may be read again. It holds for later sections, too.
    this.#last = block
  }

  #sizes(input: Cursor, total: number): void {
    const found = new Map<string, Block>()
    let left = total
    let others = 0
    while (left > 0) {
      const name = input.name()
      const bytes = input.u64()
      const block = name === BLOCK_NAMES.ram ? 'ram' : name === BLOCK_NAMES.video ? 'video' : null
      if (block !== null && bytes !== BigInt(this.#wanted[block])) {
        throw new FerryError(
          'qemu.block-size',
          `QEMU's ${name} has ${bytes} bytes; the machine that waits for it has ${this.#wanted[block]}.`,
          { name, bytes: Number(bytes), wanted: this.#wanted[block] },
        )
      }
      if (block === null) others += Number(bytes)
      if (found.has(name) || found.size >= BLOCKS_MAX || others > OTHER_BYTES_MAX || bytes === 0n) {
        throw refused(`the block ${name} of ${bytes} bytes, which ours has not`, { name })
      }
      found.set(name, { block, bytes: Number(bytes) })
      left -= Number(bytes)
    }
    const names = Object.values(BLOCK_NAMES)
    if (left !== 0 || this.#blocks.size > 0 || !names.every((name) => found.has(name))) {
      throw refused('a list of memory blocks that is not that of our machine')
    }
    for (const [name, block] of found) this.#blocks.set(name, block)
  }
}

function refused(what: string, data: Record<string, string | number> = {}): FerryError {
  return new FerryError('qemu.memory', `QEMU's stream has ${what}. The guest stays where it is.`, data)
}
