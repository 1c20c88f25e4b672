/** The Xen-like hypervisor: HVM save records for CPU and chips, QEMU's records (EMULATOR_CONTEXT) for the devices. */
import type { Cpu } from '../../vmstate/cpu.ts'
import type { MachineState } from '../../vmstate/state.ts'
import {
  deviceModelLayouts,
  deviceModelNotRepresentable,
  packDeviceModel,
  unpackDeviceModel,
} from '../devicemodel/device-model.ts'
import type { Hypervisor, NativeRecord, NotRepresentable } from '../hypervisor.ts'
import { packLapicPage, timerDivisor, unpackLapicPage } from '../lapic-page.ts'
import { NativeReader, NativeWriter } from '../records.ts'
import { checkCpu } from './checks.ts'
import {
  hvmHwIsaIrqs,
  hvmHwLapic,
  hvmHwLapicRegs,
  hvmHwPciIrqs,
  hvmHwPciLink,
  hvmHwPit,
  hvmHwRtc,
  hvmHwVioapic,
  hvmHwVpic,
  packIoapic,
  packPic,
  packPit,
  packRtc,
  packWires,
  unpackIoapic,
  unpackPic,
  unpackPit,
  unpackRtc,
  unpackWires,
} from './chips.ts'
import { hvmHwCpu, packCpu, unpackCpu } from './cpu.ts'
import {
  FILE_MAGIC,
  FILE_VERSION,
  hvmHwMtrr,
  hvmMsr,
  hvmSaveEnd,
  hvmSaveHeader,
  hvmTscAdjust,
  MTRR_DEFAULT,
  unpackFixed,
} from './hvm.ts'

/** CPUID leaf 1 EAX of the guest's CPU; for the reader's information only. */
const CPUID_SIGNATURE = 0x000006b4
const CHANGESET = 0n
/** `VLAPIC_HW_DISABLED`, `VLAPIC_SW_DISABLED`. */
const LAPIC_DISABLED = { hardware: 1, software: 2 } as const
const APIC_BASE_ENABLE = 1n << 11n
const SPURIOUS_ENABLE = 1 << 8

const TIMER_REASON = 'The PIT record has no load time: Xen starts every counter anew.'
const RTC_REASON = 'The RTC record has the offset from the host clock in whole seconds, and no timers.'
const LAST_IRR_REASON = 'The PIC record lacks the last level of the inputs; Xen keeps the levels of the wires instead.'

const notRepresentable: readonly NotRepresentable[] = [
  { section: 'cpu', path: 'pdpte', reason: 'The CPU record lacks them: Xen reads them from memory again.' },
  { section: 'events', path: 'halted', reason: 'The CPU record has no such field: a loaded vCPU wakes up.' },
  { section: 'events', path: 'interruptShadow', reason: 'The CPU record has no interrupt shadow.' },
  { section: 'events', path: 'nmiMasked', reason: 'The CPU record does not say that an NMI is being handled.' },
  { section: 'picMaster', path: 'lastIrr', reason: LAST_IRR_REASON },
  { section: 'picSlave', path: 'lastIrr', reason: LAST_IRR_REASON },
  { section: 'pit', path: 'channels.*.enabled', reason: 'A counter that was never loaded counts from 65536 on Xen.' },
  { section: 'pit', path: 'channels.*.startCount', reason: TIMER_REASON },
  { section: 'pit', path: 'channels.*.sinceStartNs', reason: TIMER_REASON },
  { section: 'rtc', path: 'cmos[14..127]', reason: 'The RTC record has 14 of the 128 CMOS bytes.' },
  { section: 'rtc', path: 'nmiDisabled', reason: 'Xen keeps the index without the NMI bit of port 0x70.' },
  { section: 'rtc', path: 'timeMs', reason: RTC_REASON },
  { section: 'rtc', path: 'periodicInNs', reason: RTC_REASON },
  { section: 'rtc', path: 'alarmInNs', reason: RTC_REASON },
  { section: 'rtc', path: 'updateInNs', reason: RTC_REASON },
  { section: 'lapic', path: 'timerInNs', reason: 'The register page has the current count, in ticks, and no time.' },
  { section: 'ioapic', path: 'irr', reason: 'The IOAPIC record has the remote IRR of each entry only.' },
  { section: 'ioapic', path: 'lines', reason: 'Xen keeps the levels of the wires instead of the chip’s inputs.' },
  ...deviceModelNotRepresentable,
]

