/** A page that was never written is told to be zero without being looked at: so it has to be. */
import { expect, test } from 'vitest'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { variants } from '../setup/variants.ts'
import { labos, machine, MIB, random, wronglyZero } from './helpers.ts'
import { PAGING, PAGING_TRIED, RAM, TABLES, walkerPlan } from './walker.ts'

test('of a new machine nothing is written but the first megabyte', async () => {
  const guest = await machine()
  expect(await wronglyZero(guest)).toEqual([])
  const { zeroPages } = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(256, 4095) })
  expect([...zeroPages]).toEqual([256, 4095])
})

test.each(variants([1], [2, 3]))('whatever LabOS and its devices write is found (seed %i)', async (seed) => {
  const pick = random(seed)
  const disk = new SharedArrayBuffer(4 * MIB)
  const { machine: guest, console } = await labos(`own=8M load=${500 + pick(4000)},${1 + pick(6)}M,random`, { disk })
  await console.ask(`disk test ${5 + pick(20)}`, /DISK ok/)
  for (let i = 0; i < 3; i++) {
    await guest.pause()
    expect(await wronglyZero(guest)).toEqual([])
    await guest.resume()
  }
})

test.each(PAGING_TRIED)('with $name, the page tables that the CPU writes are found', async ({ paging }) => {
  const guest = await machine({ ramBytes: RAM, vgaBytes: MIB / 4 })
  await guest.boot(walkerPlan(paging, 4711))
  await guest.resume()
  await expect.poll(() => guest.instructions(), { timeout: 60_000 }).toBeGreaterThan(100_000)
  await guest.pause()
  expect(await wronglyZero(guest)).toEqual([])
})

test('zeros over what was written are zeros again', async () => {
  const guest = await machine()
  const none = new Uint32Array(0)
  const data = new Uint8Array(PAGE_SIZE).fill(7)
  await guest.writePages({ block: BLOCK.ram, pages: Uint32Array.of(900), zeroPages: Uint32Array.of(901), data })
  await guest.writePages({ block: BLOCK.ram, pages: none, zeroPages: Uint32Array.of(900), data: new Uint8Array(0) })
  expect(await wronglyZero(guest)).toEqual([])
  const { zeroPages } = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(900, 901) })
  expect([...zeroPages]).toEqual([900, 901])
})

test('what the guest uses while it is watched is found, its page tables too', async () => {
  const [, paging] = PAGING
  const guest = await machine({ ramBytes: RAM, vgaBytes: MIB / 4 })
  await guest.boot(walkerPlan(paging.paging, 4711))
  await guest.resume()
  await guest.useWatch()
  const before = await guest.instructions()
  await expect.poll(() => guest.instructions(), { timeout: 60_000 }).toBeGreaterThan(before + 100_000)
  const { used } = await guest.stop({ inlinePages: 0, leaveRam: true })
  expect(used.length).toBeGreaterThan(10)
  expect([...used].some((page) => page >= TABLES / PAGE_SIZE && page < TABLES / PAGE_SIZE + 64)).toBe(true)
  expect(used.every((page) => page < RAM / PAGE_SIZE)).toBe(true)
})

test('nothing is noted of a guest that is not watched', async () => {
  const { machine: guest } = await labos('load=500,1M,seq')
  expect([...(await guest.stop({ inlinePages: 0, leaveRam: true })).used]).toEqual([])
})
