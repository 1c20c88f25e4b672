/**
 * The change that lets a guest be compiled sooner than v86 would: it interprets a page of code until 200,000 of its instructions
 * were executed, and compiles it then. In a machine that a guest has just come to nothing is compiled, and that takes tenths of
 * a second. So the number is a global, which starts with what it was (compiler.ts).
 *
 * Source: v86 `src/rust/jit.rs`, `jit_increase_hotness_and_maybe_compile`, which is inlined into `main_loop`.
 */
import { JIT } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'
import { encodeSigned } from './wasm/leb128.ts'
import type { WasmModule } from './wasm/module.ts'

/** @param mainLoop index of the function */
export function patchHotness(module: WasmModule, mainLoop: number): void {
  const hotness = module.addGlobal(GLOBAL.hotness)
  module.replaceCode(mainLoop, [0x41, ...encodeSigned(JIT.hotness)], paddedGlobal(hotness))
}

/** `global.get` in four bytes: a LEB128 number may have more than it needs. */
const paddedGlobal = (index: number) => [0x23, (index & 0x7f) | 0x80, ((index >> 7) & 0x7f) | 0x80, index >> 14]
