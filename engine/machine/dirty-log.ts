/**
 * The dirty log of all memory blocks. RAM: exact, from the trap in v86's page walk (dirty-log-patch.ts) and from the
 * functions through which devices write. Device memories: small enough to be compared with a copy of what was there.
 */
import { BLOCK, type BlockId, PAGE_SIZE } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import type { Emulator } from './emulator.ts'
import { ideBufferIdle } from './ide-buffer.ts'
import type { PageSet } from './machine.ts'
import type { MemoryBlocks } from './memory-blocks.ts'

/** One byte for each page of the 32-bit physical address space, so that no walk needs a bounds check. */
const MAP_BYTES = 1 << 20

export class DirtyLog {
  readonly #emulator: Emulator
  readonly #blocks: MemoryBlocks
  /** Address of the map in wasm memory; allocated once, at the first start. */
  #map = 0
  #active = false
  readonly #shadows = new Map<BlockId, Uint8Array>()
  #uninstall: () => void = () => {}
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
    if (this.#map === 0) this.#map = this.#emulator.allocate(MAP_BYTES)
    this.#clearMap()
    this.#emulator.dirtyLog = this.#map
    this.#watchDevices()
    this.#emulator.cpu.full_clear_tlb()
    for (const { id } of this.#blocks.infos) if (id !== BLOCK.ram) this.#shadows.set(id, this.#copy(id))
    this.#ideShadowIsZero = ideBufferIdle(this.#emulator.cpu.devices)
    this.#active = true
  }

  stop(): void {
    if (!this.#active) return
    this.#emulator.dirtyLog = 0
    this.#uninstall()
    this.#uninstall = () => {}
    this.#shadows.clear()
    this.#active = false
  }

  /**
   * Pages changed since the start or the last clearing fetch.
   * @throws FerryError `machine.log-off`
   */
  fetch(clear: boolean): PageSet[] {
    if (!this.#active) throw new FerryError('machine.log-off', 'The dirty log is not running.')
    const sets = this.#blocks.infos.map(({ id }) => ({
      block: id,
      pages: id === BLOCK.ram ? this.#dirtyRam() : this.#dirtyDevicePages(id, clear),
    }))
    if (clear) {
      this.#clearMap()
      // The next first write to each page must walk, and so be logged, again.
      this.#emulator.cpu.full_clear_tlb()
    }
    return sets.filter(({ pages }) => pages.length > 0)
  }

  #clearMap(): void {
    this.#emulator.wasm.fill(0, this.#map, this.#map + MAP_BYTES)
  }

  #dirtyRam(): Uint32Array<ArrayBuffer> {
    const count = this.#blocks.pages(BLOCK.ram)
    const map = this.#emulator.wasm.subarray(this.#map, this.#map + count)
    const found: number[] = []
    // indexOf is a vectorised search: almost all of the map is zero.
    for (let page = map.indexOf(1); page >= 0; page = map.indexOf(1, page + 1)) found.push(page)
    return Uint32Array.from(found)
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

  #watchDevices(): void {
    const written = (start: number, end: number) => {
      this.#emulator.wasm.fill(1, this.#map + (start >>> 12), this.#map + ((end - 1) >>> 12) + 1)
    }
    this.#uninstall = this.#emulator.deviceMemory.watch({ written })
  }
}
