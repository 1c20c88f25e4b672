/** 16550A as QEMU saves it: vmstate `serial` version 3 and its subsections (field names and order of QEMU). */
import { bytes, record, s32, u16, u32, u8 } from '../../util/record.ts'
import { SERIAL_QUEUE, type Serial } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

/** Bytes of the chip's receive FIFO. */
const FIFO = 16
/** IIR codes of the two causes that QEMU keeps as flags; the others follow from LSR and MSR. */
const IIR_THR_EMPTY = 2
const IIR_TIMEOUT = 12

export const serial = record('serial', 'be', {
  divider: u16,
  rbr: u8,
  ier: u8,
  iir: u8,
  lcr: u8,
  mcr: u8,
  lsr: u8,
  msr: u8,
  scr: u8,
  fcr: u8,
})
export const serialRecvFifo = record('serial/recv_fifo', 'be', { data: bytes(FIFO), head: u32, num: u32 })
export const serialThrIpending = record('serial/thr_ipending', 'be', { thr_ipending: s32 })
export const serialTimeoutIpending = record('serial/timeout_ipending', 'be', { timeout_ipending: s32 })

export const serialLayouts = [serial, serialRecvFifo, serialThrIpending, serialTimeoutIpending] as const

export const serialNotRepresentable: readonly NotRepresentable[] = [
  {
    section: 'serial',
    path: 'rxLength',
    reason: 'QEMU saves the 16 bytes of the receive FIFO; what waits on the line behind it has no place.',
  },
  { section: 'serial', path: `rx[${FIFO}..${SERIAL_QUEUE - 1}]`, reason: 'The receive FIFO has 16 bytes.' },
  {
    section: 'serial',
    path: 'pending',
    reason: 'QEMU keeps two of the interrupt causes and computes the others from the status registers.',
  },
]

/** Writes the UART. */
export function packSerial(out: NativeWriter, s: Serial): void {
  out.put(serial, {
    divider: s.divisor,
    rbr: s.rxLength > 0 ? (s.rx[0] ?? 0) : 0,
    ier: s.ier,
    iir: s.iir,
    lcr: s.lcr,
    mcr: s.mcr,
    lsr: s.lsr,
    msr: s.msr,
    scr: s.scr,
    fcr: s.fcr,
  })
  out.put(serialRecvFifo, { data: s.rx.slice(0, FIFO), head: 0, num: Math.min(s.rxLength, FIFO) })
  out.put(serialThrIpending, { thr_ipending: (s.pending >> IIR_THR_EMPTY) & 1 })
  out.put(serialTimeoutIpending, { timeout_ipending: (s.pending >> IIR_TIMEOUT) & 1 })
}

/** Reads the UART. */
export function unpackSerial(input: NativeReader): Serial {
  const s = input.one(serial)
  const fifo = input.one(serialRecvFifo)
  if (fifo.num > FIFO || fifo.head >= FIFO) {
    refuse('fifo', `The receive FIFO of the serial port holds ${fifo.num} bytes from ${fifo.head}; it has ${FIFO}.`)
  }
  const rx = new Uint8Array(SERIAL_QUEUE)
  for (let i = 0; i < fifo.num; i++) rx[i] = fifo.data[(fifo.head + i) % FIFO] ?? 0
  const pending =
    (input.one(serialThrIpending).thr_ipending !== 0 ? 1 << IIR_THR_EMPTY : 0) |
    (input.one(serialTimeoutIpending).timeout_ipending !== 0 ? 1 << IIR_TIMEOUT : 0)
  return {
    divisor: s.divider,
    ier: s.ier,
    iir: s.iir,
    lcr: s.lcr,
    mcr: s.mcr,
    lsr: s.lsr,
    msr: s.msr,
    scr: s.scr,
    fcr: s.fcr,
    pending,
    rxLength: fifo.num,
    rx,
  }
}
