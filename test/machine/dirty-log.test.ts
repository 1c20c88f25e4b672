import { expect, test } from 'vitest'
import { DirtyLog } from '../../engine/machine/dirty-log.ts'
import type { Emulator } from '../../engine/machine/emulator.ts'
import type { PageSet } from '../../engine/machine/machine.ts'
import { MemoryBlocks } from '../../engine/machine/memory-blocks.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { variants } from '../setup/variants.ts'
import { rounds } from './dirty-rounds.ts'
import { allPages, config, emulator, labos, machine, MIB, random } from './helpers.ts'
import { PAGING, RAM, TABLES, walkerPlan } from './walker.ts'

const PATTERNS = ['seq', 'random', 'hotcold'] as const
test.each(variants([1, 2], [3, 4, 5]))(
  'LabOS under a random load (seed %i): no changed page of any block is missed, and the log is not everything',
  async (seed) => {
    const pick = random(seed)
    const disk = new SharedArrayBuffer(8 * MIB)
    const load = `load=${500 + pick(8000)},${1 + pick(8)}M,${PATTERNS[pick(3)]}`
    const { machine: guest, console } = await labos(`own=8M ${load}`, { disk })
    await console.ask(`disk load ${20 + pick(200)}`, /OK disk_load=/)
    if (seed % 2 === 0) await console.ask('gfx on', /OK gfx=/)
    let changed = 0
    let logged = 0
    for (let part = 0; part < 2; part++) {
      if (part === 1) await guest.serialWrite(Buffer.from(`disk test ${5 + pick(30)}\n`))
      for (const result of await rounds(guest, 3, () => 5 + pick(60))) {
        expect(result.missed).toEqual([])
        changed += result.changed
        logged += result.logged
      }
      await guest.dirtyLogStop()
      await guest.resume()
    }
    expect(changed).toBeGreaterThan(0)
    // Written with what was there already, or by accesses that only might write: a page too many, but not many.
    expect(logged).toBeLessThan(1.1 * changed + 100)
    await console.waitFor(/DISK ok sectors=\d+/)
    expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  },
)

test.each(PAGING)('exact with $name, the page tables that the CPU writes included', async ({ paging }) => {
  const guest = await machine({ ramBytes: RAM, vgaBytes: MIB / 4 })
  await guest.boot(walkerPlan(paging, 12345))
  const results = await rounds(guest, 3, () => 15)
  for (const { missed, changed, logged } of results) {
    expect(missed).toEqual([])
    expect(logged).toBe(changed) // not one page too many either
  }
  const changed = results.reduce((sum, result) => sum + result.changed, 0)
  expect(changed).toBeGreaterThan(0)
  if (paging !== undefined) {
    const tables = { block: BLOCK.ram, pages: Uint32Array.from({ length: 64 }, (_, i) => TABLES / PAGE_SIZE + i) }
    const { pages, data } = await guest.readPages(tables)
    // The walks did write there: entries that are present (1) and accessed (0x20).
    const accessed = new Set<number>()
    data.forEach((byte, at) => {
      if (at % paging.entryBytes === 0 && (byte & 0x21) === 0x21) accessed.add(pages[Math.floor(at / PAGE_SIZE)])
    })
    expect(accessed.size).toBeGreaterThan(0)
  }
})

const sorted = (sets: readonly PageSet[]) => sets.map(({ block, pages }) => [block, ...pages])

test('a peek does not clear, a fetch does', async () => {
  const { machine: guest } = await labos('own=1M load=2000,1M,random')
  await guest.dirtyLogStart()
  await expect.poll(() => guest.dirtyLogFetch(false), { timeout: 60_000, interval: 5 }).not.toEqual([])
  await guest.pause()
  const peeked = await guest.dirtyLogFetch(false)
  expect(peeked.length).toBeGreaterThan(0)
  expect(sorted(await guest.dirtyLogFetch(false))).toEqual(sorted(peeked))
  expect(sorted(await guest.dirtyLogFetch(true))).toEqual(sorted(peeked))
  expect(await guest.dirtyLogFetch(true)).toEqual([])
  // Pages come ascending.
  for (const { pages } of peeked) expect([...pages]).toEqual([...pages].sort((a, b) => a - b))
})

