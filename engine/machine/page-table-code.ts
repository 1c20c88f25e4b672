/**
 * Where the CPU finds what an address means, as code for the patches of the page walk: with 32-bit entries or PAE, small
 * pages or large ones. Source: Intel SDM volume 3A, sections 4.3 and 4.4; like v86, which adds to CR3 as it stands.
 */
import { CPU_OFFSET } from './v86/layout.ts'
import * as w from './wasm/code.ts'

const CR4_PSE = 1 << 4
const CR4_PAE = 1 << 5
const LARGE_PAGE = 1 << 7
const FRAME = -4096
/** Bit of an entry: it leads somewhere. */
export const PRESENT = 1

/** 32 bits of the CPU's state. */
export const cpuWord = (offset: number): w.Code => w.load(w.constant(0), offset)

export interface PageTableCode {
  /** Not 0 with paging off: addresses are physical. CR0.PG is the sign bit. */
  readonly pagingOff: w.Code
  /** 1 where the address has no page directory: with PAE, one of four pointers may be absent. */
  readonly noDirectory: w.Code
  /** Physical address of the entry in the page directory. */
  readonly directoryEntryAt: w.Code
  /** @param pde local with the entry of the page directory @returns physical address of the entry in the page table */
  readonly tableEntryAt: (pde: number) => w.Code
  /** Not 0 where that entry is of a large page. */
  readonly isLarge: (pde: number) => w.Code
  /** Physical address within the large page. */
  readonly inLargePage: (pde: number) => w.Code
}

/** @param address code that gives the linear address */
export function pageTableCode(address: w.Code): PageTableCode {
  const pae = w.and(cpuWord(CPU_OFFSET.cr4), w.constant(CR4_PAE))
  // Bits 30–31 of the address select one of four 8-byte pointers.
  const pdpte = w.load(w.and(w.shiftRight(address, 27), w.constant(24)), CPU_OFFSET.pdpte)
  const frameOf = (entry: w.Code): w.Code => w.and(entry, w.constant(FRAME))
  const within = (pde: number, size: number): w.Code =>
    w.add(w.and(w.get(pde), w.constant(-size)), w.and(address, w.constant(size - 1)))
  return {
    pagingOff: w.notNegative(cpuWord(CPU_OFFSET.cr0)),
    noDirectory: w.and(w.shiftRight(pae, 5), w.not(w.and(pdpte, w.constant(PRESENT)))),
    directoryEntryAt: w.choose(
      pae,
      w.add(frameOf(pdpte), w.and(w.shiftRight(address, 18), w.constant(0xff8))),
      w.add(cpuWord(CPU_OFFSET.cr3), w.and(w.shiftRight(address, 20), w.constant(0xffc))),
    ),
    tableEntryAt: (pde) =>
      w.add(
        frameOf(w.get(pde)),
        w.choose(
          pae,
          w.and(w.shiftRight(address, 9), w.constant(0xff8)),
          w.and(w.shiftRight(address, 10), w.constant(0xffc)),
        ),
      ),
    isLarge: (pde) =>
      w.and(
        w.shiftRight(w.and(w.get(pde), w.constant(LARGE_PAGE)), 3), // bit 7 → bit 4, to meet CR4.PSE
        w.and(cpuWord(CPU_OFFSET.cr4), w.constant(CR4_PSE)),
      ),
    inLargePage: (pde) => w.choose(pae, within(pde, 0x20_0000), within(pde, 0x40_0000)),
  }
}
