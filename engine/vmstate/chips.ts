/** The PC's interrupt controllers, timers and DMA in the common format. Names follow the chips' data sheets. */
import { array, bytes, flag, record, s64, u16, u32, u8, type ValueOf } from '../util/record.ts'

/** One 8259A. */
export const pic = record('pic', 'le', {
  irr: u8,
  /** Interrupt mask register: bit set = masked. */
  imr: u8,
  isr: u8,
  /** Vector of input 0 (ICW2). */
  irqBase: u8,
  /** Level of the inputs as last seen, for edge detection. */
  lastIrr: u8,
  /** Edge/level control register (ports 0x4D0, 0x4D1): bit set = level triggered. */
  elcr: u8,
  /** The input that has the highest priority (rotation). */
  priorityAdd: u8,
  /** Reads return ISR (true) or IRR (OCW3). */
  readIsr: flag,
  poll: flag,
  specialMask: flag,
  /** Initialisation: 0 = operational, else the next ICW expected (2, 3 or 4). */
  initState: u8,
  /** ICW1 announced an ICW4. */
  expectIcw4: flag,
  autoEoi: flag,
  rotateOnAutoEoi: flag,
  specialFullyNested: flag,
})
export type Pic = ValueOf<typeof pic>

/** One channel of the 8254. */
export const pitChannel = record('pit_channel', 'le', {
  /** 0–5 (modes 6, 7 are 2, 3). */
  mode: u8,
  bcd: flag,
  gate: flag,
  /** The channel has been given a count and counts. */
  enabled: flag,
  /** 1 = low byte, 2 = high byte, 3 = low then high. */
  accessMode: u8,
  /** With access mode 3: the next byte read or written is the low one. */
  nextIsLow: flag,
  /** Bytes of a latched count still to be read: 0, 1 (high) or 2 (low, then high). */
  latchedBytes: u8,
  latchedCount: u16,
  /** Count written by the guest; 0 means 65536. */
  reload: u16,
  /** Count at the time of the last load or rollover. */
  startCount: u16,
  /** Nanoseconds from that load or rollover to the capture. */
  sinceStartNs: s64,
})
export type PitChannel = ValueOf<typeof pitChannel>

export const pit = record('pit', 'le', {
  channels: array(pitChannel, 3),
  /** Port 0x61 bits 0–1: speaker gate and data. */
  speaker: u8,
})
export type Pit = ValueOf<typeof pit>

/** MC146818 clock with its CMOS RAM. Times relative to the capture are in nanoseconds; -1 = not armed. */
export const rtc = record('rtc', 'le', {
  cmos: bytes(128),
  index: u8,
  nmiDisabled: flag,
  registerA: u8,
  registerB: u8,
  registerC: u8,
  /** The guest's idea of the time of day at the capture: milliseconds since 1970-01-01 UTC. */
  timeMs: s64,
  /** From the capture to the next periodic, alarm and update interrupt. */
  periodicInNs: s64,
  alarmInNs: s64,
  updateInNs: s64,
})
export type Rtc = ValueOf<typeof rtc>

/** Local APIC: registers by name (SDM 3A, chapter 11). */
export const lapic = record('lapic', 'le', {
  id: u32,
  tpr: u32,
  logicalDestination: u32,
  destinationFormat: u32,
  spurious: u32,
  errorStatus: u32,
  icrLow: u32,
  icrHigh: u32,
  lvtTimer: u32,
  lvtThermal: u32,
  lvtPerformance: u32,
  lvtLint0: u32,
  lvtLint1: u32,
  lvtError: u32,
  isr: array(u32, 8),
  tmr: array(u32, 8),
  irr: array(u32, 8),
  timerDivide: u32,
  timerInitialCount: u32,
  timerCurrentCount: u32,
  /** Nanoseconds from the capture to the expiry of the timer; -1 = not armed. */
  timerInNs: s64,
})
export type Lapic = ValueOf<typeof lapic>

/** 82093AA I/O APIC with 24 inputs. */
export const ioapic = record('ioapic', 'le', {
  id: u8,
  select: u8,
  irr: u32,
  /** Level of the inputs. */
  lines: u32,
  redirectionLow: array(u32, 24),
  redirectionHigh: array(u32, 24),
})
export type Ioapic = ValueOf<typeof ioapic>

/** One channel of the two cascaded 8237. */
export const dmaChannel = record('dma_channel', 'le', {
  page: u8,
  pageHigh: u8,
  address: u16,
  addressInit: u16,
  count: u16,
  countInit: u16,
  masked: flag,
  mode: u8,
})
export type DmaChannel = ValueOf<typeof dmaChannel>

export const dma = record('dma', 'le', { channels: array(dmaChannel, 8), flipFlop: u8 })
export type Dma = ValueOf<typeof dma>
