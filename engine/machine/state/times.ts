/** How guest time is carried across a capture: times in the state are relative to it. */
import { nowMs } from '../../util/clock.ts'
import type { Emulator } from '../emulator.ts'

export const NS_PER_MS = 1e6

/** One instant, read once for all devices, in every clock that v86's devices use. */
export interface Instant {
  /** Machine clock (PIT, TSC, APIC), ms. */
  readonly machineMs: number
  /** `Date.now()` (RTC), ms. */
  readonly wallMs: number
}

export function instant(emulator: Emulator): Instant {
  return { machineMs: emulator.now(), wallMs: Date.now() }
}

/** Host wall clock in ns, from the monotonic clock so that two captures never go backwards. */
export function wallClockNs(): bigint {
  return BigInt(Math.round(nowMs() * 1000)) * 1000n
}

export const toNs = (ms: number): bigint => BigInt(Math.round(ms * NS_PER_MS))
export const toMs = (ns: bigint): number => Number(ns) / NS_PER_MS
/** Time left until `at`, in ns, never negative. */
export const nsUntil = (at: number, now: number): bigint => toNs(Math.max(0, at - now))
export const NOT_ARMED = -1n
