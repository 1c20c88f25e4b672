/**
 * Has the code compiled that v86 makes of the guest's: in the background, once a page is hot, as v86 does it; but while the
 * guest is new in this machine, where nothing is compiled, as soon as its code is warm (hotness-patch.ts). V8 compiles on threads
 * of its own (v86/package.ts). Runs on the vCPU thread.
 */
import { importingSharedMemory } from './shared-memory-patch.ts'
import { JIT } from './v86/layout.ts'
import type { Cpu } from './v86/types.ts'

/**
 * Instructions of a page that are interpreted before it is compiled, while the guest is new here. v86 takes 1 or 2 ms to write
 * what V8 compiles, as long as some ten thousand of them.
 */
const EAGER_HOTNESS = 30_000
/** A guest is new for so long, ms in which it runs. */
const EAGER_MS = 300

export class Compiler {
  readonly #cpu: Cpu
  readonly #hotness: WebAssembly.Global
  readonly #now: () => number
  /** The guest is new for so long yet, ms. */
  #eagerLeftMs = 0
  /** Null: no slice runs. */
  #sliceBeganMs: number | null = null

  /**
   * Takes over from v86.
   * @param hotness the global of hotness-patch.ts
   * @param now ms
   */
  constructor(cpu: Cpu, hotness: WebAssembly.Global, now: () => number) {
    this.#cpu = cpu
    this.#hotness = hotness
    this.#now = now
    hotness.value = JIT.hotness
    const compile = cpu.codegen_finalize
    cpu.codegen_finalize = (tableIndex, start, flags, address, length) => {
      const written = new Uint8Array(cpu.wasm_memory.buffer, address >>> 0, length >>> 0)
      // The patched memory is shared, and what imports it has to say so.
      const code = importingSharedMemory(written.slice())
      // v86's function takes the code from the memory of its machine: this machine is the same, but for where that is.
      const place = Object.create(cpu, { wasm_memory: { value: { buffer: code.buffer } } }) as object
      compile.call(place, tableIndex, start, flags, 0, code.length)
    }
  }

  /** Memory and CPU are of another guest, or of another time: nothing that was compiled is of use. */
  startOver(): void {
    this.#cpu.jit_clear_cache()
    this.#eagerLeftMs = EAGER_MS
    this.#hotness.value = EAGER_HOTNESS
  }

  sliceBegins(): void {
    if (this.#eagerLeftMs > 0) this.#sliceBeganMs = this.#now()
  }

  sliceEnds(): void {
    if (this.#sliceBeganMs === null) return
    this.#eagerLeftMs -= this.#now() - this.#sliceBeganMs
    this.#sliceBeganMs = null
    if (this.#eagerLeftMs <= 0) this.#hotness.value = JIT.hotness
  }
}
