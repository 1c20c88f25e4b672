/** The KVM-like hypervisor: what KVM's ioctls return for CPU and chips, QEMU's records for the devices. */
import type { MachineState } from '../../vmstate/state.ts'
import {
  deviceModelLayouts,
  deviceModelNotRepresentable,
  packDeviceModel,
  unpackDeviceModel,
} from '../devicemodel/device-model.ts'
import { mc146818rtc, packRtc, unpackRtc } from '../devicemodel/rtc.ts'
import type { Hypervisor, NativeRecord, NotRepresentable } from '../hypervisor.ts'
import { packLapicPage, unpackLapicPage } from '../lapic-page.ts'
import { NativeReader, NativeWriter } from '../records.ts'
import { checkDebugregs, checkSregs } from './checks.ts'
import {
  kvmIoapicState,
  kvmIrqchip,
  kvmLapicState,
  kvmPicState,
  kvmPitState2,
  packIoapic,
  packPic,
  packPit,
  unpackIoapic,
  unpackPic,
  unpackPit,
} from './chips.ts'
import { guestClockNs, kvmClockData, packClock, tscKhz, unpackClock } from './clock.ts'
import {
  kvmDebugregs,
  kvmMpState,
  kvmRegs,
  kvmSregs2,
  packDebugregs,
  packMpState,
  packRegs,
  packSregs,
  unpackCpu,
  unpackMpState,
} from './cpu.ts'
import { kvmVcpuEvents, packEvents, unpackEvents } from './events.ts'
import { kvmFpu, packFpu, unpackFpu } from './fpu.ts'
import { kvmMsrs, packMsrs, unpackMsrs } from './msrs.ts'

const notRepresentable: readonly NotRepresentable[] = [
  { section: 'pit', path: 'channels.*.enabled', reason: 'A counter that was never loaded counts from 65536 on KVM.' },
  { section: 'pit', path: 'channels.*.startCount', reason: 'KVM computes every period from the full count.' },
  { section: 'rtc', path: 'nmiDisabled', reason: 'QEMU keeps the index without the NMI bit of port 0x70.' },
  { section: 'lapic', path: 'timerInNs', reason: 'The register page has the current count, in ticks, and no time.' },
  { section: 'ioapic', path: 'lines', reason: 'KVM keeps the requests of the inputs, not their levels.' },
  ...deviceModelNotRepresentable,
]

function pack(state: MachineState): readonly NativeRecord[] {
  const out = new NativeWriter()
  const { cpu } = state
  const clockNs = guestClockNs(cpu.tsc, cpu.tscKHz)
  out.put(kvmRegs, packRegs(cpu))
  out.put(kvmSregs2, packSregs(cpu, state.lapic?.tpr ?? 0))
  packFpu(out, state.fpu)
  out.put(kvmDebugregs, packDebugregs(cpu))
  packMsrs(out, cpu)
  packEvents(out, state.events)
  out.put(kvmMpState, packMpState(state.events))
  packPic(out, state.picMaster, 0)
  packPic(out, state.picSlave, 1)
  if (state.ioapic !== undefined) packIoapic(out, state.ioapic)
  if (state.lapic !== undefined) out.put(kvmLapicState, { regs: packLapicPage(state.lapic) })
  packPit(out, state.pit, clockNs)
  packClock(out, clockNs, state.capturedAtNs, cpu.tscKHz)
  packRtc(out, state.rtc, state.capturedAtNs)
  packDeviceModel(out, state)
  return out.records
}

function unpack(records: readonly NativeRecord[]): MachineState {
  const input = new NativeReader(records)
  const sregs = input.one(kvmSregs2)
  checkSregs(sregs)
  const debugregs = input.one(kvmDebugregs)
  checkDebugregs(debugregs)
  const { clockNs, capturedAtNs, rateKHz } = unpackClock(input)
  const lapic = input.maybe(kvmLapicState)
  const ioapic = unpackIoapic(input)
  const state: MachineState = {
    capturedAtNs,
    cpu: unpackCpu({
      regs: input.one(kvmRegs),
      sregs,
      debugregs,
      msrs: unpackMsrs(input, { efer: sregs.efer, apicBase: sregs.apic_base }),
      tscKHz: rateKHz,
    }),
    fpu: unpackFpu(input),
    events: unpackEvents(input, unpackMpState(input.one(kvmMpState))),
    picMaster: unpackPic(input, 0),
    picSlave: unpackPic(input, 1),
    pit: unpackPit(input, clockNs),
    rtc: unpackRtc(input, capturedAtNs),
    ...(lapic === undefined ? {} : { lapic: unpackLapicPage(lapic.regs) }),
    ...(ioapic === undefined ? {} : { ioapic }),
    ...unpackDeviceModel(input),
  }
  input.finish()
  return state
}

export const kvm: Hypervisor<'kvm'> = {
  kind: 'kvm',
  title: 'KVM-like (ioctl records of Linux 6.1, device model of QEMU)',
  layouts: [
    kvmRegs,
    kvmSregs2,
    kvmFpu,
    kvmDebugregs,
    kvmMsrs,
    kvmVcpuEvents,
    kvmMpState,
    kvmIrqchip,
    kvmPicState,
    kvmIoapicState,
    kvmLapicState,
    kvmPitState2,
    kvmClockData,
    tscKhz,
    mc146818rtc,
    ...deviceModelLayouts,
  ],
  notRepresentable,
  pack,
  unpack,
}
