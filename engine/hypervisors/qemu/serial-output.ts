/**
 * Subsections of QEMU's UART that hold what it has not sent yet (hw/char/serial.c). They are there only while the other end of
 * the line does not take it, and never in a stream of ours.
 */
import { bytes, record, u32, u8 } from '../../util/record.ts'

export const serialTsr = record('serial/tsr', 'be', { tsr_retry: u32, thr: u8, tsr: u8 })
export const serialXmitFifo = record('serial/xmit_fifo', 'be', { data: bytes(16), head: u32, num: u32 })
