import { afterEach, expect, test, vi } from 'vitest'
import { BlankMachine } from '../../engine/machine/blank-machine.ts'
import type { Machine } from '../../engine/machine/machine.ts'
import { MemoryBlocks } from '../../engine/machine/memory-blocks.ts'
import { PowerOn } from '../../engine/machine/power-on.ts'
import { TSC_KHZ } from '../../engine/machine/state/cpu.ts'
import { captureState } from '../../engine/machine/state/index.ts'
import { sleep } from '../../engine/util/clock.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'
import { Console, config, differences, emulator, labosPlan, machine, MIB, moveLive } from './helpers.ts'

const { mac, ...shape } = config({ ramBytes: 8 * MIB, vgaBytes: MIB / 4, mac: '02:00:00:00:00:42' })

const open: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))
afterEach(() => vi.restoreAllMocks())

const HOUR_MS = 3_600_000

async function blank(changes: Partial<typeof shape> = {}): Promise<BlankMachine> {
  return BlankMachine.start({ ...shape, ...changes })
}

function taken(from: BlankMachine): Machine {
  const made = from.take(mac)
  open.push(made)
  return made
}

/** Without what no two machines have in common: the instant of the capture, and how long the machine has been on. */
function lasting(state: MachineState): unknown {
  const { capturedAtNs: _, cpu, pit, rtc, ...rest } = state
  const channels = pit.channels.map((channel) => ({ ...channel, sinceStartNs: 0n }))
  return { ...rest, cpu: { ...cpu, tsc: 0n }, pit: { ...pit, channels }, rtc: { ...rtc, timeMs: 0n } }
}

const everyPage = Uint32Array.from({ length: shape.ramBytes / PAGE_SIZE }, (_, page) => page)

test.each([{ apic: false }, { apic: true }])(
  'a machine taken from a blank one is as a new one, however long that lay there: apic $apic',
  async ({ apic }) => {
    const from = await blank({ apic })
    from.touch(everyPage)
    await sleep(400)
    const old = taken(from)
    const fresh = await machine({ ...shape, mac, apic })
    expect(old.config).toEqual(fresh.config)
    expect(await differences(old, fresh)).toEqual({})
    expect(await old.unwrittenPages()).toEqual(await fresh.unwrittenPages())
    const [a, b] = [await old.capture(), await fresh.capture()]
    expect(lasting(a)).toEqual(lasting(b))
    expect(a.nic?.mac).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 0x42))
  },
)

test('clocks start when the machine is taken, and the wall clock is right then', async () => {
  const made = await emulator({ apic: true })
  const { written } = new MemoryBlocks(made, { ...shape, apic: true, mac })
  const powerOn = new PowerOn(made, written, true)
  const tscMs = () => Number(captureState(made, true).cpu.tsc) / TSC_KHZ
  const before = tscMs()
  const [monotonic, wall] = [performance.now.bind(performance), Date.now.bind(Date)]
  vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + HOUR_MS)
  vi.spyOn(Date, 'now').mockImplementation(() => wall() + HOUR_MS)
  expect(tscMs() - before).toBeGreaterThan(HOUR_MS / 2)
  powerOn.identify(mac)
  expect(tscMs() - before).toBeLessThan(HOUR_MS / 2)
  expect(Math.abs(Number(captureState(made, true).rtc.timeMs) - Date.now())).toBeLessThan(HOUR_MS / 2)
})

test('a guest boots on it, and moves to another one, with every page the same', async () => {
  const [first, second] = [await blank(), await blank()]
  second.touch(everyPage)
  const from = taken(first)
  const console = new Console(from)
  await from.boot(labosPlan('own=1M load=500,1M,random', shape.ramBytes))
  await from.resume()
  await console.waitFor(/labos> /)
  const to = taken(second)
  console.listenTo(to)
  const { different } = await moveLive(from, to, { rounds: 3, compare: true })
  expect(different).toEqual({})
  console.follow(to)
  await console.ask('echo there', /ECHO there/)
})

test('it can be taken in the middle of touching pages, which stops then', async () => {
  const from = await blank()
  from.touch(everyPage)
  const guest = taken(from)
  const page = everyPage.length - 1
  const data = new Uint8Array(PAGE_SIZE).fill(7)
  const batch = { block: BLOCK.ram, pages: Uint32Array.of(page), zeroPages: new Uint32Array(0), data }
  await guest.writePages(batch)
  await sleep(100)
  const read = await guest.readPages({ block: BLOCK.ram, pages: Uint32Array.of(page) })
  expect(read.data.every((byte) => byte === 7)).toBe(true)
})

test('pages beyond the end of RAM are not touched', async () => {
  const from = await blank()
  from.touch(Uint32Array.of(everyPage.length, 0xffffffff))
  const guest = taken(from)
  expect(await differences(guest, await machine({ ...shape, mac }))).toEqual({})
})

test('a wrong shape or address is refused, and the blank machine can be taken by a right one', async () => {
  await expect(blank({ ramBytes: 4 * MIB })).rejects.toMatchObject({ code: 'machine.config' })
  const from = await blank()
  expect(() => from.take('00:16:3e:00:00:01')).toThrow(expect.objectContaining({ code: 'machine.config' }))
  expect((await taken(from).pause()).pausedAtMs).toBeGreaterThan(0)
})

test('one whose thread ends says so, and cannot be taken', async () => {
  const from = await blank()
  const ended = new Promise<void>((resolve) => from.onEnd(resolve))
  // Not a list of pages: the thread gives up.
  from.touch(null as unknown as Uint32Array<ArrayBuffer>)
  await ended
  expect(() => from.take(mac)).toThrow(expect.objectContaining({ code: 'machine.crashed' }))
})

test('one that is closed says nothing', async () => {
  const from = await blank()
  let told = false
  from.onEnd(() => (told = true))
  await from.close()
  await sleep(20)
  expect(told).toBe(false)
})
