/** The memory of the machine that moves page by page: RAM and the large memories of devices. On the vCPU thread. */
import { BLOCK, type BlockId, type BlockInfo, PAGE_SIZE } from '../vmstate/blocks.ts'
import { FerryError } from '../util/errors.ts'
import { pageDigests } from './digest.ts'
import type { Emulator } from './emulator.ts'
import { readIdePage, writeIdePage } from './ide-buffer.ts'
import { blocksOf } from './memory-layout.ts'
import type { MachineConfig, PageBatch, PageRange, PageSet } from './machine.ts'
import { RamPages, type RamPlace } from './ram-pages.ts'
import { checkData, checkPages } from './shared-ram.ts'
import { WriteMap } from './write-map.ts'

const ZEROS = Buffer.alloc(PAGE_SIZE)

export class MemoryBlocks {
  readonly infos: readonly BlockInfo[]
  /** Pages of RAM that were written. */
  readonly written: WriteMap
  readonly ram: RamPages
  readonly #emulator: Emulator

  /** @param emulator must not have run yet */
  constructor(emulator: Emulator, config: MachineConfig) {
    this.#emulator = emulator
    this.infos = blocksOf(config)
    this.written = new WriteMap(emulator, config.ramBytes / PAGE_SIZE)
    this.ram = new RamPages(this.ramPlace)
  }

  /** Where RAM lies, for other threads to see it, too. */
  get ramPlace(): RamPlace {
    const { wasm_memory, mem8 } = this.#emulator.cpu
    return {
      memory: wasm_memory.buffer,
      pages: this.pages(BLOCK.ram),
      ram: mem8.byteOffset,
      written: this.written.address,
    }
  }

  pages(block: BlockId): number {
    return this.info(block).bytes / PAGE_SIZE
  }

  /** @throws FerryError `machine.block` for a block that the machine has not */
  info(block: BlockId): BlockInfo {
    const info = this.infos.find((candidate) => candidate.id === block)
    if (info === undefined)
      throw new FerryError('machine.block', `The machine has no memory block ${block}.`, { block })
    return info
  }

  /** The bytes of a block that lies in one piece; valid until the wasm memory grows. Null for the IDE buffers. */
  bytes(block: BlockId): Uint8Array | null {
    const { vga, net } = this.#emulator.cpu.devices
    switch (block) {
      case BLOCK.ram:
        return this.#emulator.ram
      case BLOCK.vgaPlanes:
        return vga.vga_memory
      case BLOCK.vgaFramebuffer: {
        // v86's own view is a proxy that is slow to work on.
        const { byteOffset, byteLength } = vga.svga_memory
        return this.#emulator.wasm.subarray(byteOffset, byteOffset + byteLength)
      }
      case BLOCK.nicMemory:
        return net.memory
      case BLOCK.ideBuffer:
        return null
    }
  }

  /**
   * Copies pages out, zero pages apart.
   * @throws FerryError `machine.page-range` when a page lies outside of the block
   */
  read({ block, pages }: PageSet): PageBatch {
    checkPages(pages, this.pages(block), this.info(block).name)
    if (block === BLOCK.ram) return this.ram.read(pages)
    const source = this.bytes(block)
    const place = new Uint8Array(PAGE_SIZE)
    const isZero = Uint8Array.from(pages, (page) => Number(this.#isZero(block, source, page, place)))
    const full = pages.filter((_, i) => isZero[i] === 0)
    const data = new Uint8Array(full.length * PAGE_SIZE)
    full.forEach((page, i) => {
      const from = page * PAGE_SIZE
      if (source !== null) data.set(source.subarray(from, from + PAGE_SIZE), i * PAGE_SIZE)
      else readIdePage(this.#emulator.cpu.devices, page, data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE))
    })
    return { block, pages: full, zeroPages: pages.filter((_, i) => isZero[i] === 1), data }
  }

  /**
   * @throws FerryError `machine.page-range` when a page lies outside of the block, `machine.page-data` when the bytes are
   * not those of as many pages; both before anything is written
   */
  write(batch: PageBatch): void {
    const { block, pages, zeroPages, data } = batch
    const { name } = this.info(block)
    checkPages(pages, this.pages(block), name)
    checkPages(zeroPages, this.pages(block), name)
    checkData(batch)
    const content = (i: number) => data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)
    if (block === BLOCK.ram) {
      this.ram.fill(batch)
      return
    }
    const target = this.bytes(block)
    const { devices } = this.#emulator.cpu
    const put = (page: number, bytes: Uint8Array) => {
      if (target === null) writeIdePage(devices, page, bytes)
      else target.set(bytes, page * PAGE_SIZE)
    }
    pages.forEach((page, i) => put(page, content(i)))
    const place = new Uint8Array(PAGE_SIZE)
    for (const page of zeroPages) {
      // Memory that was never written costs next to nothing to look at, but a page of the host's to write.
      if (!this.#isZero(block, target, page, place)) put(page, ZEROS)
    }
  }

  /**
   * One byte a page, 1 where it holds nothing but zeros.
   * @throws FerryError `machine.page-range`
   */
  zeroPages({ block, first, count }: PageRange): Uint8Array<ArrayBuffer> {
    if (count > 0) checkPages(Uint32Array.of(first, first + count - 1), this.pages(block), this.info(block).name)
    const source = this.bytes(block)
    const place = new Uint8Array(PAGE_SIZE)
    return Uint8Array.from({ length: count }, (_, i) => Number(this.#isZero(block, source, first + i, place)))
  }

  digests(block: BlockId): BigUint64Array<ArrayBuffer> {
    const info = this.info(block)
    const bytes = this.bytes(block)
    if (bytes !== null) return pageDigests(bytes)
    const copy = new Uint8Array(info.bytes)
    for (let page = 0; page < copy.length / PAGE_SIZE; page++) {
      readIdePage(this.#emulator.cpu.devices, page, copy.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE))
    }
    return pageDigests(copy)
  }

  /** @param place takes a copy of a page of the IDE buffers, which do not lie in one piece */
  #isZero(block: BlockId, source: Uint8Array | null, page: number, place: Uint8Array): boolean {
    if (source === null) return !readIdePage(this.#emulator.cpu.devices, page, place)
    const from = page * PAGE_SIZE
    if (block === BLOCK.ram) return this.ram.isZero(page)
    return ZEROS.compare(source, from, from + PAGE_SIZE) === 0
  }
}
