/** KVM's in-kernel chips (Linux 6.1, asm/kvm.h): kvm_irqchip with PIC or IOAPIC, kvm_lapic_state, kvm_pit_state2. */
import { array, bytes, pad, record, s64, u32, u64, u8, type ValueOf } from '../../util/record.ts'
import type { Ioapic, Pic, Pit } from '../../vmstate/chips.ts'
import { packPicRegisters, picFields, unpackPicRegisters } from '../i8259.ts'
import { packPitChannel, pitChannelFields, unpackPitChannel } from '../i8254.ts'
import { lapicPage } from '../lapic-page.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

export const kvmPicState = record('kvm_pic_state', 'le', { ...picFields, elcr: u8, elcr_mask: u8 })
const redirection = record('redirtbl', 'le', { low: u32, high: u32 })
export const kvmIoapicState = record('kvm_ioapic_state', 'le', {
  base_address: u64,
  ioregsel: u32,
  id: u32,
  irr: u32,
  pad: pad(4),
  redirtbl: array(redirection, 24),
})
/** `chip` is a union: a kvm_pic_state (chip 0 and 1) or a kvm_ioapic_state (chip 2), by `chip_id`. */
export const kvmIrqchip = record('kvm_irqchip', 'le', { chip_id: u32, pad: pad(4), chip: bytes(512) })
export const kvmLapicState = record('kvm_lapic_state', 'le', { regs: lapicPage })
export const kvmPitChannelState = record('kvm_pit_channel_state', 'le', { ...pitChannelFields, count_load_time: s64 })
export const kvmPitState2 = record('kvm_pit_state2', 'le', {
  channels: array(kvmPitChannelState, 3),
  flags: u32,
  reserved: pad(36),
})

/** `KVM_IRQCHIP_IOAPIC`; the PICs are 0 and 1. */
const CHIP_IOAPIC = 2
/** ELCR bits that exist: not for timer, keyboard and cascade, nor for clock and coprocessor. */
const ELCR_MASK = [0xf8, 0xde] as const
const IOAPIC_BASE = 0xfec00000n
/** `KVM_PIT_FLAGS_SPEAKER_DATA_ON`. */
const SPEAKER_DATA_ON = 2

function putChip(out: NativeWriter, chipId: number, image: Uint8Array): void {
  const chip = new Uint8Array(512)
  chip.set(image)
  out.put(kvmIrqchip, { chip_id: chipId, chip }, chipId)
}

function checkChip(chip: ValueOf<typeof kvmIrqchip>, chipId: number): Uint8Array {
  if (chip.chip_id !== chipId)
    refuse('irqchip', `kvm_irqchip ${chipId} says that it is chip ${chip.chip_id}.`, { chipId })
  return chip.chip
}

/** Neutral → PIC; chip 0 is the master. */
export function packPic(out: NativeWriter, p: Pic, chipId: 0 | 1): void {
  putChip(out, chipId, kvmPicState.encode({ ...packPicRegisters(p), elcr_mask: ELCR_MASK[chipId] }))
}

/** PIC → neutral. */
export function unpackPic(input: NativeReader, chipId: 0 | 1): Pic {
  return unpackPicRegisters(kvmPicState.decode(checkChip(input.one(kvmIrqchip, chipId), chipId)))
}

/** Neutral → IOAPIC. */
export function packIoapic(out: NativeWriter, io: Ioapic): void {
  const native = kvmIoapicState.encode({
    base_address: IOAPIC_BASE,
    ioregsel: io.select,
    id: io.id,
    irr: io.irr,
    redirtbl: io.redirectionLow.map((low, pin) => ({ low, high: io.redirectionHigh[pin] ?? 0 })),
  })
  putChip(out, CHIP_IOAPIC, native)
}

/** IOAPIC → neutral; `lines` is zero. Undefined where the machine has none. */
export function unpackIoapic(input: NativeReader): Ioapic | undefined {
  const chip = input.maybe(kvmIrqchip, CHIP_IOAPIC)
  if (chip === undefined) return undefined
  const io = kvmIoapicState.decode(checkChip(chip, CHIP_IOAPIC))
  return {
    id: io.id & 0xff,
    select: io.ioregsel & 0xff,
    irr: io.irr,
    lines: 0,
    redirectionLow: io.redirtbl.map((entry) => entry.low),
    redirectionHigh: io.redirtbl.map((entry) => entry.high),
  }
}

/**
 * Neutral → PIT.
 * @param clockNs KVM's clock at the capture (`kvm_clock_data.clock`), to which `count_load_time` refers
 */
export function packPit(out: NativeWriter, p: Pit, clockNs: bigint): void {
  out.put(kvmPitState2, {
    channels: p.channels.map((c) => ({
      ...packPitChannel(c),
      count_load_time: BigInt.asIntN(64, clockNs - c.sinceStartNs),
    })),
    flags: (p.speaker & 2) !== 0 ? SPEAKER_DATA_ON : 0,
  })
}

/** PIT → neutral; `enabled` and `startCount` are zero. */
export function unpackPit(input: NativeReader, clockNs: bigint): Pit {
  const p = input.one(kvmPitState2)
  const channels = p.channels.map((c) => {
    return { ...unpackPitChannel(c), sinceStartNs: BigInt.asIntN(64, clockNs - c.count_load_time) }
  })
  return {
    channels,
    speaker: ((p.flags & SPEAKER_DATA_ON) !== 0 ? 2 : 0) | (channels[2]?.gate === true ? 1 : 0),
  }
}
