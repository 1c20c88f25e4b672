/** Guests that are in a mode, or in the middle of something, that our guests never are in: into a real QEMU, and back. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import type { Machine, MachineConfig } from '../../engine/machine/machine.ts'
import { createQemuMachine } from '../../engine/qemu/create.ts'
import { requireQemu } from '../../engine/qemu/find.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'
import { codePlan } from '../machine/helpers.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'
import { ALARM, FIFO, LDT, PAE, PAE_TOLD, PIT_HALVES, TOLD, VM86 } from './programs.ts'

const MIB = 2 ** 20
const CONFIG: MachineConfig = {
  ...{ ramBytes: 16 * MIB, vgaBytes: MIB, mac: '02:fe:00:00:01:02', disk: null, apic: false },
}
const missing = lacks(NEEDS.qemu)
const EFLAGS_VM = 1 << 17
const CR4_PAE = 1 << 5

async function here(): Promise<Machine> {
  return kept(await createMachine(CONFIG))
}
async function inQemu(): Promise<Machine> {
  return kept(await createQemuMachine(CONFIG, await requireQemu(), createMachine))
}
function kept(machine: Machine): Machine {
  onTestFinished(() => machine.close())
  return machine
}

/** A word of RAM, little-endian. */
async function word(machine: Machine, address: number): Promise<number> {
  const { pages, data } = await machine.readPages({ block: BLOCK.ram, pages: Uint32Array.of(address >>> 12) })
  return pages.length === 0 ? 0 : new DataView(data.buffer, data.byteOffset).getUint32(address & 0xfff, true)
}

/** All of a guest goes from one machine to another, and runs on there. @returns its state, as it left */
async function cross(from: Machine, to: Machine, change = (state: MachineState) => state): Promise<MachineState> {
  const { state, batches } = await from.stop({ inlinePages: 1e6 })
  const left = change(state)
  await to.load(batches, left, 'continue')
  await to.resume()
  return left
}

/** The alarm is due in a moment. */
const soon = (state: MachineState): MachineState => ({ ...state, rtc: { ...state.rtc, alarmInNs: 200_000_000n } })

const WAYS: [string, () => Promise<Machine>, () => Promise<Machine>][] = [
  ['into it', here, inQemu],
  ['out of it', inQemu, here],
]

async function expectCounting(machine: Machine, address: number): Promise<void> {
  const before = await word(machine, address)
  await expect.poll(() => word(machine, address)).not.toBe(before)
}

describe.skipIf(missing !== undefined)(`into a real QEMU and back${because(missing)}`, () => {
  test.each<[string, number[], number[], (state: MachineState) => void]>([
    ['with an LDT, from which it loads a segment', LDT, [TOLD], ({ cpu }) => expect(cpu.ldtr.selector).toBe(0x18)],
    [
      'with PAE, by pointers that it loaded before',
      PAE,
      [PAE_TOLD],
      ({ cpu }) => expect(cpu.cr4 & CR4_PAE).not.toBe(0),
    ],
    [
      'in virtual-8086 mode or an interrupt out of it',
      VM86,
      [TOLD, TOLD + 4],
      ({ cpu, cpu: { eflags, cpl } }) => {
        expect(cpu.tr.selector).toBe(0x18)
        expect((eflags & EFLAGS_VM) !== 0).toBe(cpl === 3)
      },
    ],
  ])('a guest %s runs on', async (_, program, counters, check) => {
    const machines = [await here(), await inQemu(), await here()] as const
    await machines[0].boot(codePlan(program))
    await machines[0].resume()
    for (const counter of counters) await expectCounting(machines[0], counter)
    for (const [from, to] of [machines.slice(0, 2), machines.slice(1)] as [Machine, Machine][]) {
      check(await cross(from, to))
      for (const counter of counters) await expectCounting(to, counter)
    }
  })

  test.each(WAYS)(
    'halves of counts that were written, or latched, before the guest went %s are followed by the others',
    async (_, from, to) => {
      const [source, target] = [await from(), await to()]
      await source.boot(codePlan(PIT_HALVES))
      await source.resume()
      await expect.poll(() => word(source, TOLD)).toBe(1)
      const { pit } = await cross(source, target)
      await target.serialWrite(Uint8Array.of(1))
      await expect.poll(() => word(target, TOLD)).toBe(2)
      const [first, , third] = pit.channels
      expect(first).toMatchObject({ nextIsLow: false })
      expect((await word(target, TOLD + 4)) >>> 8).toBe((third?.latchedCount ?? 0) >>> 8)
      // Counts from 16: were the second byte taken as another first one, it would be some count of 65536.
      const count = await word(target, TOLD + 8)
      expect(count).toBeGreaterThan(0)
      expect(count).toBeLessThanOrEqual(16)
    },
  )

  test.each(WAYS)(
    'what waits in the UART of a guest, and on the line, is read %s, in its order and once',
    async (_, from, to) => {
      const [source, target] = [await from(), await to()]
      await source.boot(codePlan(FIFO))
      await source.resume()
      await expect.poll(() => word(source, TOLD)).toBe(1)
      const typed = Buffer.from('more than the FIFO holds')
      expect(await source.serialWrite(typed)).toBe(typed.length)
      await expect.poll(async () => (await source.capture()).serial.rxLength).toBeGreaterThanOrEqual(14)
      // Out of the jump.
      await cross(source, target, (state) => ({ ...state, cpu: { ...state.cpu, eip: state.cpu.eip + 2 } }))
      await expect.poll(() => word(target, TOLD + 4)).toBe(typed.length)
      const { data } = await target.readPages({ block: BLOCK.ram, pages: Uint32Array.of(TOLD >>> 12) })
      expect(Buffer.from(data.subarray(16, 16 + typed.length)).toString()).toBe(typed.toString())
    },
  )

  test('an alarm of the real-time clock that is set comes where the guest is then', async () => {
    const machines = [await here(), await inQemu(), await here()] as const
    await machines[0].boot(codePlan(ALARM))
    await machines[0].resume()
    await expect.poll(async () => (await machines[0].capture()).events.halted).toBe(true)
    for (const [from, to] of [machines.slice(0, 2), machines.slice(1)] as [Machine, Machine][]) {
      const { rtc } = await cross(from, to, soon)
      expect(rtc.registerB & 0x20).toBe(0x20)
      await expectCounting(to, TOLD)
    }
  })
})
