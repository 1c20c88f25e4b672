/**
 * A real QEMU 7.2 (`qemu-system-i386`, TCG): its vmstate, from the processor to the VGA. Every record is a struct of the
 * stream; `stream/sections.ts` joins them to sections.
 */
import type { RecordType } from '../../util/record.ts'
import type { Pic } from '../../vmstate/chips.ts'
import type { Serial } from '../../vmstate/devices.ts'
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
  type SerialWork,
  toQemuRtc,
  toQemuSerial,
  toQemuVga,
} from './devices.ts'
import { asksForInterrupt, IRQ } from './lines.ts'
import { unsentOutput } from './loose-ends.ts'
import { fromQemuPci, pciNotRepresentable, toQemuPci } from './pci.ts'
import { i8254, packPit, pcspk, pitNotRepresentable, timerLine, unpackPit } from './pit.ts'
import { refusals, refuseWhatCannotBe } from './refusals.ts'
import { serialTimeoutTimer, serialTsr, serialXmitFifo } from './serial-pending.ts'
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

/** What QEMU's UART had still to do, of records that are no state of ours. */
function serialWork(records: readonly NativeRecord[]): SerialWork {
  const uart = records.find(({ name }) => name === serial.name)
  const timeout = records.find(({ name }) => name === serialTimeoutTimer.name)
  return {
    rbr: uart === undefined ? 0 : serial.decode(uart.bytes).rbr,
    unsent: unsentOutput(records).length > 0,
    timeout: timeout !== undefined && serialTimeoutTimer.decode(timeout.bytes).fifo_timeout_timer >= 0n,
  }
}

/** Records beside those of the machine: memory, and work of the UART. */
const APART: readonly RecordType<unknown>[] = [nicMemoryRecord, serialTsr, serialXmitFifo, serialTimeoutTimer]

function unpack(records: readonly NativeRecord[]): MachineState {
  const input = new NativeReader(records.filter(({ name }) => !APART.some((type) => type.name === name)))
  const clockNs = unpackTimer(input)
  const devices = unpackDeviceModel(input)
  const pics = unpackPics(input)
  const uart = fromQemuSerial(devices.serial, serialWork(records))
  const state: MachineState = {
    capturedAtNs: 0n,
    ...unpackVcpu(input, clockNs),
    ...pics,
    picMaster: serialRequests(devices.serial, uart) ? withRequest(pics.picMaster, IRQ.serial) : pics.picMaster,
    pit: unpackPit(input, clockNs),
    rtc: fromQemuRtc(unpackRtc(input, clockNs)),
    ...devices,
    serial: uart,
    keyboard: fromQemuKeyboard(devices.keyboard),
    vga: fromQemuVga(devices.vga),
    pci: fromQemuPci(devices.pci),
  }
  input.finish()
  return state
}

/** Whether the UART has a cause for an interrupt now that it had not in QEMU. */
const serialRequests = (theirs: Serial, ours: Serial): boolean => (theirs.iir & 1) !== 0 && (ours.iir & 1) === 0
const withRequest = (pic: Pic, line: number): Pic => {
  return { ...pic, irr: pic.irr | (1 << line), lastIrr: pic.lastIrr | (1 << line) }
}

export const qemu: Hypervisor<'qemu'> = {
  kind: 'qemu',
  title: 'QEMU 7.2 (migration stream of qemu-system-i386, TCG)',
  layouts: [
    ...[timer, timerIcount, timerWarp, cpuCommon, cpuException, cpuState, cpuFpop, i8259, i8254, pcspk, mc146818rtc],
    ...deviceModelLayouts,
    ...APART,
  ],
  notRepresentable,
  refusals,
  pack,
  unpack,
}
