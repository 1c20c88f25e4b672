/** The real-time clock as QEMU saves it: vmstate `mc146818rtc` version 3 (hw/rtc/mc146818rtc.c). */
import { bytes, pad, record, s64, u32, u64, u8 } from '../../util/record.ts'
import type { Rtc } from '../../vmstate/chips.ts'
import type { NativeReader, NativeWriter } from '../records.ts'

/** Times are nanoseconds of the clock that QEMU runs it on (`-rtc clock=`); −1 = not armed. */
export const mc146818rtc = record('mc146818rtc', 'be', {
  cmos_data: bytes(128),
  cmos_index: u8,
  unused_129: pad(28),
  periodic_timer: s64,
  next_periodic_time: s64,
  unused_173: pad(24),
  irq_coalesced: u32,
  period: u32,
  base_rtc: u64,
  last_update: u64,
  offset: s64,
  update_timer: s64,
  next_alarm_time: u64,
})

const UNARMED = -1n
const NS_PER_MS = 1_000_000n

const absolute = (inNs: bigint, nowNs: bigint): bigint => (inNs === UNARMED ? UNARMED : BigInt.asIntN(64, nowNs + inNs))
const relative = (atNs: bigint, nowNs: bigint): bigint => (atNs === UNARMED ? UNARMED : BigInt.asIntN(64, atNs - nowNs))

/** Writes the real-time clock; times become absolute on the clock whose present is `nowNs`. */
export function packRtc(out: NativeWriter, r: Rtc, nowNs: bigint): void {
  const cmos_data = r.cmos.slice()
  cmos_data[10] = r.registerA
  cmos_data[11] = r.registerB
  cmos_data[12] = r.registerC
  const milliseconds = ((r.timeMs % 1000n) + 1000n) % 1000n
  const periodic = absolute(r.periodicInNs, nowNs)
  out.put(mc146818rtc, {
    cmos_data,
    cmos_index: r.index,
    periodic_timer: periodic,
    next_periodic_time: periodic,
    irq_coalesced: 0,
    period: 0,
    base_rtc: (r.timeMs - milliseconds) / 1000n,
    last_update: nowNs,
    offset: milliseconds * NS_PER_MS,
    update_timer: absolute(r.updateInNs, nowNs),
    next_alarm_time: absolute(r.alarmInNs, nowNs),
  })
}

/** Reads the real-time clock; times become relative to the capture. `nmiDisabled` is false. */
export function unpackRtc(input: NativeReader, nowNs: bigint): Rtc {
  const r = input.one(mc146818rtc)
  const elapsedNs = BigInt.asIntN(64, nowNs - r.last_update) + r.offset
  return {
    cmos: r.cmos_data,
    index: r.cmos_index,
    nmiDisabled: false,
    registerA: r.cmos_data[10] ?? 0,
    registerB: r.cmos_data[11] ?? 0,
    registerC: r.cmos_data[12] ?? 0,
    timeMs: BigInt.asIntN(64, BigInt.asIntN(64, r.base_rtc) * 1000n + elapsedNs / NS_PER_MS),
    periodicInNs: relative(r.periodic_timer, nowNs),
    alarmInNs: relative(BigInt.asIntN(64, r.next_alarm_time), nowNs),
    updateInNs: relative(r.update_timer, nowNs),
  }
}
