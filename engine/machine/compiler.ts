/**
 * Has the code compiled that v86 makes of the guest's: in the background, once a page is hot, as v86 does it; but while the
 * guest is new in this machine, where nothing is compiled, as soon as its code is warm, and at once (eager-compile-patch.ts).
 * Runs on the vCPU thread.
 */
import { importingSharedMemory } from './shared-memory-patch.ts'
import { JIT } from './v86/layout.ts'
import type { Cpu } from './v86/types.ts'

/**
 * Instructions of a page that are interpreted before it is compiled, while the guest is new here. To compile one takes
 * milliseconds, as long as some hundred thousand of them: with fewer, code that soon ends is compiled for nothing.
 */
const EAGER_HOTNESS = 70_000
/** A guest is new for so long, ms in which it runs. */
const EAGER_MS = 300

/** The globals of eager-compile-patch.ts. */
export interface CompilerGlobals {
  readonly hotness: WebAssembly.Global
  readonly compiled: WebAssembly.Global
}

export class Compiler {
  readonly #cpu: Cpu
  readonly #globals: CompilerGlobals
  readonly #now: () => number
  /** The guest is new for so long yet, ms. */
  #eagerLeftMs = 0
  /** Null: no slice runs. */
  #sliceBeganMs: number | null = null
  /** Puts to use what was compiled at once. */
  #finish: () => void = () => {}

  /** Takes over from v86. @param now ms */
  constructor(cpu: Cpu, globals: CompilerGlobals, now: () => number) {
    this.#cpu = cpu
    this.#globals = globals
    this.#now = now
    globals.hotness.value = JIT.hotness
    const inBackground = cpu.codegen_finalize
    cpu.codegen_finalize = (tableIndex, start, flags, address, length) => {
      const compiled = new Uint8Array(cpu.wasm_memory.buffer, address >>> 0, length >>> 0)
      // The patched memory is shared, and what imports it has to say so.
      const code = importingSharedMemory(compiled.slice())
      if (this.#eagerLeftMs > 0) {
        this.#atOnce(tableIndex, start, flags, code)
        return
      }
      // v86's function takes the code from the memory of its machine: this machine is the same, but for where that is.
      const place = Object.create(cpu, { wasm_memory: { value: { buffer: code.buffer } } }) as object
      inBackground.call(place, tableIndex, start, flags, 0, code.length)
    }
  }

  /** Called when v86's compiler has given free its state: what was compiled at once is put to use. */
  finish(): void {
    const finish = this.#finish
    this.#finish = () => {}
    finish()
  }

  /** Memory and CPU are of another guest, or of another time: nothing that was compiled is of use. */
  startOver(): void {
    this.#cpu.jit_clear_cache()
    this.#eagerLeftMs = EAGER_MS
    this.#globals.hotness.value = EAGER_HOTNESS
  }

  sliceBegins(): void {
    if (this.#eagerLeftMs > 0) this.#sliceBeganMs = this.#now()
  }

  sliceEnds(): void {
    if (this.#sliceBeganMs === null) return
    this.#eagerLeftMs -= this.#now() - this.#sliceBeganMs
    this.#sliceBeganMs = null
    if (this.#eagerLeftMs <= 0) this.#globals.hotness.value = JIT.hotness
  }

  #atOnce(tableIndex: number, start: number, flags: number, code: Uint8Array<ArrayBuffer>): void {
    const { codegen_finalize_finished: finished, jit_imports: imports, wm } = this.#cpu
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { e: imports })
    this.#finish = () => {
      wm.wasm_table.set(tableIndex + JIT.firstSlot, exports.f as () => void)
      finished(tableIndex, start, flags)
    }
    this.#globals.compiled.value = 1
  }
}
