/** Pages of zeros told from the others: they travel as their numbers. */
import { PAGE_SIZE } from './blocks.ts'

const ZEROS = Buffer.alloc(PAGE_SIZE)

/** @param at offset of the page in the bytes */
export const isZero = (bytes: Uint8Array, at: number): boolean => ZEROS.compare(bytes, at, at + PAGE_SIZE) === 0

/** Pages with their contents, one behind the other, as a batch: those of zeros by their numbers only. */
export function splitZeros<B>(block: B, pages: Uint32Array, bytes: Uint8Array) {
  const zero = Uint8Array.from(pages, (_, i) => Number(isZero(bytes, i * PAGE_SIZE)))
  const full = pages.filter((_, i) => zero[i] === 0)
  const data = new Uint8Array(full.length * PAGE_SIZE)
  let to = 0
  pages.forEach((_, i) => {
    if (zero[i] === 1) return
    data.set(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), to)
    to += PAGE_SIZE
  })
  return {
    block,
    pages: Uint32Array.from(full),
    zeroPages: Uint32Array.from(pages.filter((_, i) => zero[i] === 1)),
    data,
  }
}
