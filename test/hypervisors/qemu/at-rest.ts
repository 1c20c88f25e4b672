/** A quiet machine for QEMU, and a look into the records that it makes. */
import type { NativeRecord } from '../../../engine/hypervisors/hypervisor.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import type { RecordType } from '../../../engine/util/record.ts'
import type { PitChannel } from '../../../engine/vmstate/chips.ts'
import type { MachineState } from '../../../engine/vmstate/state.ts'
import { sampleQemuState } from './qemu-state.ts'

/** A state at rest: nothing requested, the timer off. */
export function atRest(): MachineState {
  const base = sampleQemuState(3)
  const pic = { ...base.picMaster, irr: 0, isr: 0, imr: 0, lastIrr: 0, priorityAdd: 0, specialMask: false }
  const channel = { ...idle, enabled: false }
  return {
    ...base,
    cpu: { ...base.cpu, tsc: 5_000_000_000n, eflags: 0x202 },
    picMaster: pic,
    picSlave: { ...pic },
    pit: { speaker: 1, channels: [channel, channel, channel] },
    serial: { ...base.serial, iir: 1, ier: 0, fcr: 1, rxLength: 0, rx: new Uint8Array(4096), lsr: 0x60, pending: 0 },
    keyboard: { ...base.keyboard, outputFull: false },
    rtc: { ...base.rtc, registerC: 0 },
  }
}
export const idle: PitChannel = {
  mode: 2,
  bcd: false,
  gate: true,
  enabled: true,
  accessMode: 3,
  nextIsLow: true,
  latchedBytes: 0,
  latchedCount: 0,
  reload: 11932,
  startCount: 11932,
  sinceStartNs: 0n,
}
export const withTimer = (changes: Partial<PitChannel>): MachineState => {
  const state = atRest()
  const [, second, third] = state.pit.channels
  return { ...state, pit: { ...state.pit, channels: [{ ...idle, ...changes }, second, third] as PitChannel[] } }
}

export function recordOf<T>(records: readonly NativeRecord[], type: RecordType<T>, instance = 0): T {
  const found = records.find((r) => r.name === type.name && r.instance === instance)
  if (found === undefined) throw new Error(`no ${type.name}`)
  return type.decode(found.bytes)
}
export const packed = <T>(state: MachineState, type: RecordType<T>, instance = 0): T =>
  recordOf(qemu.pack(state), type, instance)
export function changed<T>(records: readonly NativeRecord[], type: RecordType<T>, change: Partial<T>): NativeRecord[] {
  return records.map((r) =>
    r.name === type.name ? { ...r, bytes: type.encode({ ...type.decode(r.bytes), ...change }) } : r,
  )
}
export function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    return FerryError.from(thrown).code
  }
  return 'none'
}
