/**
 * Where QEMU's devices keep more than `../devicemodel` tells of them, or something else: the state is turned into what QEMU's
 * device would be in, and some records are completed. And back.
 */
import type { RecordType } from '../../util/record.ts'
import { SERIAL_QUEUE, type Keyboard, type Serial, type Vga } from '../../vmstate/devices.ts'
import { mc146818rtc } from '../devicemodel/rtc.ts'
import { idePioState } from '../devicemodel/ide.ts'
import { pckbd, pckbdExtended, ps2kbd } from '../devicemodel/keyboard.ts'
import { vga } from '../devicemodel/vga.ts'
import type { Rtc } from '../../vmstate/chips.ts'
import type { NativeRecord, NotRepresentable } from '../hypervisor.ts'

const because =
  (section: NotRepresentable['section'], reason: string) =>
  (path: string): NotRepresentable => ({ section, path, reason })
const line = because('serial', "QEMU's UART holds 16 bytes, or one without its FIFO; the rest waits on the line.")
const alarm = because('rtc', 'QEMU has one timer for updates and alarms, armed where register B enables either.')
const transfer = because(
  'ide',
  'There is no transfer through the data port, and what the last one left is not in the stream.',
)
export const deviceNotRepresentable: readonly NotRepresentable[] = [
  line('rx'),
  { section: 'rtc', path: 'nmiDisabled', reason: 'QEMU keeps the index without the NMI bit of port 0x70.' },
  alarm('alarmInNs'),
  alarm('updateInNs'),
  { section: 'vga', path: 'palette', reason: "QEMU's palette has 6 bits a colour." },
  ...['dataPosition', 'dataEnd', 'dataLength'].map((field) => transfer(`channels.*.drives.*.${field}`)),
]

const FIFO = 16
const FCR_ENABLE = 1
const IIR_FIFO = 0xc0
const IIR_CODE = 0x0f
const IIR_NONE = 1
const IER_RECEIVED = 1
const IER_THR = 2
/** Causes by their IIR code. */
const CAUSE = { thrEmpty: 1 << 2, received: 1 << 4, timeout: 1 << 12 } as const
const LSR_DATA_READY = 1
/** Transmitter holding register, and transmitter, empty. */
const LSR_EMPTY = 0x60

/** Bytes that fit into QEMU's UART. */
export const serialRoom = ({ fcr }: Serial): number => ((fcr & FCR_ENABLE) !== 0 ? FIFO : 1)

/** Our UART as QEMU's. */
export function toQemuSerial(s: Serial): Serial {
  const rxLength = Math.min(s.rxLength, serialRoom(s))
  const rx = new Uint8Array(SERIAL_QUEUE)
  rx.set(s.rx.subarray(0, rxLength))
  return { ...s, iir: (s.fcr & FCR_ENABLE) !== 0 ? s.iir | IIR_FIFO : s.iir, rxLength, rx }
}

/** What of QEMU's UART is not in the common part of its records. */
export interface SerialWork {
  /** The receive buffer, where the FIFO is off. */
  readonly rbr: number
  /** It had bytes to send: ours has sent them. */
  readonly unsent: boolean
  /** An interrupt for bytes that wait was to come: ours comes at once. */
  readonly timeout: boolean
}

/** QEMU's UART as ours. */
export function fromQemuSerial(s: Serial, { rbr, unsent, timeout }: SerialWork): Serial {
  const ready = (s.lsr & LSR_DATA_READY) !== 0
  const single = (s.fcr & FCR_ENABLE) === 0
  const rx = single ? new Uint8Array(SERIAL_QUEUE) : s.rx
  if (single && ready) rx[0] = rbr
  const pending =
    s.pending |
    (ready ? CAUSE.received : 0) |
    (ready && timeout ? CAUSE.timeout : 0) |
    (unsent || (s.ier & IER_THR) === 0 ? CAUSE.thrEmpty : 0)
  const lsr = unsent ? s.lsr | LSR_EMPTY : s.lsr
  const told = s.iir & IIR_CODE
  const iir = (unsent || timeout) && told === IIR_NONE ? causeOf(pending, s.ier) : told
  return { ...s, iir, lsr, pending, rx, rxLength: single ? Number(ready) : s.rxLength }
}

/** Code of the highest cause that is enabled (16550 data sheet, table V). */
function causeOf(pending: number, ier: number): number {
  if ((pending & CAUSE.timeout) !== 0 && (ier & IER_RECEIVED) !== 0) return 12
  if ((pending & CAUSE.received) !== 0 && (ier & IER_RECEIVED) !== 0) return 4
  return (pending & CAUSE.thrEmpty) !== 0 && (ier & IER_THR) !== 0 ? 2 : IIR_NONE
}

const MOUSE_OFF = 0x20
const TRANSLATE = 0x40

/** QEMU's keyboard controller as ours. */
export function fromQemuKeyboard(k: Keyboard): Keyboard {
  return { ...k, mousePresent: true, mouseEnabled: (k.commandByte & MOUSE_OFF) === 0 }
}

