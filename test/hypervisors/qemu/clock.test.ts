/** What QEMU's clock and timer need of a state, each for a guest that died or went wrong without it. */
import { describe, expect, it } from 'vitest'
import { mc146818rtc } from '../../../engine/hypervisors/devicemodel/rtc.ts'
import { i8259 } from '../../../engine/hypervisors/qemu/chips.ts'
import { cpuState } from '../../../engine/hypervisors/qemu/cpu-record.ts'
import { advanceClock } from '../../../engine/hypervisors/qemu/loose-ends.ts'
import { i8254 } from '../../../engine/hypervisors/qemu/pit.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { timer, timerIcount, timerWarp } from '../../../engine/hypervisors/qemu/timer.ts'
import type { PitChannel } from '../../../engine/vmstate/chips.ts'
import { atRest, withTimer, recordOf, packed, changed } from './at-rest.ts'

const TICK_NS = 1e9 / 1_193_182

describe('the clock', () => {
  it("is the guest's time stamp counter, so that no timer and no counter jumps", () => {
    const records = qemu.pack(atRest())
    expect(recordOf(records, timerIcount)).toEqual({ qemu_icount_bias: 5_000_000_000n, qemu_icount: 0n })
    expect(recordOf(records, timer).cpu_clock_offset).toBe(5_000_000_000n)
    expect(recordOf(records, cpuState).tsc_offset).toBe(0n)
    expect(recordOf(records, mc146818rtc).last_update).toBe(5_000_000_000n)
  })

  it('is told not to be asleep: a halted guest would be thrown forward by all of it', () => {
    expect(packed(atRest(), timerWarp)).toEqual({ vm_clock_warp_start: -1n, icount_warp_timer: -1n })
  })

  it('that QEMU gives back has what a halted guest has slept until it was stopped', () => {
    const records = changed(qemu.pack(atRest()), timerWarp, { vm_clock_warp_start: 4_990_000_000n })
    expect(qemu.unpack(records).cpu.tsc).toBe(5_010_000_000n)
  })

  it('counts four nanoseconds an instruction', () => {
    const records = changed(qemu.pack(atRest()), timerIcount, { qemu_icount: 1000n })
    expect(qemu.unpack(records).cpu.tsc).toBe(5_000_004_000n)
  })

  it('that was the one of its computer is refused, with what the guest would see', () => {
    const records = qemu.pack(atRest()).filter(({ name }) => !name.startsWith('timer/icount'))
    expect(() => qemu.unpack(records)).toThrow(expect.objectContaining({ code: 'qemu.icount' }))
    expect(() => qemu.unpack(records)).toThrow(/without -icount.*its time go faster or slower/)
  })

  it('goes on as a whole where time has passed on the way', () => {
    const state = withTimer({ sinceStartNs: 1_000_000n })
    const later = qemu.unpack(advanceClock(qemu.pack(state), 2_000_000n))
    expect(later.cpu.tsc).toBe(5_002_000_000n)
    expect(Number(later.pit.channels[0]?.sinceStartNs)).toBeCloseTo(3_000_000, -1)
    expect(later.rtc.timeMs).toBe(state.rtc.timeMs + 2n)
  })
})

