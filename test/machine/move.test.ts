import { expect, test } from 'vitest'
import type { Machine } from '../../engine/machine/machine.ts'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'
import { codePlan, type Console, differences, labos, machine, MIB, moveLive, overTheWire, random } from './helpers.ts'
import { echoReply, echoRequest } from './frames.ts'

/** What LabOS itself says about its memory, its registers and its clock. */
async function expectHealthy(console: Console): Promise<void> {
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await console.ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
  expect(await console.ask('gap', /GAP .*\n/)).toMatch(/ back=0/)
  expect(console.text).not.toMatch(/ERROR|PANIC|EXCEPTION/)
  const beats = console.heartbeats()
  expect(beats.length).toBeGreaterThan(2)
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
}

test('a loaded guest moves to and fro: every page is right at switch-over, no heartbeat is lost, all state is right', async () => {
  const disk = new SharedArrayBuffer(8 * MIB)
  const MAC = [2, 0, 0, 0, 0, 0x11]
  const shared = { disk, mac: '02:00:00:00:00:11' }
  const { machine: first, console } = await labos('ip=10.0.0.2 hb=20 own=8M load=4000,4M,random', shared)
  await console.ask('disk load 100', /OK disk_load=/)
  // The second machine has an address of its own, which must give way to the guest's.
  const second = await machine({ disk, mac: '02:00:00:00:00:22' })
  console.listenTo(second)
  let here = first
  let sent = 0
  const answered = new Set<number>()
  for (const each of [first, second]) {
    each.on('frame', (frame) => {
      const sequence = echoReply(frame)
      if (sequence !== undefined) answered.add(sequence)
    })
  }
  // Frames come in at any time, during the switch-over too.
  const pinging = setInterval(() => here.frameReceive(echoRequest(MAC, sent++, 400)), 3)
  const pick = random(7)
  try {
    for (let i = 0; i < 8; i++) {
      const there = here === first ? second : first
      const { different } = await moveLive(here, there, { rounds: 2 + pick(3), compare: true })
      expect(different, `move ${i}`).toEqual({})
      here = there
      console.follow(here)
      await sleep(pick(60))
    }
  } finally {
    clearInterval(pinging)
  }
  await expectHealthy(console)
  expect(await console.ask('disk', /DISK sectors=.*\n/)).toMatch(/errors=0 lost=0/)
  expect(await console.ask('net', /NET mac=.*\n/)).toMatch(/mac=02:00:00:00:00:11.* lost=0/)
  expect(await console.ask('disk test 40', /DISK (ok|failed) .*\n/)).toMatch(/^DISK ok/)
  // Frames that arrive while a machine is stopped are lost, as on a real network; most are answered.
  expect(answered.size).toBeGreaterThan(sent / 4)
})

test('a guest can be stopped at any point: 50 moves at random moments, all memory copied', async () => {
  const small = { ramBytes: 8 * MIB, vgaBytes: MIB / 4 }
  const { machine: first, console } = await labos('hb=10 own=2M load=max,1M,hotcold', small)
  const second = await machine(small)
  console.listenTo(second)
  const pick = random(50)
  let [here, there] = [first, second]
  for (let i = 0; i < 50; i++) {
    await sleep(pick(12))
    const { batches, remaining, state } = await here.stop({ inlinePages: 100_000 })
    expect(remaining).toEqual([])
    await there.load(batches, overTheWire(state), pick(2) === 0 ? 'continue' : 'freeze')
    if (i % 10 === 0) expect(await differences(here, there)).toEqual({})
    await there.resume()
    ;[here, there] = [there, here]
  }
  console.follow(here)
  await expectHealthy(console)
})

test('without a dirty log every page counts as remaining', async () => {
  const { machine: guest } = await labos('own=1M', { ramBytes: 8 * MIB })
  const { remaining, batches } = await guest.stop({ inlinePages: 10 })
  expect(batches).toEqual([])
  expect(remaining.map(({ block, pages }) => [block, pages.length])).toEqual(
    guest.blocks.map(({ id, bytes }) => [id, bytes / 4096]),
  )
})

test('a stop tells the times of its parts, on the clock of all threads', async () => {
  const { machine: guest } = await labos('own=1M')
  await guest.dirtyLogStart()
  const before = performance.timeOrigin + performance.now()
  const report = await guest.stop({ inlinePages: 4096 })
  const after = performance.timeOrigin + performance.now()
  expect(report.pausedAtMs).toBeGreaterThanOrEqual(before)
  const done = report.pausedAtMs + report.lastPagesMs + report.captureMs
  expect(done).toBeLessThanOrEqual(after)
  for (const part of [report.pauseMs, report.lastPagesMs, report.captureMs]) expect(part).toBeGreaterThanOrEqual(0)
  const { runAtMs } = await guest.resume()
  expect(runAtMs).toBeGreaterThanOrEqual(done)
})

// Turns paging on (CR3 = EDI, CR0 |= EBP) and then counts at [ECX + displacement].
const counter = (displacement: number) => [
  ...[0x0f, 0x22, 0xdf, 0x0f, 0x20, 0xc0, 0x09, 0xe8, 0x0f, 0x22, 0xc0, 0xeb, 0x00],
  ...[0xff, 0x41, displacement, 0xeb, 0xfb],
]
/** A page directory at 0x10000 and a table that maps the first 4 MB to themselves, but page 4 to `target`. */
function tables(target: number): Uint8Array {
  const words = new Uint32Array(2048)
  words[0] = 0x11000 | 3
  for (let page = 0; page < 1024; page++) words[1024 + page] = ((page === 4 ? target : page) << 12) | 3
  return new Uint8Array(words.buffer)
}
const counterPlan = (displacement: number, target: number) =>
  codePlan(counter(displacement), { ecx: 0x4000, edi: 0x10000, ebp: 0x80000000 | 0 }, [
    { address: 0x10000, bytes: tables(target) },
  ])

test('a target forgets the code that it had compiled and the pages that it had mapped', async () => {
  const small = { ramBytes: 8 * MIB, vgaBytes: MIB / 4 }
  const [source, target] = [await machine(small), await machine(small)]
  const count = async (guest: Machine, address: number) => {
    const { data, pages } = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(address >> 12) })
    return pages.length === 0 ? 0 : new DataView(data.buffer).getUint32(address & 0xfff, true)
  }
  // Long enough to be compiled: other code at the same place, and another page behind the same address.
  await target.boot(counterPlan(0, 4))
  await target.resume()
  await expect.poll(() => count(target, 0x4000), { timeout: 60_000 }).toBeGreaterThan(1_000_000)
  await source.boot(counterPlan(4, 5))
  await source.resume()
  await expect.poll(() => count(source, 0x5004), { timeout: 60_000 }).toBeGreaterThan(0)

  await target.pause()
  const { batches, state } = await source.stop({ inlinePages: 100_000 })
  await target.load(batches, state, 'continue')
  const arrived = await count(target, 0x5004)
  await target.resume()
  await expect.poll(() => count(target, 0x5004), { timeout: 60_000 }).toBeGreaterThan(arrived)
  await target.pause()
  const others = [0x4000, 0x4004, 0x5000].map((address) => count(target, address))
  expect(await Promise.all(others)).toEqual([0, 0, 0])
})
