/** The 8254: vmstate `i8254` version 3 (hw/timer/i8254_common.c), and `pcspk` for the speaker's data bit. */
import { array, record, s64, u32, u8, type ValueOf } from '../../util/record.ts'
import type { Pit, PitChannel } from '../../vmstate/chips.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { packPitChannel, pitChannelFields, unpackPitChannel } from '../i8254.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

/** Times are on the guest's clock; `next_transition_time` −1: the output will not change. */
export const qemuPitChannel = record('pit channel', 'be', {
  ...pitChannelFields,
  count_load_time: s64,
  next_transition_time: s64,
})
export const i8254 = record('i8254', 'be', {
  irq_disabled: u32,
  channels: array(qemuPitChannel, 3),
  next_transition_time: s64,
})
export const pcspk = record('pcspk', 'be', { data_on: u8, dummy_refresh_clock: u8 })

const COUNTS = "QEMU counts every period from the full count, in whole ticks of the guest's clock."
export const pitNotRepresentable: readonly NotRepresentable[] = [
  { section: 'pit', path: 'channels.*.enabled', reason: 'A counter that was never loaded counts from 65536 in QEMU.' },
  { section: 'pit', path: 'channels.*.startCount', reason: COUNTS },
  { section: 'pit', path: 'channels.*.sinceStartNs', reason: COUNTS },
]

/** `PIT_FREQ` (include/hw/timer/i8254.h), Hz. */
const FREQUENCY = 1_193_182n
const NS_PER_S = 1_000_000_000n
const NEVER = -1n
const GATE_OF_SPEAKER = 1
const SPEAKER_DATA = 2

const toTicks = (ns: bigint): bigint => (ns * FREQUENCY) / NS_PER_S
const toNs = (ticks: bigint): bigint => (ticks * NS_PER_S) / FREQUENCY
const fullCount = (channel: PitChannel): number => (channel.reload === 0 ? 0x10000 : channel.reload)
const isPeriodic = (mode: number): boolean => mode === 2 || mode === 3

/** The timer's line to the PIC. */
export interface TimerLine {
  readonly high: boolean
  /** Its count has run out, and the interrupt for it was not requested yet. */
  readonly due: boolean
}

/** Ticks counted since the full count was loaded. */
function ticksSinceLoad(channel: PitChannel): bigint {
  return BigInt(fullCount(channel) - channel.startCount) + toTicks(channel.sinceStartNs)
}

/**
 * The level of channel 0's output (`pit_get_out`). In modes 2, 4 and 5 QEMU's is low but for the moment at which the count
 * runs out: were the PIC told that it is high, the next interrupt would make no edge, and the timer be dead.
 */
export function timerLine({ channels: [channel] }: Pit): TimerLine {
  if (channel?.enabled !== true) return { high: false, due: false }
  const count = BigInt(fullCount(channel))
  const ticks = ticksSinceLoad(channel)
  const due = ticks >= count && channel.mode !== 1 && channel.mode !== 5
  if (channel.mode === 0) return { high: ticks >= count, due }
  if (channel.mode === 1) return { high: ticks < count, due }
  if (channel.mode === 3) return { high: ticks % count < (count + 1n) / 2n, due }
  return { high: false, due }
}

/** Ticks since the load at which the output of channel 0 changes next (`pit_get_next_transition_time`). */
function nextTransition(channel: PitChannel, ticks: bigint): bigint | undefined {
  const count = BigInt(fullCount(channel))
  if (!isPeriodic(channel.mode)) return ticks < count ? count : undefined
  const base = ticks - (ticks % count)
  const half = base + (count + 1n) / 2n
  return channel.mode === 3 && ticks < half ? half : base + count
}

function packChannel(channel: PitChannel, index: number, clockNs: bigint) {
  const loadedAt = channel.enabled
    ? clockNs - channel.sinceStartNs - toNs(BigInt(fullCount(channel) - channel.startCount))
    : clockNs
  const next = index === 0 && channel.enabled ? nextTransition(channel, ticksSinceLoad(channel)) : undefined
  return {
    ...packPitChannel(channel),
    count_load_time: BigInt.asIntN(64, loadedAt),
    // A ns later: at that time QEMU's division has surely come to the tick.
    next_transition_time: next === undefined ? NEVER : BigInt.asIntN(64, loadedAt + toNs(next) + 1n),
  }
}

/** Writes PIT and speaker. @param clockNs the guest's clock */
export function packPit(out: NativeWriter, pit: Pit, clockNs: bigint): void {
  const channels = pit.channels.map((channel, i) => packChannel(channel, i, clockNs))
  const next_transition_time = channels[0]?.next_transition_time ?? NEVER
  out.put(i8254, { irq_disabled: 0, channels, next_transition_time })
  out.put(pcspk, { data_on: (pit.speaker & SPEAKER_DATA) !== 0 ? 1 : 0, dummy_refresh_clock: 0 })
}

/**
 * Ticks since the load at which channel 0 runs out next, by when QEMU's timer is to fire: it may be past, for a QEMU that was
 * stopped before it came to that. Undefined: it has fired, and there is no next time.
 */
function runsOutAt(c: ValueOf<typeof qemuPitChannel>, next: bigint): bigint | undefined {
  if (next === NEVER) return undefined
  const count = BigInt(c.count)
  const ticks = toTicks(next - c.count_load_time)
  // A tick before or behind the end of a period, by how QEMU rounds and because its output falls a tick before it rises.
  if (isPeriodic(c.mode)) return ((ticks + count - 2n) / count) * count
  // Behind the end, a one-shot's output only falls again.
  return next - c.count_load_time <= toNs(count) + 1n ? count : undefined
}

function unpackChannel(c: ValueOf<typeof qemuPitChannel>, clockNs: bigint, runsOut: bigint | undefined) {
  const count = BigInt(c.count)
  const sinceLoad = BigInt.asIntN(64, clockNs - c.count_load_time)
  const elapsed = sinceLoad > 0n ? sinceLoad : 0n
  // Whole periods are left out, but for the one that is over without an interrupt.
  const over = runsOut ?? (isPeriodic(c.mode) ? toTicks(elapsed) - (toTicks(elapsed) % count) + count : count)
  return { ...unpackPitChannel(c), startCount: c.count & 0xffff, sinceStartNs: elapsed - toNs(over - count) }
}

/** Reads PIT and speaker. Throws `native.pit` for a count or mode that no 8254 has. */
export function unpackPit(input: NativeReader, clockNs: bigint): Pit {
  const native = input.one(i8254)
  const channels = native.channels.map((c, i): PitChannel => {
    if (c.count === 0 || c.count > 0x10000 || c.mode > 5) {
      refuse('pit', `PIT channel ${i} counts ${c.count} in mode ${c.mode}.`)
    }
    const runsOut = i === 0 ? runsOutAt(c, native.next_transition_time) : undefined
    const enabled = i === 0 ? runsOut !== undefined : c.rw_mode !== 0
    return { ...unpackChannel(c, clockNs, runsOut), enabled }
  })
  const speaker =
    (channels[2]?.gate === true ? GATE_OF_SPEAKER : 0) | (input.one(pcspk).data_on !== 0 ? SPEAKER_DATA : 0)
  return { channels, speaker }
}
