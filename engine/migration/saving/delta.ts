/**
 * What changed in a page since its last version, as in QEMU's XBZRLE (docs/devel/migration, migration/xbzrle.c; Svärd et
 * al., VEE 2011): runs of equal words are skipped, changed words follow as they are now. An encoding of our own, in words
 * of 4 bytes, for that is what a 32-bit guest writes.
 *
 * A delta is a list of runs, in ascending order: words skipped, words changed (both unsigned LEB128, two bytes at most),
 * then the changed words. What follows the last run is equal. Only the first run may skip nothing; none changes nothing.
 * A page that did not change is a delta of no bytes.
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'

const WORD = 4
const WORDS = PAGE_SIZE / WORD
/** Longest head of a run, bytes. */
const HEAD = 4

const scratch = new Uint8Array(PAGE_SIZE)

function words(page: Uint8Array): Uint32Array {
  const at = page.byteOffset % WORD === 0 ? page : page.slice()
  return new Uint32Array(at.buffer, at.byteOffset, WORDS)
}

/**
 * @param old the version that the other side has, `PAGE_SIZE` bytes
 * @param now the version that it is to have
 * @returns null where the delta would not be shorter than the page
 */
export function encodeDelta(old: Uint8Array, now: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const [a, b] = [words(old), words(now)]
  let length = 0
  const put = (value: number): void => {
    if (value >= 0x80) scratch[length++] = (value & 0x7f) | 0x80
    scratch[length++] = value >= 0x80 ? value >>> 7 : value
  }
  for (let i = 0; ;) {
    const start = i
    while (i < WORDS && a[i] === b[i]) i++
    if (i === WORDS) return scratch.slice(0, length)
    const first = i
    while (i < WORDS && a[i] !== b[i]) i++
    if (length + HEAD + (i - first) * WORD >= PAGE_SIZE) return null
    put(first - start)
    put(i - first)
    scratch.set(now.subarray(first * WORD, i * WORD), length)
    length += (i - first) * WORD
  }
}

const invalid = (what: string) => new FerryError('protocol.delta', `The delta of a page ${what}.`)

/**
 * Applies a delta, which is not trusted.
 * @param page the old version, `PAGE_SIZE` bytes; becomes the new one
 * @throws FerryError `protocol.delta`; the page is undefined then
 */
export function decodeDelta(delta: Uint8Array, page: Uint8Array): void {
  let at = 0
  const take = (): number => {
    const low = delta[at++]
    if (low === undefined) throw invalid('is cut off')
    if (low < 0x80) return low
    const high = delta[at++]
    if (high === undefined) throw invalid('is cut off')
    if (high === 0 || high >= 0x80) throw invalid('has a number of more bytes than it needs')
    return (low & 0x7f) | (high << 7)
  }
  let word = 0
  while (at < delta.length) {
    const skip = take()
    const count = take()
    if (count === 0 || (skip === 0 && word > 0)) throw invalid('has an empty run')
    word += skip
    if (word + count > WORDS) throw invalid('goes beyond the page')
    const end = at + count * WORD
    if (end > delta.length) throw invalid('is cut off')
    page.set(delta.subarray(at, end), word * WORD)
    at = end
    word += count
  }
}
