/** The whole machine, but for its memory blocks, to the common format and back. */
import type { MachineState } from '../../vmstate/state.ts'
import type { Emulator } from '../emulator.ts'
import * as chips from './chips.ts'
import * as cpu from './cpu.ts'
import * as devices from './devices.ts'
import { instant, wallClockNs } from './times.ts'
import { captureVga, restoreVga } from './vga.ts'

/** Longest time between capture and restore that is taken for real; a clock that jumped must not throw the guest off. */
const MAX_ELAPSED_NS = 3_600_000_000_000n

/** Reads the state as it is between two instructions. @param apic whether the machine has local and I/O APIC */
export function captureState(emulator: Emulator, apic: boolean): MachineState {
  const now = instant(emulator)
  return {
    capturedAtNs: wallClockNs(),
    cpu: cpu.captureCpu(emulator, apic),
    fpu: cpu.captureFpu(emulator),
    events: cpu.captureEvents(emulator),
    picMaster: chips.capturePic(emulator, 'master'),
    picSlave: chips.capturePic(emulator, 'slave'),
    pit: chips.capturePit(emulator, now),
    rtc: chips.captureRtc(emulator, now),
    ...(apic ? { lapic: chips.captureLapic(emulator, now), ioapic: chips.captureIoapic(emulator) } : {}),
    dma: chips.captureDma(emulator),
    serial: devices.captureSerial(emulator),
    keyboard: devices.captureKeyboard(emulator),
    ide: devices.captureIde(emulator),
    vga: captureVga(emulator),
    nic: devices.captureNic(emulator),
    pci: devices.capturePci(emulator),
    board: devices.captureBoard(emulator),
  }
}

/**
 * Loads a state. Memory blocks are loaded apart from it, before or after.
 * @param clock `continue`: the guest's clocks include the time since the capture; `freeze`: they do not
 */
export function restoreState(emulator: Emulator, state: MachineState, clock: 'continue' | 'freeze'): void {
  const now = instant(emulator)
  const since = wallClockNs() - state.capturedAtNs
  const elapsedNs = clock === 'freeze' || since < 0n || since > MAX_ELAPSED_NS ? 0n : since
  const tsc = state.cpu.tsc + (elapsedNs * BigInt(state.cpu.tscKHz)) / 1_000_000n
  devices.restorePci(emulator, state.pci)
  devices.restoreBoard(emulator, state.board)
  chips.restorePit(emulator, state.pit, now, elapsedNs)
  chips.restoreRtc(emulator, state.rtc, now, elapsedNs)
  chips.restoreDma(emulator, state.dma)
  devices.restoreSerial(emulator, state.serial)
  devices.restoreKeyboard(emulator, state.keyboard)
  devices.restoreIde(emulator, state.ide)
  restoreVga(emulator, state.vga)
  if (state.nic !== undefined) devices.restoreNic(emulator, state.nic)
  // Interrupt controllers after the devices, which might have moved their inputs.
  chips.restorePic(emulator, 'master', state.picMaster)
  chips.restorePic(emulator, 'slave', state.picSlave)
  if (state.lapic !== undefined) chips.restoreLapic(emulator, state.lapic, now, elapsedNs)
  if (state.ioapic !== undefined) chips.restoreIoapic(emulator, state.ioapic)
  cpu.restoreFpu(emulator, state.fpu)
  cpu.restoreEvents(emulator, state.events)
  cpu.restoreCpu(emulator, state.cpu, tsc)
  emulator.compiler.startOver()
}
