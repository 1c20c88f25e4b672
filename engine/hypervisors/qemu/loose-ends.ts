/** What belongs to a guest's way into a QEMU or out of it, and has no place in the stream or in the state. */
import type { MachineState } from '../../vmstate/state.ts'
import type { NativeRecord } from '../hypervisor.ts'
import { serialRoom } from './devices.ts'
import { serialTsr, serialXmitFifo } from './serial-pending.ts'
import { timer, timerIcount } from './timer.ts'

/** Bytes that wait on the serial line behind QEMU's FIFO: to be written to its serial port when it runs. */
export function lineInput({ serial }: MachineState): Uint8Array {
  return serial.rx.slice(Math.min(serialRoom(serial), serial.rxLength), serial.rxLength)
}

/** Bytes that the guest has sent and QEMU's UART had not passed on yet: they belong to the console, in front of all others. */
export function unsentOutput(records: readonly NativeRecord[]): Uint8Array {
  const bytesOf = (name: string): Uint8Array | undefined => records.find((r) => r.name === name)?.bytes
  const out: number[] = []
  const shift = bytesOf(serialTsr.name)
  if (shift !== undefined) {
    const { tsr_retry, tsr } = serialTsr.decode(shift)
    if (tsr_retry > 0) out.push(tsr)
  }
  const fifo = bytesOf(serialXmitFifo.name)
  if (fifo !== undefined) {
    const { data, head, num } = serialXmitFifo.decode(fifo)
    for (let i = 0; i < Math.min(num, data.length); i++) out.push(data[(head + i) % data.length] ?? 0)
  }
  return Uint8Array.from(out)
}

const CR0_PG = 0x80000000
const CR4_PAE = 0x20
/** Bits 5–31 of CR3 (SDM 3A, 4.4.1). */
const TABLE_MASK = 0xffffffe0

/**
 * Where in RAM the 32 bytes of the page-directory pointers lie, or null without PAE paging. QEMU reads them there at each
 * walk; our machines keep them in registers, so a state from QEMU has to be completed with them.
 */
export function pageDirectoryPointers({ cpu }: MachineState): number | null {
  const pae = (cpu.cr0 & CR0_PG) !== 0 && (cpu.cr4 & CR4_PAE) !== 0
  return pae ? (cpu.cr3 & TABLE_MASK) >>> 0 : null
}

/** @param bytes the 32 bytes at `pageDirectoryPointers(state)` */
export function withPageDirectoryPointers(state: MachineState, bytes: Uint8Array): MachineState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { ...state, cpu: { ...state.cpu, pdpte: [0, 8, 16, 24].map((at) => view.getBigUint64(at, true)) } }
}

/**
 * Lets time pass for a guest that is not running yet: all its clocks and timers are on one axis, which goes on by `ns`.
 * The records are not changed.
 */
export function advanceClock(records: readonly NativeRecord[], ns: bigint): NativeRecord[] {
  return records.map((r) => {
    if (r.name === timer.name) {
      const t = timer.decode(r.bytes)
      const [ticks, clock] = [t.cpu_ticks_offset + ns, t.cpu_clock_offset + ns]
      return { ...r, bytes: timer.encode({ cpu_ticks_offset: ticks, cpu_clock_offset: clock }) }
    }
    if (r.name !== timerIcount.name) return r
    const t = timerIcount.decode(r.bytes)
    return { ...r, bytes: timerIcount.encode({ ...t, qemu_icount_bias: t.qemu_icount_bias + ns }) }
  })
}
