/**
 * The change that gives v86 an exact dirty log.
 *
 * Every access of the emulated CPU to memory goes through a software TLB. A miss calls the Rust function
 * `do_page_walk(address, for_writing, user, jit, side_effects)`, which returns the TLB entry (0 = page fault); an entry
 * made by a read is read-only, so the first write after `full_clear_tlb()` always walks. The wrapper around that
 * function marks, in a byte map with one byte per 4 KiB page of the physical address space:
 *
 * - the page that the walk made writable;
 * - the page directory and the page table, when the walk itself set accessed or dirty bits in them. Those writes do
 *   not go through the TLB, so the entries are compared before and after.
 *
 * Where a second map is given, it marks there what the CPU accesses in any way: the page and the tables that led to it.
 *
 * Without a map (address 0) the wrapper costs one test and one call per walk; nothing per access in any case.
 * Pages written by devices do not walk; write-map.ts, which holds both maps, adds them.
 */
import type { WasmModule } from './wasm/module.ts'
import * as w from './wasm/code.ts'
import { cpuWord, pageTableCode, PRESENT } from './page-table-code.ts'
import { CPU_OFFSET } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'

const FRAME = -4096

/** @param ramBase index of the global that holds the address of guest-physical address 0 */
export function patchDirtyLog(module: WasmModule, pageWalk: number, ramBase: number): void {
  const dirtyLog = module.addGlobal(GLOBAL.dirtyLog)
  const used = module.addGlobal(GLOBAL.used)
  module.wrapFunction(pageWalk, (original) => wrapper(original, { dirtyLog, used, ramBase }))
}

/** Indices of globals. */
interface Globals {
  readonly dirtyLog: number
  readonly used: number
  readonly ramBase: number
}

function wrapper(original: number, globals: Globals): Uint8Array {
  const [address, forWriting, user, jit, sideEffects] = [0, 1, 2, 3, 4].map(w.get)
  // Locals: result; physical addresses of the page-directory and page-table entries (0 = none) and their old values.
  const [RESULT, PD, PDE, PT, PTE] = [5, 6, 7, 8, 9]
  const map = w.getGlobal(globals.dirtyLog)
  const ramBase = w.getGlobal(globals.ramBase)
  const tables = pageTableCode(address)
  const guest = (local: number): w.Code => w.load(w.add(ramBase, w.get(local)))
  const outsideRam = (local: number): w.Code => w.atLeast(w.get(local), cpuWord(CPU_OFFSET.memorySize))
  const markIn = (bytes: w.Code, physical: w.Code): w.Code =>
    w.store8(w.add(bytes, w.shiftRight(physical, 12)), w.constant(1))
  const mark = (physical: w.Code): w.Code => markIn(map, physical)
  const used = w.getGlobal(globals.used)
  // The entry of the TLB is (physical page + RAM base) xor virtual page, with flags in the low 12 bits.
  const found = w.sub(w.and(w.xor(w.get(RESULT), address), w.constant(FRAME)), ramBase)
  const walk = w.call(original, address, forWriting, user, jit, sideEffects)

  return w.body(
    5,
    w.when(
      map,
      w.block(
        w.leaveIf(tables.pagingOff),
        // PD stays 0 where there is none.
        w.leaveIf(tables.noDirectory),
        w.set(PD, tables.directoryEntryAt),
        w.leaveIf(w.not(w.get(PD))),
        w.when(outsideRam(PD), w.set(PD, w.constant(0))),
        w.leaveIf(w.not(w.get(PD))),
        w.set(PDE, guest(PD)),
        w.leaveIf(w.not(w.and(w.get(PDE), w.constant(PRESENT)))),
        w.leaveIf(tables.isLarge(PDE)),
        w.set(PT, tables.tableEntryAt(PDE)),
        w.when(outsideRam(PT), w.set(PT, w.constant(0))),
        w.leaveIf(w.not(w.get(PT))),
        w.set(PTE, guest(PT)),
      ),
      w.set(RESULT, walk),
      w.when(w.get(PD), w.when(w.differs(guest(PD), w.get(PDE)), mark(w.get(PD)))),
      w.when(w.get(PT), w.when(w.differs(guest(PT), w.get(PTE)), mark(w.get(PT)))),
      w.when(w.and(forWriting, sideEffects), w.when(w.get(RESULT), mark(found))),
      w.when(
        used,
        w.when(w.get(PD), markIn(used, w.get(PD))),
        w.when(w.get(PT), markIn(used, w.get(PT))),
        w.when(w.get(RESULT), markIn(used, found)),
      ),
      w.giveBack(w.get(RESULT)),
    ),
    walk,
  )
}
