/**
 * A real QEMU 7.2 (`qemu-system-i386`, TCG): its vmstate, from the processor to the VGA. Every record is a struct of the
 * stream; `stream/sections.ts` joins them to sections.
 */
import type { MachineState } from '../../vmstate/state.ts'
import {
  deviceModelLayouts,
  deviceModelNotRepresentable,
  packDeviceModel,
  unpackDeviceModel,
} from '../devicemodel/device-model.ts'
import { mc146818rtc, packRtc, unpackRtc } from '../devicemodel/rtc.ts'
import { serial } from '../devicemodel/serial.ts'
import type { Hypervisor, NativeRecord, NotRepresentable } from '../hypervisor.ts'
import { NativeReader, NativeWriter, refuse } from '../records.ts'
import { i8259, packPics, picNotRepresentable, picsFor, unpackPics } from './chips.ts'
import { cpuCommon, cpuException, cpuFpop, cpuState } from './cpu-record.ts'
import { cpuNotRepresentable, packVcpu, unpackVcpu } from './cpu.ts'
import { nicMemoryRecord } from './device-memory.ts'
import {
  complete,
  deviceNotRepresentable,
  fromQemuKeyboard,
  fromQemuRtc,
  fromQemuSerial,
  fromQemuVga,
  toQemuRtc,
  toQemuSerial,
  toQemuVga,
} from './devices.ts'
import { asksForInterrupt } from './lines.ts'
import { fromQemuPci, pciNotRepresentable, toQemuPci } from './pci.ts'
import { i8254, packPit, pcspk, pitNotRepresentable, timerLine, unpackPit } from './pit.ts'
import { refuseWhatCannotBe } from './refusals.ts'
import { serialTsr, serialXmitFifo } from './serial-output.ts'
import { clockOf, packTimer, timer, timerIcount, timerWarp, unpackTimer } from './timer.ts'

const notRepresentable: readonly NotRepresentable[] = [
  ...cpuNotRepresentable,
  ...picNotRepresentable,
  ...pitNotRepresentable,
  ...deviceNotRepresentable,
  ...pciNotRepresentable,
  // `rx` is in the list as a whole.
  ...deviceModelNotRepresentable.filter(({ section, path }) => section !== 'serial' || !path.startsWith('rx[')),
]

function pack(state: MachineState): readonly NativeRecord[] {
  refuseWhatCannotBe(state)
  const { cpu, fpu, events, nic, pit } = state
  if (nic === undefined) return refuse('network-card', 'The machine has no network card.')
  const { clockNs, tscOffset } = clockOf(cpu.tsc)
  const pics = picsFor(state, timerLine(pit))
  const out = new NativeWriter()
  packTimer(out, clockNs)
  packVcpu(out, { cpu, fpu, events, tscOffset, interrupt: asksForInterrupt(pics.master, true) })
  packPics(out, pics)
  packPit(out, pit, clockNs)
  packRtc(out, toQemuRtc(state.rtc), clockNs)
  packDeviceModel(out, {
    ...state,
    serial: toQemuSerial(state.serial),
    vga: toQemuVga(state.vga),
    pci: toQemuPci(state.pci, nic),
  })
  return complete(out.records, state)
}

function unpack(records: readonly NativeRecord[]): MachineState {
  // What is no state of ours: memory, and bytes on their way out.
  const apart = new Set([nicMemoryRecord.name, serialTsr.name, serialXmitFifo.name])
  const uart = records.find(({ name }) => name === serial.name)
  const input = new NativeReader(records.filter(({ name }) => !apart.has(name)))
  const clockNs = unpackTimer(input)
  const devices = unpackDeviceModel(input)
  const state: MachineState = {
    capturedAtNs: 0n,
    ...unpackVcpu(input, clockNs),
    ...unpackPics(input),
    pit: unpackPit(input, clockNs),
    rtc: fromQemuRtc(unpackRtc(input, clockNs)),
    ...devices,
    serial: fromQemuSerial(devices.serial, uart === undefined ? 0 : serial.decode(uart.bytes).rbr),
    keyboard: fromQemuKeyboard(devices.keyboard),
    vga: fromQemuVga(devices.vga),
    pci: fromQemuPci(devices.pci),
  }
  input.finish()
  return state
}

export const qemu: Hypervisor<'qemu'> = {
  kind: 'qemu',
  title: 'QEMU 7.2 (migration stream of qemu-system-i386, TCG)',
  layouts: [
    ...[timer, timerIcount, timerWarp, cpuCommon, cpuException, cpuState, cpuFpop, i8259, i8254, pcspk, mc146818rtc],
    ...deviceModelLayouts,
    ...[nicMemoryRecord, serialTsr, serialXmitFifo],
  ],
  notRepresentable,
  pack,
  unpack,
}
