/** Interrupt controllers, timers and DMA between v86 and the common format. */
import type { Dma, Ioapic, Lapic, Pic, Pit, PitChannel, Rtc } from '../../vmstate/chips.ts'
import type { Emulator } from '../emulator.ts'
import { APIC_BYTES, APIC_WORD as A, IOAPIC_BYTES, IOAPIC_WORD as IO, PIC_OFFSET as P } from '../v86/layout.ts'
import { type Instant, NOT_ARMED, nsUntil, toMs, toNs } from './times.ts'

const PIC_BYTES = 13
/** Port 0x61 bit 0: the gate of channel 2, which v86 takes to be always open. */
const SPEAKER_GATE = 1
/** CMOS indexes of the clock's registers and of the diagnostic byte (MC146818 data sheet; IBM PC/AT). */
const CMOS = { registerA: 0x0a, registerB: 0x0b, registerC: 0x0c, diagnostics: 0x0e } as const
/** v86's APIC timer counts at 1 MHz × 1000 before division (`APIC_TIMER_FREQ` in apic.rs), per ms. */
const APIC_TICKS_PER_MS = 1_000_000

function picView(emulator: Emulator, which: 'master' | 'slave'): DataView {
  const { cpu } = emulator
  return emulator.view(which === 'master' ? cpu.get_pic_addr_master() : cpu.get_pic_addr_slave(), PIC_BYTES)
}

export function capturePic(emulator: Emulator, which: 'master' | 'slave'): Pic {
  const v = picView(emulator, which)
  const u8 = (offset: number) => v.getUint8(offset)
  const expectIcw4 = u8(P.expectIcw4) !== 0
  // v86 counts the ICWs it has: 1 = ICW2 is next, 2 = ICW3 is next, then a flag says that ICW4 is.
  const step = u8(P.initState)
  return {
    irr: u8(P.irr),
    imr: ~u8(P.irqMask) & 0xff,
    isr: u8(P.isr),
    irqBase: u8(P.irqMap),
    lastIrr: u8(P.irqValue),
    elcr: u8(P.elcr),
    priorityAdd: 0,
    readIsr: u8(P.readIsr) !== 0,
    poll: false,
    specialMask: u8(P.specialMask) !== 0,
    initState: step !== 0 ? step + 1 : expectIcw4 ? 4 : 0,
    expectIcw4,
    autoEoi: u8(P.autoEoi) !== 0,
    rotateOnAutoEoi: false,
    specialFullyNested: false,
  }
}

export function restorePic(emulator: Emulator, which: 'master' | 'slave', pic: Pic): void {
  const v = picView(emulator, which)
  v.setUint8(P.irr, pic.irr)
  v.setUint8(P.irqMask, ~pic.imr & 0xff)
  v.setUint8(P.isr, pic.isr)
  v.setUint8(P.irqMap, pic.irqBase)
  v.setUint8(P.irqValue, pic.lastIrr)
  v.setUint8(P.elcr, pic.elcr)
  v.setUint8(P.readIsr, pic.readIsr ? 1 : 0)
  v.setUint8(P.specialMask, pic.specialMask ? 1 : 0)
  v.setUint8(P.initState, pic.initState === 0 || pic.initState === 4 ? 0 : pic.initState - 1)
  // Outside of an initialisation v86 would take the next mask for an ICW4; other 8259s remember the ICW1 for good.
  v.setUint8(P.expectIcw4, pic.initState === 4 || (pic.initState !== 0 && pic.expectIcw4) ? 1 : 0)
  v.setUint8(P.autoEoi, pic.autoEoi ? 1 : 0)
}

export function capturePit(emulator: Emulator, now: Instant): Pit {
  const { pit } = emulator.cpu.devices
  const channel = (i: number): PitChannel => ({
    mode: pit.counter_mode[i],
    bcd: false,
    gate: true,
    enabled: pit.counter_enabled[i] !== 0,
    accessMode: pit.counter_read_mode[i],
    nextIsLow: pit.counter_next_low[i] !== 0,
    latchedBytes: pit.counter_latch[i],
    latchedCount: pit.counter_latch_value[i],
    reload: pit.counter_reload[i],
    startCount: pit.counter_start_value[i],
    sinceStartNs: toNs(now.machineMs - pit.counter_start_time[i]),
  })
  return { channels: [0, 1, 2].map(channel), speaker: SPEAKER_GATE }
}

