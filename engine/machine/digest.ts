/**
 * A digest of a page, quick enough for a whole RAM: two 32-bit lanes of multiply and xor over the page's words. It tells
 * a page that arrived wrong from one that arrived right; it is not made to withstand an adversary.
 */
import { PAGE_SIZE } from '../vmstate/blocks.ts'

/** Odd multipliers with well spread bits (from xxHash32's primes). */
const LANE_A = 0x9e3779b1
const LANE_B = 0x85ebca77

/** One 64-bit digest a page. `bytes` is 4-byte aligned and a multiple of the page size long. */
export function pageDigests(bytes: Uint8Array): BigUint64Array<ArrayBuffer> {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const out = new BigUint64Array(bytes.length / PAGE_SIZE)
  const halves = new Uint32Array(out.buffer)
  const wordsPerPage = PAGE_SIZE / 4
  for (let page = 0; page < out.length; page++) {
    let a = LANE_A
    let b = LANE_B
    const end = (page + 1) * wordsPerPage
    for (let i = page * wordsPerPage; i < end; i++) {
      const word = words[i]
      a = Math.imul(a ^ word, LANE_A)
      a ^= a >>> 15
      b = Math.imul(b + word, LANE_B)
      b ^= b >>> 13
    }
    halves[2 * page] = a
    halves[2 * page + 1] = b
  }
  return out
}
