/** Pages of zeros where the target has not agreed to take them by their numbers: they travel as any other page. */
import type { PageBatch } from '../../machine/machine.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'

/** The same pages, those of zeros in full among the others; numbers ascend, as they did in each of the two lists. */
export function inFull(batch: PageBatch): PageBatch {
  if (batch.zeroPages.length === 0) return batch
  const pages = new Uint32Array([...batch.pages, ...batch.zeroPages]).sort()
  const data = new Uint8Array(pages.length * PAGE_SIZE)
  const places = new Map(Array.from(pages, (page, at) => [page, at * PAGE_SIZE]))
  batch.pages.forEach((page, i) => {
    data.set(batch.data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), places.get(page))
  })
  return { block: batch.block, pages, zeroPages: new Uint32Array(0), data }
}
