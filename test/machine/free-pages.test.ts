/** Pages that the guest gives back hold zeros from then on, and whoever watches writes hears of it. */
import { expect, test } from 'vitest'
import { FREE_PAGES_MAGIC, FREE_PAGES_PORT, FreePages } from '../../engine/machine/free-pages.ts'
import type { Machine } from '../../engine/machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { WriteMap } from '../../engine/machine/write-map.ts'
import { type Console, emulator, labos, wronglyZero } from './helpers.ts'

const ALL = Uint32Array.from({ length: 4096 }, (_, page) => page)
const holdingData = async (guest: Machine) => (await guest.readPages({ block: BLOCK.ram, pages: ALL })).pages.length
const stamped = (console: Console, pages: number) =>
  expect.poll(() => console.ask('own', /OWN .*/), { timeout: 60_000 }).toContain(` stamped=${pages} `)

test('what LabOS gives back counts as never written, and can be used again', async () => {
  const { machine: guest, console } = await labos('own=8M')
  await stamped(console, 2048)
  const [full, unwritten] = [await holdingData(guest), (await guest.unwrittenPages()).length]
  await console.ask('own 1M', /OWN pages=256/)
  expect(await holdingData(guest)).toBeLessThan(full - 1700)
  expect((await guest.unwrittenPages()).length).toBe(unwritten + 1792)
  expect(await guest.freePages()).toBe(1792)
  expect(await wronglyZero(guest)).toEqual([])
  await console.ask('check', /CHECK ok pages=256 /)

  await console.ask('own 4M', /OWN pages=1024/)
  await stamped(console, 1024)
  await console.ask('check', /CHECK ok pages=1024 /)
  expect(await wronglyZero(guest)).toEqual([])
  expect(await guest.freePages()).toBe(1024)
})

test('while a dirty log runs, they are in it: the target has what they held before', async () => {
  const { machine: guest, console } = await labos('own=8M')
  await stamped(console, 2048)
  await guest.dirtyLogStart()
  await console.ask('own 1M', /OWN pages=256/)
  await guest.pause()
  const dirty = (await guest.dirtyLogFetch(true)).find(({ block }) => block === BLOCK.ram)?.pages ?? []
  expect(dirty.length).toBeGreaterThanOrEqual(1792)
  const { zeroPages } = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.from(dirty) })
  expect(zeroPages.length).toBeGreaterThanOrEqual(1792)
  expect(await wronglyZero(guest)).toEqual([])
})

test('a guest that keeps them to itself keeps what they hold', async () => {
  const { machine: guest, console } = await labos('own=8M')
  await stamped(console, 2048)
  await console.ask('hints off', /HINTS off given_kb=0/)
  const full = await holdingData(guest)
  await console.ask('own 1M', /OWN pages=256/)
  expect(await holdingData(guest)).toBeGreaterThan(full - 100)
  expect(await guest.freePages()).toBe(0)
})

test('whatever is written to the port, nothing beyond RAM and nothing of the firmware is touched', async () => {
  const core = await emulator()
  const { cpu } = core
  const pages = cpu.memory_size[0] / PAGE_SIZE
  new FreePages(core, new WriteMap(core, pages), pages, () => true)
  expect(cpu.io.port_read32(FREE_PAGES_PORT) >>> 0).toBe(FREE_PAGES_MAGIC)
  core.ram.fill(7, 0xf0000, 0x101000)
  cpu.write32(0x200000, 1)
  // From page 0 on 4096 pages: twice the RAM of this machine.
  cpu.io.port_write32(FREE_PAGES_PORT, 0xfff00000 | 0)
  expect(core.ram[0xf0000]).toBe(7)
  expect(cpu.read32s(0x200000)).toBe(0)
  for (const value of [0xffffffff, 0x000fffff, 0x00000800]) cpu.io.port_write32(FREE_PAGES_PORT, value | 0)
})
