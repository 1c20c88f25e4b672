import { expect, test } from 'vitest'
import type { Machine, PageBatch } from '../../engine/machine/machine.ts'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { linuxGuest } from '../linux-image.ts'
import { long } from '../setup/variants.ts'
import { MemoryBlocks } from '../../engine/machine/memory-blocks.ts'
import { PageGuard } from '../../engine/machine/page-guard.ts'
import { bootOf, config, Console, emulator, labos, machine, MIB, overTheWire, random } from './helpers.ts'
import { PAGING_TRIED, RAM, walkerPlan } from './walker.ts'

/** Takes pages in a random order until the guest stops in front of a write, or all are taken. */
async function takeUntilHit(guest: Machine, pick: (limit: number) => number, batch: number) {
  const pages = guest.config.ramBytes / PAGE_SIZE
  const order = Array.from({ length: pages }, (_, page) => page)
  for (let i = order.length - 1; i > 0; i--) {
    const j = pick(i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  let hit: number | null = null
  guest.on('guarded', (page) => (hit = page))
  await guest.guardStart()
  const taken = new Map<number, Uint8Array>()
  for (let at = 0; at < order.length && hit === null; at += batch) {
    const some = Uint32Array.from(order.slice(at, at + batch)).sort()
    keep(await guest.takePages({ block: BLOCK.ram, pages: some }), taken)
    if (pick(4) === 0) await sleep(pick(3))
  }
  return { taken, hit: () => hit }
}

function keep({ pages, zeroPages, data }: PageBatch, into: Map<number, Uint8Array>): void {
  pages.forEach((page, i) => into.set(page, data.slice(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)))
  for (const page of zeroPages) into.set(page, new Uint8Array(PAGE_SIZE))
}

/** Pages that are not as they were taken. */
async function changed(guest: Machine, taken: ReadonlyMap<number, Uint8Array>): Promise<number[]> {
  const now = new Map<number, Uint8Array>()
  const pages = [...taken.keys()].sort((a, b) => a - b)
  for (let at = 0; at < pages.length; at += 1024) {
    keep(await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.from(pages.slice(at, at + 1024)) }), now)
  }
  return pages.filter((page) => Buffer.compare(now.get(page) as Uint8Array, taken.get(page) as Uint8Array) !== 0)
}

test('whatever the guest does, no page changes after it was taken; and the guest goes on as if nothing had been', async () => {
  const { machine: guest, console } = await labos('hb=10 own=8M load=4000,4M,random')
  const pick = random(11)
  let hits = 0
  for (let i = 0; i < 25; i++) {
    const { taken, hit } = await takeUntilHit(guest, pick, 1 + pick(400))
    await expect.poll(hit, { timeout: 60_000 }).not.toBeNull()
    hits++
    expect(await changed(guest, taken), `stop ${i}`).toEqual([])
    expect(taken.has(hit() as unknown as number)).toBe(true)
    await guest.guardStop()
    await guest.resume()
    await sleep(pick(30))
  }
  expect(hits).toBe(25)
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await console.ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
  const beats = console.heartbeats()
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
})

test.each(PAGING_TRIED)('with $name, neither pages nor tables that were taken are written', async ({ paging }) => {
  const guest = await machine({ ramBytes: RAM, vgaBytes: MIB / 4 })
  await guest.boot(walkerPlan(paging, 99))
  await guest.resume()
  const pick = random(5)
  for (let i = 0; i < 6; i++) {
    await sleep(5 + pick(10))
    const { taken, hit } = await takeUntilHit(guest, pick, 64)
    await expect.poll(hit, { timeout: 60_000 }).not.toBeNull()
    expect(await changed(guest, taken)).toEqual([])
    const before = await guest.instructions()
    await guest.guardStop()
    await guest.resume()
    await expect.poll(() => guest.instructions()).not.toBe(before)
  }
})

