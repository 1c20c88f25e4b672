/**
 * Clocks on a KVM-like host: `struct kvm_clock_data` (linux/kvm.h), and from QEMU's stream the rate of the time stamp
 * counter (vmstate `cpu/tsc_khz`).
 */
import { pad, record, s64, u32, u64 } from '../../util/record.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

export const kvmClockData = record('kvm_clock_data', 'le', {
  clock: u64,
  flags: u32,
  pad0: pad(4),
  realtime: u64,
  host_tsc: u64,
  pad: pad(16),
})
export const tscKhz = record('cpu/tsc_khz', 'be', { tsc_khz: s64 })
/** `KVM_CLOCK_REALTIME`, and the flags that KVM knows. */
const CLOCK_REALTIME = 4
const CLOCK_KNOWN = 0x0e
const NS_PER_MS = 1_000_000n

/** The guest's clock: time since its counter was zero, in ns. */
export function guestClockNs(tsc: bigint, tscKHz: number): bigint {
  return tscKHz > 0 ? BigInt.asUintN(63, (tsc * NS_PER_MS) / BigInt(tscKHz)) : 0n
}

/** Writes the clock and the counter's rate. */
export function packClock(out: NativeWriter, clockNs: bigint, capturedAtNs: bigint, rateKHz: number): void {
  out.put(kvmClockData, { clock: clockNs, flags: CLOCK_REALTIME, realtime: capturedAtNs, host_tsc: 0n })
  out.put(tscKhz, { tsc_khz: BigInt(rateKHz) })
}

/** Reads the clock and the counter's rate. Throws `native.flags`, `native.tsc-khz`. */
export function unpackClock(input: NativeReader): { clockNs: bigint; capturedAtNs: bigint; rateKHz: number } {
  const c = input.one(kvmClockData)
  if ((c.flags & ~CLOCK_KNOWN) !== 0) refuse('flags', 'kvm_clock_data.flags has unknown bits.', { flags: c.flags })
  const rate = input.one(tscKhz).tsc_khz
  if (rate < 0n || rate > 0xffffffffn) refuse('tsc-khz', `A time stamp counter of ${rate} kHz is impossible.`)
  return { clockNs: c.clock, capturedAtNs: c.realtime, rateKHz: Number(rate) }
}
