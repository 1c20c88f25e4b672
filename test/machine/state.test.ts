import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Emulator } from '../../engine/machine/emulator.ts'
import { captureState, restoreState } from '../../engine/machine/state/index.ts'
import { type MachineState, SECTIONS, type SectionName } from '../../engine/vmstate/state.ts'
import { arbitraryState } from '../vmstate/arbitrary-state.ts'
import { heldState } from './held-state.ts'
import { emulator } from './helpers.ts'

// A clock that stands still unless it is moved: so no time is compared with a tolerance, except for the TSC.
const clock = vi.hoisted(() => ({ ms: 1_750_000_000_000 }))
vi.mock('../../engine/util/clock.ts', () => ({ nowMs: () => clock.ms, sleep: () => Promise.resolve() }))

/** v86 adds up to its clock's resolution to a TSC that is read twice at one instant. */
const TSC_STEP_MS = 2 ** -10
const TSC_TOLERANCE_NS = 1_000n

async function still(changes: Parameters<typeof emulator>[0]): Promise<Emulator> {
  const made = await emulator(changes)
  for (let i = 0; i < 2; i++) {
    clock.ms += TSC_STEP_MS
    made.cpu.store_current_tsc() // now v86 knows the resolution
  }
  return made
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_750_000_000_000 })
  clock.ms = Math.ceil(clock.ms)
})
afterEach(() => {
  vi.useRealTimers()
})

function expectEqual(found: MachineState, expected: MachineState): void {
  const distance = found.cpu.tsc - expected.cpu.tsc
  expect(distance < 0n ? -distance : distance).toBeLessThan(TSC_TOLERANCE_NS)
  const without = (state: MachineState) => ({ ...state, capturedAtNs: 0n, cpu: { ...state.cpu, tsc: 0n } })
  expect(without(found)).toEqual(without(expected))
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 })

describe.each([
  { name: 'with a disk and an APIC', apic: true, disk: new SharedArrayBuffer(1024 * 1024) },
  { name: 'without either', apic: false, disk: null },
])('a machine $name', ({ apic, disk }) => {
  let a: Emulator
  let b: Emulator
  let reset: MachineState
  beforeAll(async () => {
    a = await still({ apic, disk })
    b = await still({ apic, disk, mac: '02:00:00:00:00:02' })
    reset = captureState(a, apic)
  })

  test('gives back every state that it can hold, and through it another machine takes it over', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const state = heldState(reset, seed)
        restoreState(a, { ...state, capturedAtNs: captureState(a, apic).capturedAtNs }, 'freeze')
        const first = captureState(a, apic)
        if (!apic) state.cpu.apicBase = 0n
        expectEqual(first, state)
        restoreState(b, first, 'continue') // no time has passed
        expectEqual(captureState(b, apic), first)
      }),
      { numRuns: 150 },
    )
  })

  test('of any other state keeps what it can hold, and loses nothing more the second time', () => {
    fc.assert(
      fc.property(arbitraryState, (any) => {
        const channels = any.ide.channels.map((channel, i) => ({
          ...channel,
          drives: channel.drives.map((drive, j) => {
            const { present, atapi } = reset.ide.channels[i].drives[j]
            return { ...drive, present, atapi, dataLength: drive.dataLength % (128 * 1024) }
          }),
        }))
        restoreState(a, { ...any, pci: reset.pci, ide: { channels } }, 'freeze')
        const held = captureState(a, apic)
        for (const name of [
          'eax',
          'esp',
          'eip',
          'eflags',
          'cr0',
          'cr3',
          'cr4',
          'dr',
          'gdtr',
          'idtr',
          'pdpte',
        ] as const) {
          expect({ [name]: held.cpu[name] }).toEqual({ [name]: any.cpu[name] })
        }
        expect(held.fpu).toEqual({ ...any.fpu, fop: any.fpu.fop & 0x7ff })
        expect({ ...held.serial }).toEqual(any.serial)
        restoreState(b, held, 'freeze')
        expectEqual(captureState(b, apic), held)
      }),
      { numRuns: 60 },
    )
  })

  test('capturing changes nothing', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        restoreState(a, heldState(reset, seed), 'freeze')
        const first = captureState(a, apic)
        for (let i = 0; i < 3; i++) expectEqual(captureState(a, apic), first)
      }),
      { numRuns: 20 },
    )
  })

  test('`freeze` leaves out the time since the capture, `continue` counts it in every clock', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 3_599_999 }), (seed, elapsedMs) => {
        restoreState(a, heldState(reset, seed), 'freeze')
        const captured = captureState(a, apic)
        clock.ms += elapsedMs
        restoreState(b, captured, 'freeze')
        expectEqual(captureState(b, apic), captured)

        restoreState(b, captured, 'continue')
        const elapsedNs = BigInt(elapsedMs) * 1_000_000n
        const later = structuredClone(captured)
        later.cpu.tsc += elapsedNs
        for (const channel of later.pit.channels) channel.sinceStartNs += elapsedNs
        later.rtc.timeMs += BigInt(elapsedMs)
        const left = (inNs: bigint) => (inNs < 0n ? inNs : inNs > elapsedNs ? inNs - elapsedNs : 0n)
        later.rtc.periodicInNs = left(later.rtc.periodicInNs)
        later.rtc.alarmInNs = left(later.rtc.alarmInNs)
        later.rtc.updateInNs = left(later.rtc.updateInNs)
        if (later.lapic !== undefined) later.lapic.timerInNs = left(later.lapic.timerInNs)
        expectEqual(captureState(b, apic), later)
      }),
      { numRuns: 50 },
    )
  })

  test('a clock that went backwards or jumped by hours does not throw the guest off', () => {
    const captured = captureState(a, apic)
    for (const jumpMs of [-5_000, 4_000_000]) {
      const moved = { ...captured, capturedAtNs: captured.capturedAtNs - BigInt(jumpMs) * 1_000_000n }
      restoreState(b, moved, 'continue')
      expectEqual(captureState(b, apic), captured)
    }
  })
})

test('a captured state survives its own encoding, whatever v86 uses for "none"', async () => {
  const machine = await still({ disk: new SharedArrayBuffer(512), apic: true })
  const { devices } = machine.cpu
  devices.ps2.mouse_detect_state = -1
  devices.ps2.mouse_delta_x = -5
  devices.ps2.wheel_movement = -8
  const state = captureState(machine, true)
  for (const [name, { type }] of Object.entries(SECTIONS)) {
    const value = state[name as SectionName]
    expect({ [name]: type.decode(type.encode(value as never)) }).toEqual({ [name]: value })
  }
  const target = await still({ disk: new SharedArrayBuffer(512), apic: true })
  restoreState(target, state, 'freeze')
  const { ps2 } = target.cpu.devices
  expect([ps2.mouse_detect_state, ps2.mouse_delta_x, ps2.wheel_movement]).toEqual([-1, -5, -8])
})

test('a state with a disk is refused by a machine without one', async () => {
  const [source, target] = [await still({ disk: new SharedArrayBuffer(512) }), await still({})]
  const state = captureState(source, false)
  expect(() => restoreState(target, state, 'freeze')).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^machine\.(pci|disk)-mismatch$/) as string }),
  )
})