function packLapic(out: NativeWriter, state: MachineState): void {
  const { lapic, cpu } = state
  const hardware = lapic === undefined || (cpu.apicBase & APIC_BASE_ENABLE) === 0n ? LAPIC_DISABLED.hardware : 0
  const software = lapic !== undefined && (lapic.spurious & SPURIOUS_ENABLE) !== 0 ? 0 : LAPIC_DISABLED.software
  out.put(hvmHwLapic, {
    apic_base_msr: cpu.apicBase,
    disabled: hardware | software,
    timer_divisor: timerDivisor(lapic?.timerDivide ?? 0),
    tdt_msr: 0n,
  })
  if (lapic !== undefined) out.put(hvmHwLapicRegs, { data: packLapicPage(lapic) })
}

function pack(state: MachineState): readonly NativeRecord[] {
  const out = new NativeWriter()
  out.put(hvmSaveHeader, {
    magic: FILE_MAGIC,
    version: FILE_VERSION,
    changeset: CHANGESET,
    cpuid: CPUID_SIGNATURE,
    gtsc_khz: state.cpu.tscKHz,
  })
  out.put(hvmHwCpu, packCpu(state.cpu, state.fpu, state.events))
  packPic(out, state.picMaster, 0)
  packPic(out, state.picSlave, 1)
  if (state.ioapic !== undefined) packIoapic(out, state.ioapic)
  packLapic(out, state)
  packWires(out, state)
  packPit(out, state.pit)
  packRtc(out, state.rtc, state.capturedAtNs)
  out.put(hvmHwMtrr, MTRR_DEFAULT)
  out.put(hvmTscAdjust, { tsc_adjust: 0n })
  out.put(hvmMsr, { count: 0 })
  out.put(hvmSaveEnd, {})
  packDeviceModel(out, state)
  return out.records
}

function unpack(records: readonly NativeRecord[]): MachineState {
  const input = new NativeReader(records)
  const { tscKHz } = unpackFixed(input)
  const saved = input.one(hvmHwCpu)
  checkCpu(saved)
  const { cpu: registers, fpu, events } = unpackCpu(saved)
  const cpu: Cpu = { ...registers, tscKHz, apicBase: input.one(hvmHwLapic).apic_base_msr }
  const page = input.maybe(hvmHwLapicRegs)
  const ioapic = unpackIoapic(input)
  unpackWires(input)
  const state: MachineState = {
    capturedAtNs: 0n,
    cpu,
    fpu,
    events,
    picMaster: unpackPic(input, 0),
    picSlave: unpackPic(input, 1),
    pit: unpackPit(input),
    rtc: unpackRtc(input),
    ...(page === undefined ? {} : { lapic: unpackLapicPage(page.data) }),
    ...(ioapic === undefined ? {} : { ioapic }),
    ...unpackDeviceModel(input),
  }
  input.finish()
  return state
}

export const xen: Hypervisor<'xen'> = {
  kind: 'xen',
  title: 'Xen-like (HVM save records of Xen 4.17)',
  layouts: [
    hvmSaveHeader,
    hvmHwCpu,
    hvmHwVpic,
    hvmHwVioapic,
    hvmHwLapic,
    hvmHwLapicRegs,
    hvmHwPciIrqs,
    hvmHwIsaIrqs,
    hvmHwPciLink,
    hvmHwPit,
    hvmHwRtc,
    hvmHwMtrr,
    hvmTscAdjust,
    hvmMsr,
    hvmSaveEnd,
    ...deviceModelLayouts,
  ],
  notRepresentable,
  pack,
  unpack,
}
