/** All changes that Ferry makes to v86's wasm, in memory, at load: each patch wraps functions of the module. */
import { FerryError } from '../util/errors.ts'
import { patchDemandPaging } from './demand-paging-patch.ts'
import { patchDirtyLog } from './dirty-log-patch.ts'
import { GLOBAL } from './v86/globals.ts'
import { WasmModule } from './wasm/module.ts'

/** Ends of mangled Rust names. */
const PAGE_WALK = /3cpu12do_page_walk$/
const PHYSICAL_READ_64 = /3cpu6memory7read64s$/

/**
 * @param binary v86.wasm
 * @returns the patched binary
 * @throws FerryError `machine.v86-shape` when a function to wrap cannot be found
 */
export function patchV86(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = new WasmModule(binary)
  const pageWalk = find(module, PAGE_WALK, 'page walk')
  const read64 = find(module, PHYSICAL_READ_64, 'physical read of 64 bits')
  const ramBase = module.addGlobal(GLOBAL.ramBase)
  patchDirtyLog(module, pageWalk, ramBase)
  // Outside of the log: what a walk waits for is there before the log looks at the tables.
  patchDemandPaging(module, { pageWalk, read64, ramBase })
  return module.emit()
}

function find(module: WasmModule, pattern: RegExp, what: string): number {
  const found = [...module.functionNames()].filter(([name]) => pattern.test(name))
  if (found.length !== 1) {
    throw new FerryError('machine.v86-shape', `This build of v86 has no ${what} that Ferry knows how to trap.`, {
      candidates: found.length,
    })
  }
  return found[0][1]
}
