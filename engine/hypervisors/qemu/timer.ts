/**
 * The guest's clock in QEMU: vmstate `timer` version 2 with `timer/icount` (softmmu/cpu-timers.c). With `-icount` it counts
 * instructions, and every timer of every device, and the time stamp counter, are on its axis.
 */
import { FerryError } from '../../util/errors.ts'
import { pad, record, s64 } from '../../util/record.ts'
import type { NativeReader, NativeWriter } from '../records.ts'
import { ICOUNT_SHIFT } from './machine-arguments.ts'

export const timer = record('timer', 'be', { cpu_ticks_offset: s64, unused_8: pad(8), cpu_clock_offset: s64 })
/** The clock is `bias` + (`icount` << shift) ns. */
export const timerIcount = record('timer/icount', 'be', { qemu_icount_bias: s64, qemu_icount: s64 })
/** A halted guest sleeps until its next timer: since when, and until when; −1 = it does not. */
export const timerWarp = record('timer/icount/warp_timer', 'be', { vm_clock_warp_start: s64, icount_warp_timer: s64 })

/** The counter counts nanoseconds. */
export const TSC_KHZ = 1_000_000
const UNARMED = -1n
/** The clock is a signed number, and must have room to go on. */
const CLOCK_BITS = 62

/** The guest's clock for a machine with this time stamp counter, and by how much the counter is ahead of it. */
export function clockOf(tsc: bigint): { clockNs: bigint; tscOffset: bigint } {
  const clockNs = BigInt.asUintN(CLOCK_BITS, tsc)
  return { clockNs, tscOffset: tsc - clockNs }
}

/**
 * Writes the clock. `timer/icount/warp_timer` must be there: without it QEMU takes a halted guest to have slept since its
 * clock was 0, and lets all of that time pass at once.
 */
export function packTimer(out: NativeWriter, clockNs: bigint): void {
  out.put(timer, { cpu_ticks_offset: clockNs, cpu_clock_offset: clockNs })
  out.put(timerIcount, { qemu_icount_bias: clockNs, qemu_icount: 0n })
  out.put(timerWarp, { vm_clock_warp_start: UNARMED, icount_warp_timer: UNARMED })
}

/**
 * Reads the clock, in ns. What a halted guest has slept until QEMU was stopped is in it.
 * @throws FerryError `qemu.icount` where the guest's clock was its host's
 */
export function unpackTimer(input: NativeReader): bigint {
  const { cpu_clock_offset } = input.one(timer)
  const icount = input.maybe(timerIcount)
  if (icount === undefined) throw ownClock()
  const { qemu_icount_bias, qemu_icount } = icount
  const { vm_clock_warp_start } = input.one(timerWarp)
  const sleptNs = vm_clock_warp_start === UNARMED ? 0n : cpu_clock_offset - vm_clock_warp_start
  const clockNs = qemu_icount_bias + (qemu_icount << BigInt(ICOUNT_SHIFT))
  return BigInt.asUintN(CLOCK_BITS, clockNs + (sleptNs > 0n ? sleptNs : 0n))
}

/** Without `-icount` the counter has its host's rate, and a stream does not tell which that is. */
const ownClock = (): FerryError =>
  new FerryError(
    'qemu.icount',
    `QEMU ran the guest without -icount: its time stamp counter counted at the rate of that computer, which its stream does not tell. Here it would count at ${TSC_KHZ / 1000} MHz, and the guest would see its time go faster or slower from then on. Start QEMU with -icount shift=${ICOUNT_SHIFT},sleep=on.`,
  )
