import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChangeLog } from '../../engine/qemu/change-log.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'

const PAGES = 6
const PAGE = 4096

/** RAM in which each page is full of one value. */
function memory() {
  const values = new Uint8Array(PAGES)
  const page = (number: number): Uint8Array => new Uint8Array(PAGE).fill(values[number] ?? 0)
  const each = (visit: (first: number, bytes: Uint8Array<ArrayBuffer>) => void): Promise<void> => {
    for (let first = 0; first < PAGES; first++) visit(first, new Uint8Array(page(first)))
    return Promise.resolve()
  }
  return { values, ram: { pages: PAGES, page, each } }
}

const number = fc.nat(PAGES - 1)
const write = fc.record({ write: number, value: fc.nat(3) })
const step = fc.oneof(write, fc.record({ give: number }), fc.record({ fetch: fc.boolean() }))

test('in the log at the stop is what is not as it was given out, though QEMU missed writes to pages that it read again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step), fc.array(write), fc.array(write), async (before, logged, missed) => {
      const { values, ram } = memory()
      const log = await ChangeLog.start(ram)
      const given = new Uint8Array(PAGES)
      for (const each of before) {
        if ('write' in each) values[each.write] = each.value
        else if ('fetch' in each) for (const page of await log.fetch(each.fetch)) given[page] = values[page] ?? 0
        else {
          const data = ram.page(each.give)
          given[each.give] = values[each.give] ?? 0
          const pages = Uint32Array.of(each.give)
          log.given({ block: BLOCK.ram, pages, zeroPages: new Uint32Array(0), data: new Uint8Array(data) })
        }
      }
      const changes = log.follow()
      for (let page = 0; page < PAGES; page++) changes.page(page, ram.page(page))
      for (const each of logged) values[each.write] = each.value
      const again = new Set(logged.map((each) => each.write))
      for (const page of again) changes.page(page, ram.page(page))
      for (const each of missed) if (again.has(each.write)) values[each.write] = each.value
      const inLog = new Set(changes.pages())
      for (let page = 0; page < PAGES; page++) if (values[page] !== given[page]) expect(inLog).toContain(page)
    }),
  )
})
