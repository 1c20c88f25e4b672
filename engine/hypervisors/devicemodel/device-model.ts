/**
 * The device model's part of a machine's state, the same for both hypervisors: QEMU's records, big-endian. On a
 * KVM-like host they stand in the stream of QEMU itself; on a Xen-like host they are the EMULATOR_CONTEXT blob.
 */
import type { RecordType } from '../../util/record.ts'
import type { MachineState } from '../../vmstate/state.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import type { NativeReader, NativeWriter } from '../records.ts'
import { dmaLayouts, packBoard, packDma, unpackBoard, unpackDma } from './dma.ts'
import { ideLayouts, ideNotRepresentable, packIde, unpackIde } from './ide.ts'
import { keyboardLayouts, keyboardNotRepresentable, packKeyboard, unpackKeyboard } from './keyboard.ts'
import { nicLayouts, nicNotRepresentable, packNic, unpackNic } from './nic.ts'
import { packPci, pciLayouts, unpackPci } from './pci.ts'
import { packSerial, serialLayouts, serialNotRepresentable, unpackSerial } from './serial.ts'
import { packVga, unpackVga, vgaLayouts, vgaNotRepresentable } from './vga.ts'

export const deviceModelLayouts: readonly RecordType<unknown>[] = [
  ...serialLayouts,
  ...keyboardLayouts,
  ...ideLayouts,
  ...vgaLayouts,
  ...nicLayouts,
  ...pciLayouts,
  ...dmaLayouts,
]

export const deviceModelNotRepresentable: readonly NotRepresentable[] = [
  ...serialNotRepresentable,
  ...keyboardNotRepresentable,
  ...ideNotRepresentable,
  ...vgaNotRepresentable,
  ...nicNotRepresentable,
]

/** Sections that the device model holds. */
export type DeviceModelState = Pick<
  MachineState,
  'serial' | 'keyboard' | 'ide' | 'vga' | 'pci' | 'dma' | 'board' | 'nic'
>

/** Writes the device model's records. */
export function packDeviceModel(out: NativeWriter, state: MachineState): void {
  packSerial(out, state.serial)
  packKeyboard(out, state.keyboard)
  packIde(out, state.ide)
  packVga(out, state.vga)
  if (state.nic !== undefined) packNic(out, state.nic)
  packPci(out, state)
  packDma(out, state.dma)
  packBoard(out, state.board)
}

/** Reads the device model's records. */
export function unpackDeviceModel(input: NativeReader): DeviceModelState {
  const nic = unpackNic(input)
  return {
    serial: unpackSerial(input),
    keyboard: unpackKeyboard(input),
    ide: unpackIde(input),
    vga: unpackVga(input),
    ...(nic === undefined ? {} : { nic }),
    pci: unpackPci(input),
    dma: unpackDma(input),
    board: unpackBoard(input),
  }
}
