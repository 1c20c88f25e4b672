/** Some pages of a dirty log that gives all of them. */
import type { Machine, PageSet } from './machine.ts'

/** Of these pages, those that are in the machine's dirty log. @throws FerryError `machine.log-off` */
export async function dirtyAmong(
  machine: Pick<Machine, 'dirtyLogFetch'>,
  { block, pages }: PageSet,
): Promise<Uint32Array<ArrayBuffer>> {
  const dirty = (await machine.dirtyLogFetch(false)).find((each) => each.block === block)?.pages
  if (dirty === undefined) return new Uint32Array(0)
  const among = new Set(dirty)
  return pages.filter((page) => among.has(page))
}