describe('the timer', () => {
  it.each([2, 4])('in mode %i is low until its count runs out, or it would never make an edge', (mode) => {
    const state = withTimer({ mode, sinceStartNs: 1_000_000n })
    expect(packed({ ...state, picMaster: { ...state.picMaster, lastIrr: 1 } }, i8259).last_irr & 1).toBe(0)
    const { channels, next_transition_time } = packed(state, i8254)
    const loadedAt = channels[0]?.count_load_time ?? 0n
    expect(Number(next_transition_time - loadedAt)).toBeCloseTo(11932 * TICK_NS, -1)
    expect(channels[0]?.next_transition_time).toBe(next_transition_time)
  })

  it('in mode 3 is high in its first half, and falls in the middle', () => {
    const first = withTimer({ mode: 3, sinceStartNs: 1_000_000n })
    expect(packed(first, i8259).last_irr & 1).toBe(1)
    const { channels, next_transition_time } = packed(first, i8254)
    expect(Number(next_transition_time - (channels[0]?.count_load_time ?? 0n))).toBeCloseTo(5966 * TICK_NS, -1)
    expect(packed(withTimer({ mode: 3, sinceStartNs: 9_000_000n }), i8259).last_irr & 1).toBe(0)
  })

  it('that has run out and was not served yet requests its interrupt, and keeps its phase', () => {
    const state = withTimer({ sinceStartNs: 11_000_000n })
    expect(packed(state, i8259).irr & 1).toBe(1)
    expect(packed(withTimer({ sinceStartNs: 9_000_000n }), i8259).irr & 1).toBe(0)
    const { channels, next_transition_time } = packed(state, i8254)
    expect(Number(next_transition_time - (channels[0]?.count_load_time ?? 0n))).toBeCloseTo(2 * 11932 * TICK_NS, -1)
  })

  it('counts on from where it was in the middle of a period', () => {
    const state = withTimer({ startCount: 5000, sinceStartNs: 1_000_000n })
    const [channel] = qemu.unpack(qemu.pack(state)).pit.channels
    const left = 5000 - 1_000_000 / TICK_NS
    expect((channel?.startCount ?? 0) - Number(channel?.sinceStartNs) / TICK_NS).toBeCloseTo(left, -1)
  })

  it('of one shot that is over does not fire again', () => {
    const state = withTimer({ mode: 0, enabled: true, sinceStartNs: 20_000_000n })
    expect(packed(state, i8254).next_transition_time).toBe(-1n)
    expect(qemu.unpack(qemu.pack(state)).pit.channels[0]?.enabled).toBe(false)
  })

  it.each([2, 4])('in mode %i that ran out while QEMU stopped still has its interrupt to come', (mode) => {
    const records = qemu.pack(withTimer({ mode, sinceStartNs: 9_000_000n }))
    const [left] = qemu.unpack(records).pit.channels
    expect(left?.enabled).toBe(true)
    expect(Number(left?.sinceStartNs) / TICK_NS).toBeLessThan(11932)
    // As if it had slept: the clock is past the time at which QEMU's timer would have fired.
    const [late] = qemu.unpack(changed(records, timerWarp, { vm_clock_warp_start: 4_998_000_000n })).pit.channels
    expect(late?.enabled).toBe(true)
    expect(Number(late?.sinceStartNs)).toBeCloseTo(11_000_000, -2)
    expect(Number(late?.sinceStartNs) / TICK_NS).toBeGreaterThan(late?.startCount ?? 0)
  })

  it('of a QEMU that has fired it does not fire again: its output only falls, and rises at the next end', () => {
    const [channel, ...others] = packed(withTimer({ mode: 4, sinceStartNs: 9_000_000n }), i8254).channels
    if (channel === undefined) throw new Error('no channel')
    const unpacked = (mode: number, ticks: number, nextTicks: number): PitChannel | undefined => {
      const load = 5_000_000_000n - BigInt(Math.floor(ticks * TICK_NS))
      const next = load + BigInt(Math.floor(nextTicks * TICK_NS))
      const native = { ...channel, mode, count_load_time: load }
      const change = { channels: [native, ...others], next_transition_time: next }
      return qemu.unpack(changed(qemu.pack(withTimer({})), i8254, change)).pit.channels[0]
    }
    expect(unpacked(4, 11932.5, 11933)?.enabled).toBe(false)
    // Mode 2: the fall is a tick before the end, the rise at it; both belong to the same end.
    for (const next of [2 * 11932, 2 * 11932 + 1]) {
      expect(Number(unpacked(2, 11932 + 500, next)?.sinceStartNs) / TICK_NS).toBeCloseTo(500, 0)
      expect(Number(unpacked(2, 2 * 11932 + 500, next)?.sinceStartNs) / TICK_NS).toBeCloseTo(11932 + 500, 0)
    }
  })

  it('caught between the two bytes of its count takes the second one next, in either direction', () => {
    const state = withTimer({ nextIsLow: false, reload: 0x12cd })
    expect(packed(state, i8254).channels[0]).toMatchObject({ write_state: 4, read_state: 4, write_latch: 0xcd })
    const [channel, ...others] = packed(state, i8254).channels
    if (channel === undefined) throw new Error('no channel')
    // QEMU has the new low byte in the latch, beside the whole old count.
    const caught = { ...channel, count: 0x1234, write_latch: 0xcd }
    const back = qemu.unpack(changed(qemu.pack(state), i8254, { channels: [caught, ...others] }))
    expect(back.pit.channels[0]).toMatchObject({ reload: 0x12cd, nextIsLow: false })
  })
})
