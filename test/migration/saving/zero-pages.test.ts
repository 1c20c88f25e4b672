/** Pages of zeros in full: the same memory, in order. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BLOCK, PAGE_SIZE } from '../../../engine/vmstate/blocks.ts'
import { inFull } from '../../../engine/migration/saving/zero-pages.ts'

test('a batch in full has every page once, ascending, with its own content', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(5000), { maxLength: 12 }), fc.nat(12), (numbers, cut) => {
      const pages = Uint32Array.from(numbers.slice(cut)).sort()
      const zeroPages = Uint32Array.from(numbers.slice(0, cut)).sort()
      const data = new Uint8Array(pages.length * PAGE_SIZE)
      pages.forEach((page, i) => data.fill(1 + (page % 255), i * PAGE_SIZE, (i + 1) * PAGE_SIZE))
      const full = inFull({ block: BLOCK.ram, pages, zeroPages, data })
      expect([...full.pages]).toEqual([...numbers].sort((a, b) => a - b))
      expect(full.zeroPages).toHaveLength(0)
      expect(full.data).toHaveLength(full.pages.length * PAGE_SIZE)
      full.pages.forEach((page, i) => {
        const value = zeroPages.includes(page) ? 0 : 1 + (page % 255)
        expect(full.data[i * PAGE_SIZE]).toBe(value)
        expect(full.data[(i + 1) * PAGE_SIZE - 1]).toBe(value)
      })
    }),
  )
})
