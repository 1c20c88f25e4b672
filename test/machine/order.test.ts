/** Some calls are carried out on the I/O thread, the others on the vCPU's: nobody may be able to tell. */
import { expect, test } from 'vitest'
import { pageDigests } from '../../engine/machine/digest.ts'
import type { PageBatch } from '../../engine/machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { labos, machine, MIB, random } from './helpers.ts'

const PAGES = (8 * MIB) / PAGE_SIZE
/** Above the first megabyte, where the machine itself has things; and few, so that calls meet. */
const FIRST = 300
const END = 316

test.each([3, 5, 8, 13])('calls are carried out in the order in which they were made (seed %i)', async (seed) => {
  const guest = await machine({ ramBytes: 8 * MIB, vgaBytes: MIB / 4 })
  const pick = random(seed)
  const fills = new Uint8Array(PAGES)
  const waiting: Promise<unknown>[] = []
  const pageOf = (fill: number) => new Uint8Array(PAGE_SIZE).fill(fill)
  const some = () => {
    const first = FIRST + pick(END - FIRST - 8)
    return Uint32Array.from({ length: 1 + pick(7) }, (_, i) => first + i)
  }
  const steps = [
    () => {
      const pages = some()
      const fill = 1 + pick(255)
      fills.fill(fill, pages[0], pages[0] + pages.length)
      const data = new Uint8Array(pages.length * PAGE_SIZE).fill(fill)
      return guest.writePages({ block: BLOCK.ram, pages, zeroPages: new Uint32Array(0), data })
    },
    () => {
      const zeroPages = some()
      fills.fill(0, zeroPages[0], zeroPages[0] + zeroPages.length)
      return guest.writePages({ block: BLOCK.ram, pages: new Uint32Array(0), zeroPages, data: new Uint8Array(0) })
    },
    () => {
      const pages = some()
      const expected = fills.slice(pages[0], pages[0] + pages.length)
      return guest.readPages({ block: BLOCK.ram, pages }).then((read) => {
        expect(fillsOf(read, pages[0], pages.length)).toEqual([...expected])
      })
    },
    () => {
      const at = FIRST + pick(END - FIRST)
      const fill = fills[at]
      return guest.digests(BLOCK.ram).then((digests) => {
        expect(digests[at]).toBe(pageDigests(pageOf(fill))[0])
      })
    },
    () => guest.instructions(),
  ]
  for (let i = 0; i < 300; i++) {
    waiting.push(steps[pick(steps.length)]())
    if (pick(6) === 0) await Promise.all(waiting.splice(0))
  }
  await Promise.all(waiting)
})

function fillsOf({ pages, data }: PageBatch, first: number, count: number): number[] {
  const fills = new Array<number>(count).fill(0)
  pages.forEach((page, i) => (fills[page - first] = data[i * PAGE_SIZE]))
  return fills
}

test('a page of a running guest that is not in the log is as it was read, however the guest writes meanwhile', async () => {
  const { machine: guest } = await labos('own=4M load=30000,2M,random')
  const all = Uint32Array.from({ length: guest.config.ramBytes / PAGE_SIZE }, (_, page) => page)
  await guest.dirtyLogStart()
  for (let round = 0; round < 8; round++) {
    await guest.dirtyLogFetch(true)
    let read: PageBatch
    do read = await guest.readPages({ block: BLOCK.ram, pages: all })
    while ((await guest.dirtyAmong({ block: BLOCK.ram, pages: all })).length === 0)
    await guest.pause()
    const [digests, log] = [
      await guest.digests(BLOCK.ram),
      new Set(await guest.dirtyAmong({ block: BLOCK.ram, pages: all })),
    ]
    expect(log.size).toBeGreaterThan(0)
    const held = pageDigests(read.data)
    const wrong = [...read.pages].filter((page, i) => !log.has(page) && held[i] !== digests[page])
    expect(wrong).toEqual([])
    await guest.resume()
  }
})

test('of some pages those are told that are in the log, in every block', async () => {
  const { machine: guest } = await labos('own=1M load=2000,1M,random')
  const ram = { block: BLOCK.ram, pages: Uint32Array.of(1, 2, 300) }
  await expect(guest.dirtyAmong(ram)).rejects.toMatchObject({ code: 'machine.log-off' })
  await guest.dirtyLogStart()
  await expect.poll(() => guest.dirtyLogFetch(false), { timeout: 60_000, interval: 5 }).not.toEqual([])
  await guest.pause()
  const sets = await guest.dirtyLogFetch(false)
  for (const { id, bytes } of guest.blocks) {
    const pages = Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, page) => page)
    const dirty = sets.find(({ block }) => block === id)?.pages ?? []
    expect([...(await guest.dirtyAmong({ block: id, pages }))]).toEqual([...dirty])
  }
})
