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
 * With the log off (map address 0) the wrapper costs one test and one call per walk, and nothing per access.
 * Pages written by devices do not walk; dirty-log.ts adds them.
 */
import type { WasmModule } from './wasm/module.ts'
import * as w from './wasm/code.ts'
import { CPU_OFFSET } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'

const CR4_PSE = 1 << 4
const CR4_PAE = 1 << 5
const PRESENT = 1
const LARGE_PAGE = 1 << 7
const FRAME = -4096

/** @param ramBase index of the global that holds the address of guest-physical address 0 */
export function patchDirtyLog(module: WasmModule, pageWalk: number, ramBase: number): void {
  const dirtyLog = module.addGlobal(GLOBAL.dirtyLog)
  module.wrapFunction(pageWalk, (original) => wrapper(original, dirtyLog, ramBase))
}

function wrapper(original: number, dirtyLogGlobal: number, ramBaseGlobal: number): Uint8Array {
  const [address, forWriting, user, jit, sideEffects] = [0, 1, 2, 3, 4].map(w.get)
  // Locals: result; physical addresses of the page-directory and page-table entries (0 = none) and their old values.
  const [RESULT, PD, PDE, PT, PTE] = [5, 6, 7, 8, 9]
  const map = w.getGlobal(dirtyLogGlobal)
  const ramBase = w.getGlobal(ramBaseGlobal)
  const cpu = (offset: number): w.Code => w.load(w.constant(0), offset)
  const pae = w.and(cpu(CPU_OFFSET.cr4), w.constant(CR4_PAE))
  const guest = (local: number): w.Code => w.load(w.add(ramBase, w.get(local)))
  const outsideRam = (local: number): w.Code => w.atLeast(w.get(local), cpu(CPU_OFFSET.memorySize))
  const mark = (physical: w.Code): w.Code => w.store8(w.add(map, w.shiftRight(physical, 12)), w.constant(1))
  const walk = w.call(original, address, forWriting, user, jit, sideEffects)
  // Which PDPTE: bits 30–31 of the address select one of four 8-byte entries.
  const pdpte = w.load(w.and(w.shiftRight(address, 27), w.constant(24)), CPU_OFFSET.pdpte)

  const findPageDirectory = w.set(
    PD,
    w.choose(
      pae,
      // An absent PDPTE leaves PD at 0.
      w.choose(
        w.and(pdpte, w.constant(PRESENT)),
        w.add(w.and(pdpte, w.constant(FRAME)), w.and(w.shiftRight(address, 18), w.constant(0xff8))),
        w.constant(0),
      ),
      // Like v86, which adds the offset to CR3 as it stands.
      w.add(cpu(CPU_OFFSET.cr3), w.and(w.shiftRight(address, 20), w.constant(0xffc))),
    ),
  )
  const findPageTable = w.set(
    PT,
    w.add(
      w.and(w.get(PDE), w.constant(FRAME)),
      w.choose(
        pae,
        w.and(w.shiftRight(address, 9), w.constant(0xff8)),
        w.and(w.shiftRight(address, 10), w.constant(0xffc)),
      ),
    ),
  )

  return w.body(
    5,
    w.when(
      map,
      w.block(
        w.leaveIf(w.notNegative(cpu(CPU_OFFSET.cr0))), // CR0.PG is the sign bit
        findPageDirectory,
        w.leaveIf(w.not(w.get(PD))),
        w.when(outsideRam(PD), w.set(PD, w.constant(0))),
        w.leaveIf(w.not(w.get(PD))),
        w.set(PDE, guest(PD)),
        w.leaveIf(w.not(w.and(w.get(PDE), w.constant(PRESENT)))),
        w.leaveIf(
          w.and(
            w.shiftRight(w.and(w.get(PDE), w.constant(LARGE_PAGE)), 3), // bit 7 → bit 4, to meet CR4.PSE
            w.and(cpu(CPU_OFFSET.cr4), w.constant(CR4_PSE)),
          ),
        ),
        findPageTable,
        w.when(outsideRam(PT), w.set(PT, w.constant(0))),
        w.leaveIf(w.not(w.get(PT))),
        w.set(PTE, guest(PT)),
      ),
      w.set(RESULT, walk),
      w.when(w.get(PD), w.when(w.differs(guest(PD), w.get(PDE)), mark(w.get(PD)))),
      w.when(w.get(PT), w.when(w.differs(guest(PT), w.get(PTE)), mark(w.get(PT)))),
      // The entry is (physical page + RAM base) xor virtual page, with flags in the low 12 bits.
      w.when(
        w.and(forWriting, sideEffects),
        w.when(w.get(RESULT), mark(w.sub(w.and(w.xor(w.get(RESULT), address), w.constant(FRAME)), ramBase))),
      ),
      w.giveBack(w.get(RESULT)),
    ),
    walk,
  )
}
