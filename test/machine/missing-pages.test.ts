import { expect, test } from 'vitest'
import type { FaultRecord, Machine, PageSet } from '../../engine/machine/machine.ts'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { linuxGuest } from '../linux-image.ts'
import { bootLinux } from './linux-guest.ts'
import { long } from '../setup/variants.ts'
import { allPages, labos, machine, MIB, overTheWire, random } from './helpers.ts'
import { PAGING_TRIED, RAM, walkerPlan } from './walker.ts'

/** Any access to a page that has not come would see this. */
const POISON = 0xa5

const ramOf = (machine: Machine): PageSet => allPages(machine.blocks[0])

async function poison(machine: Machine): Promise<void> {
  const { pages } = ramOf(machine)
  for (let at = 0; at < pages.length; at += 256) {
    const some = pages.slice(at, at + 256)
    const data = new Uint8Array(some.length * PAGE_SIZE).fill(POISON)
    await machine.writePages({ block: BLOCK.ram, pages: some, zeroPages: new Uint32Array(0), data })
  }
}

/** Every page of a set from the first one on, as a bitmap. */
const all = ({ pages }: PageSet) => new Uint8Array(pages.length / 8).fill(0xff)

interface Pull {
  /** Resolves when every page has come. */
  rest(): Promise<void>
  readonly asked: readonly number[]
}

/** Moves a running guest without any of its RAM: each page comes when the guest waits for it. */
async function moveBare(from: Machine, to: Machine): Promise<Pull> {
  await poison(to)
  const { remaining, state } = await from.stop({ inlinePages: 0 })
  for (const { block, pages } of remaining) {
    if (block !== BLOCK.ram) await to.writePages(await from.readPages({ block, pages }))
  }
  const missing = ramOf(from)
  await to.load([], overTheWire(state), 'continue', all(missing))
  const asked: number[] = []
  const sent = new Set<number>()
  const send = async (pages: Iterable<number>): Promise<void> => {
    const fresh = [...pages].filter((page) => !sent.has(page))
    for (const page of fresh) sent.add(page)
    await to.supply(await from.readPages({ block: BLOCK.ram, pages: Uint32Array.from(fresh) }))
  }
  to.on('fault', (page) => {
    asked.push(page)
    void send([page]).catch(() => undefined)
  })
  await to.resume()
  return {
    asked,
    async rest() {
      for (let at = 0; at < missing.pages.length; at += 64) await send(missing.pages.subarray(at, at + 64))
    },
  }
}

function expectStalls(faults: readonly FaultRecord[], asked: readonly number[]): void {
  expect(faults.map(({ page }) => page)).toEqual(asked)
  expect(faults.some(({ requested }) => requested)).toBe(true)
  for (const { stallMs } of faults) expect(stallMs).toBeGreaterThanOrEqual(0)
}

test('a guest runs on with none of its RAM: what it needs is fetched as it needs it, and nothing is lost or wrong', async () => {
  const disk = new SharedArrayBuffer(8 * MIB)
  const { machine: first, console } = await labos('hb=20 own=8M load=4000,4M,random', { disk })
  await console.ask('disk load 100', /OK disk_load=/)
  const second = await machine({ disk })
  console.listenTo(second)
  let [here, there] = [first, second]
  const pick = random(3)
  for (let i = 0; i < 4; i++) {
    const pull = await moveBare(here, there)
    console.follow(there)
    await sleep(50 + pick(100))
    // Disk DMA into and out of pages that have not come.
    await console.ask('disk test 10', /DISK ok .*\n/)
    expect(pull.asked.length).toBeGreaterThan(20)
    await pull.rest()
    expectStalls(await there.faults(), pull.asked)
    ;[here, there] = [there, here]
  }
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await console.ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
  const beats = console.heartbeats()
  expect(beats.length).toBeGreaterThan(5)
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
})