export function restorePit(emulator: Emulator, { channels }: Pit, now: Instant, elapsedNs: bigint): void {
  const { pit } = emulator.cpu.devices
  channels.forEach((channel, i) => {
    pit.counter_mode[i] = channel.mode
    pit.counter_enabled[i] = channel.enabled ? 1 : 0
    pit.counter_read_mode[i] = channel.accessMode
    pit.counter_next_low[i] = channel.nextIsLow ? 1 : 0
    pit.counter_latch[i] = channel.latchedBytes
    pit.counter_latch_value[i] = channel.latchedCount
    // v86 divides by the count; it takes the 0 that stands for 65536 for 65535.
    pit.counter_reload[i] = channel.reload === 0 ? 0xffff : channel.reload
    pit.counter_start_value[i] = channel.reload === 0 && channel.startCount === 0 ? 0xffff : channel.startCount
    pit.counter_start_time[i] = now.machineMs - toMs(channel.sinceStartNs + elapsedNs)
  })
}

export function captureRtc(emulator: Emulator, now: Instant): Rtc {
  const { rtc } = emulator.cpu.devices
  const cmos = rtc.cmos_data.slice()
  // v86 keeps these apart from the array.
  cmos[CMOS.diagnostics] = rtc.cmos_diag_status
  cmos[CMOS.registerA] = rtc.cmos_a
  cmos[CMOS.registerB] = rtc.cmos_b
  cmos[CMOS.registerC] = rtc.cmos_c
  return {
    cmos,
    index: rtc.cmos_index,
    nmiDisabled: rtc.nmi_disabled !== 0,
    registerA: rtc.cmos_a,
    registerB: rtc.cmos_b,
    registerC: rtc.cmos_c,
    timeMs: BigInt(Math.round(rtc.rtc_time + (now.wallMs - rtc.last_update))),
    periodicInNs: rtc.periodic_interrupt ? nsUntil(rtc.next_interrupt, now.wallMs) : NOT_ARMED,
    alarmInNs: rtc.next_interrupt_alarm ? nsUntil(rtc.next_interrupt_alarm, now.wallMs) : NOT_ARMED,
    updateInNs: rtc.update_interrupt ? nsUntil(rtc.update_interrupt_time, now.wallMs) : NOT_ARMED,
  }
}

export function restoreRtc(emulator: Emulator, state: Rtc, now: Instant, elapsedNs: bigint): void {
  const { rtc } = emulator.cpu.devices
  rtc.cmos_data.set(state.cmos)
  rtc.cmos_diag_status = state.cmos[CMOS.diagnostics]
  rtc.cmos_index = state.index
  rtc.nmi_disabled = state.nmiDisabled ? 1 : 0
  rtc.cmos_a = state.registerA
  rtc.cmos_b = state.registerB
  rtc.cmos_c = state.registerC
  rtc.rtc_time = Number(state.timeMs) + toMs(elapsedNs)
  rtc.last_update = now.wallMs
  const due = (inNs: bigint) => now.wallMs + toMs(inNs - elapsedNs)
  rtc.periodic_interrupt = state.periodicInNs !== NOT_ARMED
  // The rate of the periodic interrupt (MC146818 data sheet): 32768 Hz >> (RS − 1).
  rtc.periodic_interrupt_time = 1000 / (32768 >> ((state.registerA & 0xf) - 1))
  rtc.next_interrupt = rtc.periodic_interrupt ? due(state.periodicInNs) : 0
  rtc.next_interrupt_alarm = state.alarmInNs === NOT_ARMED ? 0 : due(state.alarmInNs)
  rtc.update_interrupt = state.updateInNs !== NOT_ARMED
  rtc.update_interrupt_time = rtc.update_interrupt ? due(state.updateInNs) : 0
}

export function captureLapic(emulator: Emulator, now: Instant): Lapic {
  const v = emulator.view(emulator.cpu.get_apic_addr(), APIC_BYTES)
  const word = (index: number) => v.getUint32(4 * index, true)
  const eight = (index: number) => Array.from({ length: 8 }, (_, i) => word(index + i))
  const periodMs = word(A.timerInitialCount) / timerRate(word(A.timerDividerShift))
  const sinceTickMs = now.machineMs - v.getFloat64(4 * A.nextTick, true)
  return {
    id: word(A.id),
    tpr: word(A.tpr),
    logicalDestination: word(A.logicalDestination),
    destinationFormat: word(A.destinationFormat),
    spurious: word(A.spurious),
    errorStatus: word(A.errorStatus),
    icrLow: word(A.icrLow),
    icrHigh: word(A.icrHigh),
    lvtTimer: word(A.lvtTimer),
    lvtThermal: word(A.lvtThermal),
    lvtPerformance: word(A.lvtPerformance),
    lvtLint0: word(A.lvtLint0),
    lvtLint1: word(A.lvtLint1),
    lvtError: word(A.lvtError),
    isr: eight(A.isr),
    tmr: eight(A.tmr),
    irr: eight(A.irr),
    timerDivide: word(A.timerDivider),
    timerInitialCount: word(A.timerInitialCount),
    timerCurrentCount: word(A.timerCurrentCount),
    // v86 counts the whole period from the last tick, and stops when either count is 0.
    timerInNs:
      word(A.timerInitialCount) === 0 || word(A.timerCurrentCount) === 0
        ? NOT_ARMED
        : toNs(Math.max(0, periodMs - sinceTickMs)),
  }
}

