/**
 * One channel of the 8254 as both hypervisors store it: `struct hvm_hw_pit_channel` (Xen, arch-x86/hvm/save.h) and the
 * first 16 bytes of `struct kvm_pit_channel_state` (Linux, asm/kvm.h) have the same fields with the same meaning.
 */
import type { PitChannel } from '../vmstate/chips.ts'
import { u16, u32, u8 } from '../util/record.ts'

/** Fields shared by both C structs, in order. */
export const pitChannelFields = {
  /** Count written by the guest, 1–65536. */
  count: u32,
  latched_count: u16,
  /** Which byte of a latched count comes next: an access state, 0 = none latched. */
  count_latched: u8,
  status_latched: u8,
  status: u8,
  read_state: u8,
  write_state: u8,
  write_latch: u8,
  rw_mode: u8,
  mode: u8,
  bcd: u8,
  gate: u8,
} as const

export type NativePitChannel = { [K in keyof typeof pitChannelFields]: number }

/** Access states: low byte, high byte, low byte of a word, high byte of a word. */
const STATE = { lsb: 1, msb: 2, word0: 3, word1: 4 } as const

/** Count latch: bytes still to be read → access state. */
const LATCH = [0, STATE.msb, STATE.word0] as const

/** Neutral → native. */
export function packPitChannel(channel: PitChannel): NativePitChannel {
  const word = channel.accessMode === 3
  const state = channel.nextIsLow ? (word ? STATE.word0 : STATE.lsb) : word ? STATE.word1 : STATE.msb
  return {
    count: channel.reload === 0 ? 0x10000 : channel.reload,
    latched_count: channel.latchedCount,
    count_latched: LATCH[channel.latchedBytes] ?? 0,
    status_latched: 0,
    status: 0,
    read_state: state,
    write_state: state,
    // The low byte of a half-written count waits here for the high one.
    write_latch: state === STATE.word1 ? channel.reload & 0xff : 0,
    rw_mode: channel.accessMode,
    mode: channel.mode,
    bcd: channel.bcd ? 1 : 0,
    gate: channel.gate ? 1 : 0,
  }
}

/** Native → neutral; `enabled`, `startCount` and `sinceStartNs` are zero. */
export function unpackPitChannel(native: NativePitChannel): PitChannel {
  return {
    mode: native.mode,
    bcd: native.bcd !== 0,
    gate: native.gate !== 0,
    enabled: false,
    accessMode: native.rw_mode,
    nextIsLow: native.write_state === STATE.lsb || native.write_state === STATE.word0,
    latchedBytes: native.count_latched === 0 ? 0 : native.count_latched === STATE.word0 ? 2 : 1,
    latchedCount: native.latched_count,
    // The low byte of a half-written count is in the latch; our machines have it in the count already.
    reload: native.write_state === STATE.word1 ? (native.count & 0xff00) | native.write_latch : native.count & 0xffff,
    startCount: 0,
    sinceStartNs: 0n,
  }
}
