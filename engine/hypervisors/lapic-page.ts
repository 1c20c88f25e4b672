/**
 * The register page of the local APIC (SDM 3A, chapter 11, table "Local APIC Register Address Map"): a register every
 * 16 bytes. Xen (`hvm_hw_lapic_regs.data`) and KVM (`kvm_lapic_state.regs`) both store its first 1024 bytes as they are.
 */
import { array, pad, record, u32, within, type ValueOf } from '../util/record.ts'
import type { Lapic } from '../vmstate/chips.ts'

const register = within(u32, 16)
const vector = array(register, 8)
const gap = (from: number, to: number) => pad(to - from)

export const lapicPage = record('lapic_page', 'le', {
  reserved_000: gap(0x000, 0x020),
  id: register,
  version: register,
  reserved_040: gap(0x040, 0x080),
  tpr: register,
  apr: register,
  ppr: register,
  reserved_0b0: gap(0x0b0, 0x0d0),
  ldr: register,
  dfr: register,
  svr: register,
  isr: vector,
  tmr: vector,
  irr: vector,
  esr: register,
  reserved_290: gap(0x290, 0x300),
  icr_low: register,
  icr_high: register,
  lvt_timer: register,
  lvt_thermal: register,
  lvt_performance: register,
  lvt_lint0: register,
  lvt_lint1: register,
  lvt_error: register,
  timer_initial_count: register,
  timer_current_count: register,
  reserved_3a0: gap(0x3a0, 0x3e0),
  timer_divide: register,
  reserved_3f0: gap(0x3f0, 0x400),
})
type LapicPage = ValueOf<typeof lapicPage>

/** Version 0x14 (an integrated APIC) with six local vector entries. */
const VERSION = 0x00050014

/** Neutral → register page. The processor priority is computed, as the chip does. */
export function packLapicPage(l: Lapic): LapicPage {
  return {
    id: l.id,
    version: VERSION,
    tpr: l.tpr,
    apr: 0,
    ppr: processorPriority(l),
    ldr: l.logicalDestination,
    dfr: l.destinationFormat,
    svr: l.spurious,
    isr: l.isr,
    tmr: l.tmr,
    irr: l.irr,
    esr: l.errorStatus,
    icr_low: l.icrLow,
    icr_high: l.icrHigh,
    lvt_timer: l.lvtTimer,
    lvt_thermal: l.lvtThermal,
    lvt_performance: l.lvtPerformance,
    lvt_lint0: l.lvtLint0,
    lvt_lint1: l.lvtLint1,
    lvt_error: l.lvtError,
    timer_initial_count: l.timerInitialCount,
    timer_current_count: l.timerCurrentCount,
    timer_divide: l.timerDivide,
  }
}

/** Register page → neutral; `timerInNs` is zero. */
export function unpackLapicPage(p: LapicPage): Lapic {
  return {
    id: p.id,
    tpr: p.tpr,
    logicalDestination: p.ldr,
    destinationFormat: p.dfr,
    spurious: p.svr,
    errorStatus: p.esr,
    icrLow: p.icr_low,
    icrHigh: p.icr_high,
    lvtTimer: p.lvt_timer,
    lvtThermal: p.lvt_thermal,
    lvtPerformance: p.lvt_performance,
    lvtLint0: p.lvt_lint0,
    lvtLint1: p.lvt_lint1,
    lvtError: p.lvt_error,
    isr: p.isr,
    tmr: p.tmr,
    irr: p.irr,
    timerDivide: p.timer_divide,
    timerInitialCount: p.timer_initial_count,
    timerCurrentCount: p.timer_current_count,
    timerInNs: 0n,
  }
}

/** Divisor that the divide configuration register stands for: 1, 2, 4 … 128. */
export function timerDivisor(divide: number): number {
  const code = (divide & 3) | ((divide >> 1) & 4)
  return code === 7 ? 1 : 2 << code
}

function processorPriority(l: Lapic): number {
  let inService = 0
  for (let word = 7; word >= 0 && inService === 0; word--) {
    const bits = l.isr[word] ?? 0
    if (bits !== 0) inService = word * 32 + 31 - Math.clz32(bits)
  }
  return (l.tpr & 0xf0) >= (inService & 0xf0) ? l.tpr & 0xff : inService & 0xf0
}
