/** What the guest that came or moved last tells about the machine that will be needed next. */
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Guest } from '../guest.ts'
import type { Wanted } from './keeper.ts'

/** @param guest the one that came or moved last; null = none is left */
export function wantedAfter(guest: Guest | null): Wanted | null {
  if (guest === null) return null
  const { machine, host } = guest.residence
  const { mac: _, ...shape } = machine.config
  return { shape, host, pages: async () => writtenPages(await machine.unwrittenPages(), shape.ramBytes / PAGE_SIZE) }
}

/** The pages of RAM that are not in the list of those never written. */
export function writtenPages(unwritten: Uint32Array, pages: number): Uint32Array<ArrayBuffer> {
  const written = new Uint8Array(pages).fill(1)
  for (const page of unwritten) if (page < pages) written[page] = 0
  return Uint32Array.from({ length: pages }, (_, page) => page).filter((page) => written[page] === 1)
}