test('start and stop are idempotent; a second start forgets nothing; a fetch without a log is a typed error', async () => {
  const { machine: guest } = await labos('own=1M load=2000,1M,random')
  await expect(guest.dirtyLogFetch(true)).rejects.toMatchObject({ code: 'machine.log-off' })
  await guest.dirtyLogStop()
  await guest.dirtyLogStart()
  await expect.poll(() => guest.dirtyLogFetch(false), { timeout: 60_000, interval: 5 }).not.toEqual([])
  await guest.pause()
  const before = await guest.dirtyLogFetch(false)
  await guest.dirtyLogStart()
  expect(sorted(await guest.dirtyLogFetch(false))).toEqual(sorted(before))
  await guest.dirtyLogStop()
  await guest.dirtyLogStop()
  await expect(guest.dirtyLogFetch(false)).rejects.toMatchObject({ code: 'machine.log-off' })
  // A new start begins with a clean log.
  await guest.dirtyLogStart()
  expect(await guest.dirtyLogFetch(false)).toEqual([])
})

/** A log on an emulator of the test's own thread. */
async function logOf(): Promise<{ guest: Emulator; log: DirtyLog; ram: () => number[] }> {
  const disk = new SharedArrayBuffer(512)
  const guest = await emulator({ disk })
  const log = new DirtyLog(guest, new MemoryBlocks(guest, config({ ramBytes: 8 * MIB, vgaBytes: MIB / 4, disk })))
  const ram = () => log.fetch(true).flatMap(({ block, pages }) => (block === BLOCK.ram ? [...pages] : []))
  return { guest, log, ram }
}

test('what devices write to memory is logged, in whichever way they write', async () => {
  const { guest, log, ram } = await logOf()
  const { cpu } = guest
  log.start()
  const at = (page: number) => page * PAGE_SIZE
  cpu.write_blob(new Uint8Array(3 * PAGE_SIZE - 1), at(300) + 2)
  cpu.write8(at(310), 1)
  cpu.write16(at(320) + 2, 1)
  cpu.write32(at(330), 1)
  cpu.write32(at(341) - 2, 1)
  expect(ram()).toEqual([300, 301, 302, 303, 310, 320, 330, 340, 341])
  expect(ram()).toEqual([])
})

test('device memories are logged to the page', async () => {
  const { guest, log } = await logOf()
  const { vga, net, ide } = guest.cpu.devices
  log.start()
  vga.vga_memory[5 * PAGE_SIZE] ^= 1
  vga.svga_memory[7 * PAGE_SIZE + 9] ^= 1
  net.memory[PAGE_SIZE] ^= 1
  const drive = ide.primary?.master
  if (drive === undefined) throw new Error('no drive')
  drive.data = new Uint8Array(2 * PAGE_SIZE).fill(7)
  drive.data_length = 2 * PAGE_SIZE
  drive.status_reg |= 8
  const expected = [
    [BLOCK.vgaPlanes, 5],
    [BLOCK.vgaFramebuffer, 7],
    [BLOCK.nicMemory, 1],
    [BLOCK.ideBuffer, 0, 1],
  ]
  expect(sorted(log.fetch(false))).toEqual(expected)
  expect(sorted(log.fetch(true))).toEqual(expected)
  expect(log.fetch(true)).toEqual([])
  // The transfer ends: the buffer reads as zeros again.
  drive.status_reg &= ~8
  expect(sorted(log.fetch(true))).toEqual([[BLOCK.ideBuffer, 0, 1]])
  expect(log.fetch(true)).toEqual([])
})

test('looking at a machine marks no page as changed', async () => {
  const { machine: guest } = await labos('own=1M')
  await guest.pause()
  await guest.dirtyLogStart()
  await guest.readPages(allPages(guest.blocks[0]))
  await guest.digests(BLOCK.ram)
  await guest.screen()
  expect(await guest.dirtyLogFetch(false)).toEqual([])
})
