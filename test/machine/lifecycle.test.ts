import { expect, test } from 'vitest'
import type { Machine, MachineConfig, PageBatch } from '../../engine/machine/machine.ts'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { crashMachine } from '../crash.ts'
import { config, contents, labos, labosPlan, machine, MIB } from './helpers.ts'

const small = { ramBytes: 8 * MIB, vgaBytes: MIB / 4 }

test.each([
  { name: 'too little RAM', change: { ramBytes: 4 * MIB } },
  { name: 'too much RAM', change: { ramBytes: 2048 * MIB } },
  { name: 'RAM that is no whole MiB', change: { ramBytes: 8 * MIB + 4096 } },
  { name: 'RAM that is no number', change: { ramBytes: Number.NaN } },
  { name: 'video memory that is no power of two', change: { vgaBytes: 3 * MIB } },
  { name: 'too little video memory', change: { vgaBytes: 128 * 1024 } },
  { name: 'video memory that is no number', change: { vgaBytes: Number.NaN } },
  { name: 'video memory with a fraction', change: { vgaBytes: MIB + 0.5 } },
  { name: 'a universal MAC address', change: { mac: '00:16:3e:00:00:01' } },
  { name: 'a multicast MAC address', change: { mac: '03:00:00:00:00:01' } },
  { name: 'no MAC address', change: { mac: 'labos' } },
  { name: 'a disk with half a sector', change: { disk: new SharedArrayBuffer(700) } },
  { name: 'an empty disk', change: { disk: new SharedArrayBuffer(0) } },
] satisfies { name: string; change: Partial<MachineConfig> }[])('$name is refused', async ({ change }) => {
  const refused = createMachine(config(change))
  await expect(refused).rejects.toBeInstanceOf(FerryError)
  await expect(refused).rejects.toMatchObject({ code: 'machine.config' })
})

test('pause stops between two instructions at once, and twice is the same as once', async () => {
  const { machine: guest } = await labos('own=1M load=max,1M,random', small)
  for (let i = 0; i < 20; i++) {
    const { pausedAtMs } = await guest.pause()
    const count = await guest.instructions()
    const ram = await contents(guest, BLOCK.ram)
    await sleep(2)
    expect((await guest.pause()).pausedAtMs).toBeGreaterThanOrEqual(pausedAtMs)
    expect(await guest.instructions()).toBe(count)
    expect(await contents(guest, BLOCK.ram)).toBe(ram)
    await guest.resume()
    await guest.resume()
    await expect.poll(() => guest.instructions(), { timeout: 60_000, interval: 1 }).not.toBe(count)
  }
})

test('a vCPU that waits for an interrupt is told from one that works', async () => {
  const { machine: guest } = await labos('', small)
  await expect.poll(() => guest.halted(), { timeout: 60_000 }).toBe(true)
  await guest.serialWrite(Buffer.from('spin 600000\n'))
  await expect.poll(() => guest.halted(), { timeout: 60_000 }).toBe(false)
})

const batchOf = (block: BlockId, pages: number[], zeroPages: number[], fill = 0xaa): PageBatch => ({
  block,
  pages: Uint32Array.from(pages),
  zeroPages: Uint32Array.from(zeroPages),
  data: new Uint8Array(pages.length * PAGE_SIZE).fill(fill),
})

test('pages of every block read as they were written, zero pages apart', async () => {
  const guest = await machine(small)
  for (const { id, bytes } of guest.blocks) {
    if (id === BLOCK.ideBuffer) continue // reads as zeros while no transfer is under way
    const last = bytes / PAGE_SIZE - 1
    await guest.writePages(batchOf(id, [1, last], []))
    const read = await guest.readPages({ block: id, pages: Uint32Array.of(last, 1) })
    expect([...read.pages]).toEqual([last, 1])
    expect(read.data.every((byte) => byte === 0xaa)).toBe(true)
    await guest.writePages(batchOf(id, [], [1, last]))
    const zero = await guest.readPages({ block: id, pages: Uint32Array.of(1, last) })
    expect([zero.pages.length, zero.data.length, [...zero.zeroPages]]).toEqual([0, 0, [1, last]])
  }
})

