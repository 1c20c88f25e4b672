/**
 * The change that lets a guest run in a machine whose memory has not come yet (post-copy).
 *
 * Before a page walk (dirty-log-patch.ts tells what that is) reads anything, the wrapper makes sure that the page
 * directory, the page table and the page itself are there: where the byte map of missing pages says otherwise, it calls
 * a function outside, which returns when the page has come. It blocks the vCPU in the middle of an instruction; nothing
 * of the machine is touched meanwhile but the missing page. A walk without side effects, by which the compiler looks
 * for code, waits as well: it reads the page afterwards.
 *
 * With PAE, page-directory pointers are read outside of walks, by a function for physical reads of 64 bits that is also
 * inlined elsewhere; it waits for the pages that it reads from.
 *
 * With all pages there (map address 0) the wrappers cost one test and one call each.
 */
import { cpuWord, pageTableCode, PRESENT } from './page-table-code.ts'
import { CPU_OFFSET } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'
import * as w from './wasm/code.ts'
import type { WasmModule } from './wasm/module.ts'

export interface Functions {
  /** Indices of the functions to wrap, and of the global with the address of guest-physical address 0. */
  readonly pageWalk: number
  readonly read64: number
  readonly ramBase: number
}

export function patchDemandPaging(module: WasmModule, { pageWalk, read64, ramBase }: Functions): void {
  const missing = module.addGlobal(GLOBAL.missing)
  const hook = module.addGlobal(GLOBAL.missingHook)
  const hookType = module.functionType(['i32'])
  /** Waits for a page. @param page local that holds its number; the map covers all 2^20 of them */
  const ensure = (page: number): w.Code =>
    w.when(
      w.atomicLoad8(w.add(w.getGlobal(missing), w.get(page))),
      w.callIndirect(hookType, w.getGlobal(hook), w.get(page)),
    )
  module.wrapFunction(pageWalk, (original) => walkWrapper(original, missing, ramBase, ensure))
  module.wrapFunction(read64, (original) => readWrapper(original, missing, ensure))
}

type Ensure = (page: number) => w.Code

function walkWrapper(original: number, missing: number, ramBase: number, ensure: Ensure): Uint8Array {
  const [address, forWriting, user, jit, sideEffects] = [0, 1, 2, 3, 4].map(w.get)
  // Locals: physical addresses of the entries of page directory and page table, those entries, a page number.
  const [ENTRY_AT, ENTRY, PAGE] = [5, 6, 7]
  const tables = pageTableCode(address)
  const pageOf = (physical: w.Code): w.Code => w.set(PAGE, w.shiftRight(physical, 12))
  /** Reads the entry at ENTRY_AT when its page is there; leaves the block where there is nothing to read or to follow. */
  const readEntry: w.Code = [
    ...pageOf(w.get(ENTRY_AT)),
    ...ensure(PAGE),
    ...w.leaveIf(w.atLeast(w.get(ENTRY_AT), cpuWord(CPU_OFFSET.memorySize))),
    ...w.set(ENTRY, w.load(w.add(w.getGlobal(ramBase), w.get(ENTRY_AT)))),
    ...w.leaveIf(w.not(w.and(w.get(ENTRY), w.constant(PRESENT)))),
  ]
  return w.body(
    3,
    w.when(
      w.getGlobal(missing),
      w.block(
        w.leaveAfter(tables.pagingOff, pageOf(address), ensure(PAGE)),
        w.leaveIf(tables.noDirectory),
        w.set(ENTRY_AT, tables.directoryEntryAt),
        readEntry,
        w.leaveAfter(tables.isLarge(ENTRY), pageOf(tables.inLargePage(ENTRY)), ensure(PAGE)),
        w.set(ENTRY_AT, tables.tableEntryAt(ENTRY)),
        readEntry,
        pageOf(w.get(ENTRY)),
        ensure(PAGE),
      ),
    ),
    w.call(original, address, forWriting, user, jit, sideEffects),
  )
}

function readWrapper(original: number, missing: number, ensure: Ensure): Uint8Array {
  const PAGE = 1
  const ensureAt = (physical: w.Code): w.Code => [...w.set(PAGE, w.shiftRight(physical, 12)), ...ensure(PAGE)]
  return w.body(
    1,
    w.when(w.getGlobal(missing), ensureAt(w.get(0)), ensureAt(w.add(w.get(0), w.constant(7)))),
    w.call(original, w.get(0)),
  )
}
