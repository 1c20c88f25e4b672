/**
 * The change that lets a guest be compiled sooner than v86 would, and without leaving its slice for it.
 *
 * v86 interprets a page of code until 200,000 of its instructions were executed, compiles it then, and puts the code to use
 * when the event loop has its turn: one page after the other, a slice or two for each. In a machine that a guest has just
 * come to nothing is compiled, and that takes tenths of a second. So
 *
 * - the number is a global, which starts with what it was;
 * - where the function outside that has the code compiled (compiler.ts) did so at once, it says so in another global. The
 *   wrapper around `jit_analyze_and_generate` then calls it again, to put the code to use. v86 does that by a function that
 *   takes the lock of its compiler's state, which is held here; but nothing looks at that state any more between here and where
 *   it is given free, so it is given free meanwhile.
 *
 * Source: v86 `src/rust/jit.rs`, `jit_increase_hotness_and_maybe_compile`, which is inlined into `main_loop`.
 */
import { JIT } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'
import * as w from './wasm/code.ts'
import { encodeSigned } from './wasm/leb128.ts'
import type { WasmModule } from './wasm/module.ts'

/** Indices of functions. */
export interface Functions {
  readonly mainLoop: number
  readonly analyzeAndGenerate: number
}

export function patchEagerCompile(module: WasmModule, { mainLoop, analyzeAndGenerate }: Functions): void {
  const hotness = module.addGlobal(GLOBAL.hotness)
  const hook = module.addGlobal(GLOBAL.compiledHook)
  const compiled = module.addGlobal(GLOBAL.compiled)
  module.replaceCode(mainLoop, [0x41, ...encodeSigned(JIT.hotness)], paddedGlobal(hotness))
  const hookType = module.functionType(['i32'])
  const parameters = Array.from({ length: module.parameterCount(analyzeAndGenerate) }, (_, i) => w.get(i))
  const lock = w.constant(JIT.lock)
  module.wrapFunction(analyzeAndGenerate, (original) =>
    w.body(
      0,
      w.call(original, ...parameters),
      w.when(
        w.getGlobal(compiled),
        w.setGlobal(compiled, w.constant(0)),
        w.store8(lock, w.constant(0)),
        w.callIndirect(hookType, w.getGlobal(hook), w.constant(0)),
        w.store8(lock, w.constant(1)),
      ),
    ),
  )
}

/** `global.get` in four bytes: a LEB128 number may have more than it needs. */
const paddedGlobal = (index: number) => [0x23, (index & 0x7f) | 0x80, ((index >> 7) & 0x7f) | 0x80, index >> 14]