const timerRate = (shift: number): number => APIC_TICKS_PER_MS / 2 ** shift

/** Divide configuration register → exponent of two (SDM 3A, figure 11-10): 1011b = 1, 000b = 2, … 1010b = 128. */
function dividerShift(divide: number): number {
  const code = (divide & 3) | ((divide >> 1) & 4)
  return code === 7 ? 0 : code + 1
}

export function restoreLapic(emulator: Emulator, lapic: Lapic, now: Instant, elapsedNs: bigint): void {
  const v = emulator.view(emulator.cpu.get_apic_addr(), APIC_BYTES)
  const set = (index: number, value: number) => v.setUint32(4 * index, value, true)
  const shift = dividerShift(lapic.timerDivide)
  set(A.id, lapic.id)
  set(A.tpr, lapic.tpr)
  set(A.logicalDestination, lapic.logicalDestination)
  set(A.destinationFormat, lapic.destinationFormat)
  set(A.spurious, lapic.spurious)
  set(A.errorStatus, lapic.errorStatus)
  set(A.icrLow, lapic.icrLow)
  set(A.icrHigh, lapic.icrHigh)
  set(A.lvtTimer, lapic.lvtTimer)
  set(A.lvtThermal, lapic.lvtThermal)
  set(A.lvtPerformance, lapic.lvtPerformance)
  set(A.lvtLint0, lapic.lvtLint0)
  set(A.lvtLint1, lapic.lvtLint1)
  set(A.lvtError, lapic.lvtError)
  for (let i = 0; i < 8; i++) {
    set(A.isr + i, lapic.isr[i])
    set(A.tmr + i, lapic.tmr[i])
    set(A.irr + i, lapic.irr[i])
  }
  set(A.timerDivider, lapic.timerDivide)
  set(A.timerDividerShift, shift)
  set(A.timerInitialCount, lapic.timerInitialCount)
  set(A.timerCurrentCount, lapic.timerCurrentCount)
  if (lapic.timerInNs !== NOT_ARMED) {
    const periodMs = lapic.timerInitialCount / timerRate(shift)
    v.setFloat64(4 * A.nextTick, now.machineMs - (periodMs - toMs(lapic.timerInNs - elapsedNs)), true)
  }
}

export function captureIoapic(emulator: Emulator): Ioapic {
  const v = emulator.view(emulator.cpu.get_ioapic_addr(), IOAPIC_BYTES)
  const word = (index: number) => v.getUint32(4 * index, true)
  return {
    id: word(IO.id),
    select: word(IO.select),
    irr: word(IO.irr),
    lines: word(IO.lines),
    redirectionLow: Array.from({ length: 24 }, (_, i) => word(IO.redirectionLow + i)),
    redirectionHigh: Array.from({ length: 24 }, (_, i) => word(IO.redirectionHigh + i)),
  }
}

export function restoreIoapic(emulator: Emulator, ioapic: Ioapic): void {
  const v = emulator.view(emulator.cpu.get_ioapic_addr(), IOAPIC_BYTES)
  const set = (index: number, value: number) => v.setUint32(4 * index, value, true)
  set(IO.id, ioapic.id)
  set(IO.select, ioapic.select)
  set(IO.irr, ioapic.irr)
  set(IO.lines, ioapic.lines)
  ioapic.redirectionLow.forEach((x, i) => set(IO.redirectionLow + i, x))
  ioapic.redirectionHigh.forEach((x, i) => set(IO.redirectionHigh + i, x))
}

export function captureDma(emulator: Emulator): Dma {
  const { dma } = emulator.cpu.devices
  return {
    channels: Array.from({ length: 8 }, (_, i) => ({
      page: dma.channel_page[i],
      pageHigh: dma.channel_pagehi[i],
      address: dma.channel_addr[i],
      addressInit: dma.channel_addr_init[i],
      count: dma.channel_count[i],
      countInit: dma.channel_count_init[i],
      masked: dma.channel_mask[i] !== 0,
      mode: dma.channel_mode[i],
    })),
    flipFlop: dma.lsb_msb_flipflop,
  }
}

export function restoreDma(emulator: Emulator, { channels, flipFlop }: Dma): void {
  const { dma } = emulator.cpu.devices
  channels.forEach((channel, i) => {
    dma.channel_page[i] = channel.page
    dma.channel_pagehi[i] = channel.pageHigh
    dma.channel_addr[i] = channel.address
    dma.channel_addr_init[i] = channel.addressInit
    dma.channel_count[i] = channel.count
    dma.channel_count_init[i] = channel.countInit
    dma.channel_mask[i] = channel.masked ? 1 : 0
    dma.channel_mode[i] = channel.mode
  })
  dma.lsb_msb_flipflop = flipFlop
}