test('pages outside of a block, unknown blocks and short data are refused, and nothing is written', async () => {
  const guest = await machine(small)
  const before = await contents(guest, BLOCK.ram)
  const end = (8 * MIB) / PAGE_SIZE
  const outside = { code: 'machine.page-range' }
  await expect(guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(0, end) })).rejects.toMatchObject(outside)
  await expect(guest.writePages(batchOf(BLOCK.ram, [5, end], []))).rejects.toMatchObject(outside)
  await expect(guest.writePages(batchOf(BLOCK.ram, [5], [0xffffffff]))).rejects.toMatchObject(outside)
  const unknown = 9 as BlockId
  const noBlock = { code: 'machine.block' }
  await expect(guest.readPages({ block: unknown, pages: Uint32Array.of(0) })).rejects.toMatchObject(noBlock)
  await expect(guest.writePages(batchOf(unknown, [0], []))).rejects.toMatchObject(noBlock)
  await expect(guest.digests(unknown)).rejects.toMatchObject(noBlock)
  for (const length of [0, PAGE_SIZE, 3 * PAGE_SIZE, 2 * PAGE_SIZE - 1]) {
    const wrong = { ...batchOf(BLOCK.ram, [5, 6], []), data: new Uint8Array(length).fill(1) }
    await expect(guest.writePages(wrong)).rejects.toMatchObject({ code: 'machine.page-data' })
  }
  expect(await contents(guest, BLOCK.ram)).toBe(before)
})

test('close refuses what is pending and what comes later, twice is the same as once, and says so by an event', async () => {
  const { machine: guest } = await labos('own=1M', small)
  const exits: (FerryError | null)[] = []
  guest.on('exit', (error) => exits.push(error))
  const pending = [guest.digests(BLOCK.ram), guest.capture(), guest.screen()].map((call) =>
    call.then(
      () => 'answered',
      (error: FerryError) => error.code,
    ),
  )
  await Promise.all([guest.close(), guest.close()])
  for (const result of await Promise.all(pending)) expect(['machine.closed', 'answered']).toContain(result)
  expect(exits).toEqual([null])
  await expect(guest.pause()).rejects.toMatchObject({ code: 'machine.closed' })
  guest.frameReceive(new Uint8Array(60))
  guest.keyWrite(Uint8Array.of(1))
  await guest.close()
})

test('a call that can never be answered is refused by close', async () => {
  const guest = await machine(small)
  const calls = Array.from({ length: 50 }, () =>
    guest.digests(BLOCK.ram).then(
      () => 'answered',
      (error: FerryError) => error.code,
    ),
  )
  await guest.close()
  expect(new Set(await Promise.all(calls))).toContain('machine.closed')
})

test('a thread that dies says so by an event with a typed error, and refuses calls with it', async () => {
  const guest = await machine(small)
  const exit = new Promise<FerryError | null>((resolve) => guest.on('exit', resolve))
  await guest.boot(labosPlan('own=1M', guest.config.ramBytes))
  await crashMachine(guest).catch(() => undefined)
  const error = await exit
  expect(error).toBeInstanceOf(FerryError)
  expect(error).toMatchObject({ code: 'machine.crashed' })
  await expect(guest.pause()).rejects.toBe(error)
  await guest.close()
})

test('a wrong argument is refused by a typed error and the machine goes on', async () => {
  const { machine: guest, console } = await labos('own=1M', small)
  const nothing = {} as Awaited<ReturnType<Machine['capture']>>
  await guest.pause()
  await expect(guest.restore(nothing, 'freeze')).rejects.toBeInstanceOf(FerryError)
  await guest.resume()
  await console.ask('echo alive', /ECHO alive/)
})

test('two machines with the same buffer share the disk', async () => {
  const disk = new SharedArrayBuffer(MIB)
  const bytes = new Uint8Array(disk)
  bytes.set(Buffer.from('FERRYDSK'), 5 * 512)
  const a = await labos('own=1M', { ...small, disk })
  const b = await labos('own=1M', { ...small, disk })
  const asHex = Buffer.from('FERRYDSK').toString('hex')
  expect(await a.console.ask('disk read 5', /DISK read .*\n/)).toContain(asHex)
  await a.console.ask('disk write 6', /DISK wrote .*\n/)
  const [wrote, read] = [
    /sum=(\S+)/.exec(await a.console.ask('disk read 6', /DISK read .*\n/))?.[1],
    /sum=(\S+)/.exec(await b.console.ask('disk read 6', /DISK read .*\n/))?.[1],
  ]
  expect(wrote).toBeDefined()
  expect(read).toBe(wrote)
  expect(bytes.subarray(6 * 512, 7 * 512).some((byte) => byte !== 0)).toBe(true)
})

test('a disk whose first sector is a partition table is taken', async () => {
  const disk = new SharedArrayBuffer(8 * MIB)
  const sector = new Uint8Array(disk)
  sector.set([0x80, 1, 1, 0, 0x83, 15, 63, 15, 63, 0, 0, 0, 0, 0x30], 446)
  sector.set([0x55, 0xaa], 510)
  const { console } = await labos('own=1M', { ...small, disk })
  expect(await console.ask('disk', /DISK sectors=.*\n/)).toContain('sectors=16384 ')
})