test.each(PAGING_TRIED)('with $name, tables and pages come before they are read', async ({ paging }) => {
  const changes = { ramBytes: RAM, vgaBytes: MIB / 4 }
  const first = await machine(changes)
  await first.boot(walkerPlan(paging, 4711))
  await first.resume()
  await sleep(20)
  const second = await machine(changes)
  const pull = await moveBare(first, second)
  const before = await second.instructions()
  await expect.poll(() => pull.asked.length, { timeout: 60_000 }).toBeGreaterThan(200)
  await expect.poll(() => second.instructions(), { timeout: 60_000 }).not.toBe(before)
  await second.pause()
  const asked = new Set(pull.asked)
  const { pages, data, zeroPages } = await second.readPages(ramOf(second))
  expect(zeroPages.filter((page) => !asked.has(page))).toHaveLength(0)
  // A page that was read or written before it came would have shown, and would show here.
  pages.forEach((page, i) => {
    if (asked.has(page)) return
    const untouched = data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE).every((byte) => byte === POISON)
    if (!untouched) throw new Error(`page ${page} was written though it had not come`)
  })
})

test('a page that is not missing is left as the guest has it', async () => {
  const { machine: guest } = await labos('own=1M')
  const target = await machine()
  const pull = await moveBare(guest, target)
  await pull.rest()
  await target.pause()
  const before = await target.digests(BLOCK.ram)
  const page = Uint32Array.of(500)
  const data = new Uint8Array(PAGE_SIZE).fill(POISON)
  expect(await target.supply({ block: BLOCK.ram, pages: page, zeroPages: new Uint32Array(0), data })).toBe(0)
  expect(await target.digests(BLOCK.ram)).toEqual(before)
})

test('RAM that was left at the stop is read as it is, and after a change of it as it is then', async () => {
  const { machine: guest } = await labos('own=1M load=1000,1M,random')
  await guest.useWatch()
  await guest.stop({ inlinePages: 0, leaveRam: true })
  const set = ramOf(guest)
  const left = await guest.readPages(set)
  const copy = await machine()
  await copy.writePages({ ...left })
  expect(await copy.digests(BLOCK.ram)).toEqual(await guest.digests(BLOCK.ram))
  await expect(guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(4096) })).rejects.toMatchObject({
    code: 'machine.page-range',
  })
  const page = Uint32Array.of(left.pages[7])
  const data = new Uint8Array(PAGE_SIZE).fill(POISON)
  void guest.writePages({ block: BLOCK.ram, pages: page, zeroPages: new Uint32Array(0), data })
  const { data: now } = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(left.pages[7]) })
  expect(now.every((byte) => byte === POISON)).toBe(true)
})

test('pages outside of RAM cannot be missing', async () => {
  const { machine: guest } = await labos('own=1M')
  const { state } = await guest.stop({ inlinePages: 0 })
  const target = await machine()
  const beyond = new Uint8Array(target.config.ramBytes / PAGE_SIZE / 8 + 1)
  await expect(target.load([], state, 'freeze', beyond)).rejects.toMatchObject({ code: 'machine.page-range' })
})

test('a machine whose guest waits for a page that never comes can be closed', async () => {
  const { machine: guest } = await labos('own=1M')
  const target = await machine()
  const { state } = await guest.stop({ inlinePages: 0 })
  await target.load([], state, 'freeze', all(ramOf(target)))
  const waits = new Promise((resolve) => target.on('fault', resolve))
  await target.resume()
  await waits
  const pending = target.instructions()
  pending.catch(() => undefined)
  await target.close()
  await expect(pending).rejects.toMatchObject({ code: 'machine.closed' })
})

// In the lab, Linux moves so in every run of the tests (test/lab/pull.test.ts).
if (long) {
  const linux = await linuxGuest()
  const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

  test.skipIf(typeof linux === 'string')(
    `a Linux guest lives on after moves without its RAM, its files unharmed${why}`,
    { timeout: 120_000 },
    async () => {
      if (typeof linux === 'string') return
      const { first, console, changes } = await bootLinux(linux)
      await console.ask(
        'dd if=/dev/urandom of=/tmp/f bs=64k count=40 2>/dev/null; md5sum /tmp/f >/tmp/s; echo re""ady',
        /ready/,
      )
      const second = await machine(changes)
      console.listenTo(second)
      let [here, there] = [first, second]
      for (let i = 0; i < 2; i++) {
        const pull = await moveBare(here, there)
        console.follow(there)
        await console.ask('md5sum -c /tmp/s', /\/tmp\/f: OK/)
        expect(pull.asked.length).toBeGreaterThan(500)
        await pull.rest()
        ;[here, there] = [there, here]
      }
      expect(console.text).not.toMatch(/BUG:|Oops|Kernel panic|segfault|Call Trace/)
    },
  )
}
