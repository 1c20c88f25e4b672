/** The states of pages on their way. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PAGE_STATE } from '../../engine/contract/pages.ts'
import { PageMap } from '../../engine/migration/page-map.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'

const PAGES = 8
const ram = { id: BLOCK.ram, name: 'ram', bytes: PAGES * 4096 } as const
const vga = { id: BLOCK.vgaPlanes, name: 'vgaPlanes', bytes: 2 * 4096 } as const
const list = (...pages: number[]) => Uint32Array.from(pages)
const { missing, sent, resent, dirty, live } = PAGE_STATE

test('a page is missing, sent, dirty while it waits to be sent again, and resent', () => {
  const map = new PageMap([ram])
  expect([...map.ram()]).toEqual(Array(PAGES).fill(missing))
  expect(map.sent(BLOCK.ram, list(0, 1, 2))).toBe(0)
  map.changed([{ block: BLOCK.ram, pages: list(1, 2, 7) }])
  expect([...map.ram()]).toEqual([sent, dirty, dirty, missing, missing, missing, missing, missing])
  expect(map.sent(BLOCK.ram, list(1, 7))).toBe(1)
  expect([...map.ram()]).toEqual([sent, resent, dirty, missing, missing, missing, missing, sent])
})

test('pages of device memories count as sent before, and are not pages of RAM', () => {
  const map = new PageMap([ram, vga])
  expect(map.sent(BLOCK.vgaPlanes, list(0, 1))).toBe(0)
  expect(map.sent(BLOCK.vgaPlanes, list(1))).toBe(1)
  expect([...map.ram()]).toEqual(Array(PAGES).fill(missing))
})

test('pages become live one by one, or all at once', () => {
  const map = new PageMap([ram, vga])
  map.live(list(3))
  expect([...map.ram()].map((state) => state === live)).toEqual([false, false, false, true, false, false, false, false])
  map.live()
  expect([...map.ram()]).toEqual(Array(PAGES).fill(live))
})

test('what is handed out is a copy', () => {
  const map = new PageMap([ram])
  map.ram().fill(live)
  expect([...map.ram()]).toEqual(Array(PAGES).fill(missing))
})

test('after any rounds each page that was sent is not missing, and pages sent before are counted', () => {
  const pages = fc.uniqueArray(fc.nat(PAGES - 1)).map((numbers) => list(...numbers.sort((a, b) => a - b)))
  fc.assert(
    fc.property(fc.array(pages), (rounds) => {
      const map = new PageMap([ram])
      const seen = new Set<number>()
      for (const round of rounds) {
        map.changed([{ block: BLOCK.ram, pages: round }])
        const again = round.filter((page) => seen.has(page)).length
        expect(map.sent(BLOCK.ram, round)).toBe(again)
        round.forEach((page) => seen.add(page))
      }
      expect(map.ram().map((state) => Number(state !== missing))).toEqual(
        Uint8Array.from({ length: PAGES }, (_, page) => Number(seen.has(page))),
      )
    }),
  )
})