test('what a device writes to a page that was taken is named, in whichever way it writes', async () => {
  const changes = { ramBytes: 8 * MIB, vgaBytes: MIB / 4 }
  const guest = await emulator(changes)
  const guard = new PageGuard(guest, new MemoryBlocks(guest, config(changes)))
  guard.start(() => {})
  const at = (page: number) => page * PAGE_SIZE
  guard.take({ block: BLOCK.ram, pages: Uint32Array.of(300, 301, 310, 320, 330) })
  guest.cpu.write_blob(new Uint8Array(PAGE_SIZE), at(300) + 2)
  guest.cpu.write8(at(310), 1)
  guest.cpu.write32(at(330) - 2, 1)
  guest.cpu.write16(at(400), 1) // was not taken
  guest.cpu.read32s(at(320))
  expect([...guard.spoiled.pages]).toEqual([300, 301, 310, 330])
  guard.stop()
  guest.cpu.write8(at(320), 1)
  expect([...guard.spoiled.pages]).toEqual([300, 301, 310, 330])
})

test('the state in front of the write is whole: another machine goes on from it', async () => {
  const { machine: first, console } = await labos('hb=10 own=4M load=3000,2M,hotcold')
  const second = await machine()
  console.listenTo(second)
  let [here, there] = [first, second]
  const pick = random(21)
  for (let i = 0; i < 12; i++) {
    const { taken, hit } = await takeUntilHit(here, pick, 128)
    await expect.poll(hit, { timeout: 60_000 }).not.toBeNull()
    const report = await here.stop({ inlinePages: 100_000, leaveRam: true })
    expect([...(report.leftRam?.pages ?? [])]).toEqual([])
    const rest = Array.from({ length: here.config.ramBytes / PAGE_SIZE }, (_, page) => page).filter(
      (p) => !taken.has(p),
    )
    for (const [page, data] of taken) {
      await there.writePages({
        block: BLOCK.ram,
        pages: Uint32Array.of(page),
        zeroPages: new Uint32Array(0),
        data: data.slice(),
      })
    }
    await there.writePages(await here.readPages({ block: BLOCK.ram, pages: Uint32Array.from(rest) }))
    await there.load(report.batches, overTheWire(report.state), 'continue')
    await there.resume()
    ;[here, there] = [there, here]
    console.follow(here)
    await sleep(pick(40))
  }
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  const beats = console.heartbeats()
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
})

test('pages are taken only while they are guarded', async () => {
  const guest = await machine()
  const one = { block: BLOCK.ram, pages: Uint32Array.of(1) }
  await expect(guest.takePages(one)).rejects.toMatchObject({ code: 'machine.guard-off' })
})

if (long) {
  const linux = await linuxGuest()
  const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

  test.skipIf(typeof linux === 'string')(
    `a Linux guest that forks and writes stops in front of its writes, and lives on${why}`,
    { timeout: 120_000 },
    async () => {
      if (typeof linux === 'string') return
      const memoryMb = Math.max(64, linux.minimumMb)
      const guest = await machine({ ramBytes: memoryMb * MIB })
      const console = new Console(guest, 60_000)
      await guest.boot(bootOf(linux.plan({ memoryMb, address: '10.0.0.2/24' })))
      await guest.resume()
      await console.waitFor(linux.ready ?? /# $/)
      await console.ask(
        'while :; do dd if=/dev/urandom of=/tmp/x bs=4096 count=60 2>/dev/null; done & echo st""arted',
        /started/,
      )
      const pick = random(3)
      for (let i = 0; i < 12; i++) {
        const { taken, hit } = await takeUntilHit(guest, pick, 1 + pick(300))
        await expect.poll(hit, { timeout: 60_000 }).not.toBeNull()
        expect(await changed(guest, taken), `stop ${i}`).toEqual([])
        await guest.guardStop()
        await guest.resume()
        await sleep(pick(50))
      }
      await console.ask('kill $!; wait; md5sum /bin/busybox >/tmp/sum; md5sum -c /tmp/sum', /OK/)
      expect(console.text).not.toMatch(/BUG:|Oops|Kernel panic|segfault|Call Trace/)
    },
  )
}
