/**
 * Accesses of v86's devices to RAM, for whoever has to know of them. The CPU's own go through page walks instead.
 *
 * All of them go through a few functions of v86's CPU object (checked in its sources: ide.js, dma.js, virtio.js, ne2k.js):
 * `write8/16/32`, and for blocks `write_blob`, which calls `jit_dirty_cache` first; `read8`, `read16`, `read32s` and
 * `read_blob`; and, for IDE bus-master writes to disk and for ISA DMA, `mem8.subarray`. They are replaced only while
 * somebody watches.
 */
import type { Cpu } from './v86/types.ts'

/** Physical addresses, `end` exclusive; a byte or two too many at most. */
type Access = (start: number, end: number) => void

export interface DeviceWatch {
  /** Before a device reads or writes. */
  readonly before?: Access
  /** As a device writes. */
  readonly written?: Access
}

const WRITES = ['write8', 'write16', 'write32'] as const
const READS = ['read8', 'read16', 'read32s'] as const
const WORD = 4

export class DeviceMemory {
  readonly #cpu: Cpu
  readonly #watches = new Set<DeviceWatch>()
  #uninstall: () => void = () => {}

  constructor(cpu: Cpu) {
    this.#cpu = cpu
  }

  /** Returns the function that ends the watch. */
  watch(watch: DeviceWatch): () => void {
    if (this.#watches.size === 0) this.#install()
    this.#watches.add(watch)
    return () => {
      if (this.#watches.delete(watch) && this.#watches.size === 0) this.#uninstall()
    }
  }

  #install(): void {
    const cpu = this.#cpu
    const before: Access = (start, end) => {
      for (const watch of this.#watches) watch.before?.(start, end)
    }
    const written: Access = (start, end) => {
      for (const watch of this.#watches) watch.written?.(start, end)
    }
    const writes = WRITES.map((name) => [name, cpu[name]] as const)
    const reads = READS.map((name) => [name, cpu[name]] as const)
    const { jit_dirty_cache, mem8 } = cpu
    const write_blob = cpu.write_blob.bind(cpu)
    const read_blob = cpu.read_blob.bind(cpu)
    for (const [name, write] of writes) {
      cpu[name] = (address, value) => {
        const start = address >>> 0
        before(start, start + WORD)
        written(start, start + WORD)
        write(address, value)
      }
    }
    for (const [name, read] of reads) {
      cpu[name] = (address) => {
        before(address >>> 0, (address >>> 0) + WORD)
        return read(address)
      }
    }
    cpu.jit_dirty_cache = (start, end) => {
      written(start >>> 0, end >>> 0)
      jit_dirty_cache(start, end)
    }
    cpu.write_blob = (blob, address) => {
      if (blob.length > 0) before(address >>> 0, (address >>> 0) + blob.length)
      write_blob(blob, address)
    }
    cpu.read_blob = (address, length) => {
      if (length > 0) before(address >>> 0, (address >>> 0) + length)
      return read_blob(address, length)
    }
    cpu.mem8 = watchedMemory(mem8, before)
    this.#uninstall = () => {
      for (const [name, write] of writes) cpu[name] = write
      for (const [name, read] of reads) cpu[name] = read
      // The last two are methods of the prototype.
      Object.assign(cpu, { jit_dirty_cache, mem8 })
      Reflect.deleteProperty(cpu, 'write_blob')
      Reflect.deleteProperty(cpu, 'read_blob')
    }
  }
}

/** v86's view of RAM, whose parts are announced before they are handed out. */
function watchedMemory(memory: Uint8Array, before: Access): Uint8Array {
  return new Proxy(memory, {
    get(target, property) {
      if (property === 'subarray') {
        return (start: number, end: number) => {
          before(start, end)
          return target.subarray(start, end)
        }
      }
      const value: unknown = Reflect.get(target, property)
      return value
    },
  })
}