/** `KBD_OBSRC_*`, `KBD_PENDING_*` (hw/input/pckbd.c). */
const OBSRC = { keyboard: 1, mouse: 2 } as const
const PENDING = { keyboard: 0x10, mouse: 0x20 } as const

/** Register B of the clock: periodic, alarm and update interrupt. */
const RTC_B = { periodic: 0x40, alarm: 0x20, update: 0x10 } as const
const NOT_ARMED = -1n

/** Rate selection of register A (MC146818 data sheet, table 5): ticks of 32768 Hz from one interrupt to the next. */
function periodTicks(registerA: number): number {
  const rate = registerA & 0x0f
  return rate === 0 ? 0 : 1 << (rate <= 2 ? rate + 6 : rate - 1)
}

/** Our clock as QEMU's: the one timer for updates and alarms is due at the earlier of them. */
export function toQemuRtc(r: Rtc): Rtc {
  return { ...r, updateInNs: r.updateInNs === NOT_ARMED ? r.alarmInNs : r.updateInNs }
}

/** QEMU's clock as ours, whose timers are armed where an interrupt is enabled. */
export function fromQemuRtc(r: Rtc): Rtc {
  const when = (enabled: number, inNs: bigint): bigint => ((r.registerB & enabled) !== 0 ? inNs : NOT_ARMED)
  return { ...r, alarmInNs: when(RTC_B.alarm, r.alarmInNs), updateInNs: when(RTC_B.update, r.updateInNs) }
}

/** VBE registers; 15 bits take two bytes. */
const VBE_ENABLED = 1
const GRAPHICS = 1
const pixelBytes = (bits: number): number => (bits + 1) >> 3
const widen = (six: number): number => (six << 2) | ((six & 1) << 1) | (six & 1)

/** QEMU's VGA as ours: what the display of our machine derives when the guest sets a mode. */
export function fromQemuVga(v: Vga): Vga {
  const c = (index: number): number => v.crtc[index] ?? 0
  const high = (from: number, index: number, to: number): number => ((c(index) >> from) & 1) << to
  const lines = Math.min(1 + (c(0x12) | high(1, 7, 8) | high(6, 7, 9)), c(0x15) | high(3, 7, 8) | high(5, 9, 9))
  const scans = (c(9) & 0x80) !== 0 ? lines >> 1 : lines
  return {
    ...v,
    palette: v.palette.map(widen),
    startAddressLatched: (c(0x0c) << 8) | c(0x0d),
    dacMask: 0xff,
    graphicsMode: (v.vbeEnable & VBE_ENABLED) !== 0 || ((v.attribute[0x10] ?? 0) & GRAPHICS) !== 0,
    columns: Math.min(1 + c(1), c(2)),
    rows: Math.floor(scans / (1 + (c(9) & 0x1f))),
  }
}

export const toQemuVga = (v: Vga): Vga => ({ ...v, palette: v.palette.map((eight) => eight >> 2) })

/** Bank mask of the largest frame buffer that a machine can have; QEMU checks the address itself. */
const BANK_MASK = 0x7f

function patch<T>(records: readonly NativeRecord[], type: RecordType<T>, change: (value: T) => void): NativeRecord[] {
  return records.map((r) => {
    if (r.name !== type.name) return r
    const value = type.decode(r.bytes)
    change(value)
    return { ...r, bytes: type.encode(value) }
  })
}

/** Completes the device model's records with what QEMU does not compute by itself after a load. */
export function complete(
  records: readonly NativeRecord[],
  state: { readonly keyboard: Keyboard; readonly vga: Vga; readonly rtc: Rtc },
): NativeRecord[] {
  const { keyboard: k, vga: v } = state
  let out = patch(records, idePioState, (r) => Object.assign(r, idePioState.zero()))
  out = patch(out, pckbd, (r) => {
    r.pending = (k.keyboardQueueLength > 0 ? PENDING.keyboard : 0) | (k.mouseQueueLength > 0 ? PENDING.mouse : 0)
  })
  out = patch(out, pckbdExtended, (r) => {
    r.obsrc = !k.outputFull ? 0 : k.outputFromMouse ? OBSRC.mouse : OBSRC.keyboard
  })
  out = patch(out, ps2kbd, (r) => {
    r.translate = (k.commandByte & TRANSLATE) !== 0 ? 1 : 0
  })
  out = patch(out, mc146818rtc, (r) => {
    r.period = (state.rtc.registerB & RTC_B.periodic) !== 0 ? periodTicks(state.rtc.registerA) : 0
  })
  return patch(out, vga, (r) => {
    const line = v.vbeWidth * pixelBytes(v.vbeBpp)
    r.vbe_line_offset = line
    r.vbe_start_addr = (v.vbeOffsetY * line + v.vbeOffsetX * pixelBytes(v.vbeBpp)) >>> 2
    r.vbe_bank_mask = BANK_MASK
  })
}
