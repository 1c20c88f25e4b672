/**
 * Subsections of QEMU's UART for what it has not done yet (hw/char/serial.c), never in a stream of ours: bytes to send, while
 * the other end of the line does not take them, and an interrupt for bytes that have waited for a while.
 */
import { bytes, record, s64, u32, u8 } from '../../util/record.ts'

export const serialTsr = record('serial/tsr', 'be', { tsr_retry: u32, thr: u8, tsr: u8 })
export const serialXmitFifo = record('serial/xmit_fifo', 'be', { data: bytes(16), head: u32, num: u32 })
/** When the interrupt is due, on the guest's clock; −1: none is. */
export const serialTimeoutTimer = record('serial/fifo_timeout_timer', 'be', { fifo_timeout_timer: s64 })
