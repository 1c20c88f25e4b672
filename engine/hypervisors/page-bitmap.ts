/** A set of page numbers as a bitmap, as both hypervisors keep their dirty logs: bit n of the map is page n. */
export class PageBitmap {
  readonly pages: number
  private readonly words: Uint32Array<ArrayBuffer>
  private members = 0

  /** @param pages pages that the map covers, from 0 */
  constructor(pages: number) {
    this.pages = pages
    this.words = new Uint32Array(Math.ceil(pages / 32))
  }

  /** Number of pages in the set. */
  get count(): number {
    return this.members
  }

  /** Adds a page; true where it was not in the set. Pages outside of the map are the caller's business. */
  add(page: number): boolean {
    const word = page >>> 5
    const before = this.words[word] ?? 0
    const after = before | (1 << (page & 31))
    if ((before | 0) === after) return false
    this.words[word] = after
    this.members += 1
    return true
  }

  /** Page numbers in ascending order. */
  toPages(): Uint32Array<ArrayBuffer> {
    const pages = new Uint32Array(this.members)
    let n = 0
    for (let word = 0; word < this.words.length && n < pages.length; word++) {
      let bits = this.words[word] ?? 0
      while (bits !== 0) {
        const lowest = bits & -bits
        pages[n++] = word * 32 + 31 - Math.clz32(lowest)
        bits ^= lowest
      }
    }
    return pages
  }

  /** The map itself, one bit a page, padded to whole bytes as hypercalls and ioctls return it. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.words.buffer.slice(0, Math.ceil(this.pages / 8)))
  }

  /** Empties the set. */
  clear(): void {
    this.words.fill(0)
    this.members = 0
  }
}
