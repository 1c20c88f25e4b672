/**
 * The dirty log of all memory blocks. RAM: exact, from the write map. Device memories: small enough to be compared with
 * a copy of what was there.
 */
import { BLOCK, type BlockId, PAGE_SIZE } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import type { Emulator } from './emulator.ts'
import { ideBufferIdle } from './ide-buffer.ts'
import type { PageSet } from './machine.ts'
import type { MemoryBlocks } from './memory-blocks.ts'

export class DirtyLog {
  readonly #emulator: Emulator
  readonly #blocks: MemoryBlocks
  #active = false
  readonly #shadows = new Map<BlockId, Uint8Array>()
  #ideShadowIsZero = false

  constructor(emulator: Emulator, blocks: MemoryBlocks) {
    this.#emulator = emulator
    this.#blocks = blocks
  }

  get active(): boolean {
    return this.#active
  }

  /** From now on every changed page is found by `fetch`. Idempotent. */
  start(): void {
    if (this.#active) return
    const { written } = this.#blocks
    written.clear(written.dirty())
    for (const { id } of this.#blocks.infos) if (id !== BLOCK.ram) this.#shadows.set(id, this.#copy(id))
    this.#ideShadowIsZero = ideBufferIdle(this.#emulator.cpu.devices)
    this.#active = true
  }

  stop(): void {
    if (!this.#active) return
    this.#shadows.clear()
    this.#active = false
  }

  /**
   * Pages changed since the start or the last clearing fetch.
   * @throws FerryError `machine.log-off`
   */
  fetch(clear: boolean): PageSet[] {
    if (!this.#active) throw new FerryError('machine.log-off', 'The dirty log is not running.')
    const { written } = this.#blocks
    const dirty = written.dirty()
    const sets = this.#blocks.infos.map(({ id }) => ({
      block: id,
      pages: id === BLOCK.ram ? dirty : this.#dirtyDevicePages(id, clear),
    }))
    if (clear) written.clear(dirty)
    return sets.filter(({ pages }) => pages.length > 0)
  }

  #dirtyDevicePages(id: BlockId, clear: boolean): Uint32Array<ArrayBuffer> {
    if (id === BLOCK.ideBuffer) {
      // Almost always both idle: spare the copy of half a megabyte.
      const idle = ideBufferIdle(this.#emulator.cpu.devices)
      if (idle && this.#ideShadowIsZero) return new Uint32Array(0)
      if (clear) this.#ideShadowIsZero = idle
    }
    const now = this.#blocks.bytes(id) ?? this.#copy(id)
    const shadow = this.#shadows.get(id)
    if (shadow === undefined) throw new FerryError('machine.log-off', 'The dirty log is not running.')
    const current = Buffer.from(now.buffer, now.byteOffset, now.byteLength)
    const found: number[] = []
    if (!current.equals(shadow)) {
      for (let page = 0; page < current.length / PAGE_SIZE; page++) {
        const from = page * PAGE_SIZE
        if (current.compare(shadow, from, from + PAGE_SIZE, from, from + PAGE_SIZE) !== 0) found.push(page)
      }
      if (clear)
        for (const page of found) shadow.set(now.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), page * PAGE_SIZE)
    }
    return Uint32Array.from(found)
  }

  #copy(id: BlockId): Uint8Array<ArrayBuffer> {
    const bytes = this.#blocks.bytes(id)
    if (bytes !== null) return bytes.slice()
    const all = this.#blocks.read({
      block: id,
      pages: Uint32Array.from({ length: this.#blocks.pages(id) }, (_, i) => i),
    })
    const copy = new Uint8Array(this.#blocks.info(id).bytes)
    all.pages.forEach((page, i) => copy.set(all.data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
    return copy
  }
}
