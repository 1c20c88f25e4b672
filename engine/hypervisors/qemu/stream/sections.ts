/**
 * The sections of QEMU 7.2's stream for our machine: name, instance and version of each, and the structs that it is made of
 * (`VMStateDescription` of each device; hw/, target/i386/, softmmu/). A test holds this table against what a real QEMU says of
 * its stream.
 */
import { bytes, pad, record, u32, type RecordType } from '../../../util/record.ts'
import { dma, port92 } from '../../devicemodel/dma.ts'
import { bmdma, ideBus, ideDrive, idePioState } from '../../devicemodel/ide.ts'
import { pckbd, pckbdExtended, pckbdOutport, ps2kbd, ps2mouse } from '../../devicemodel/keyboard.ts'
import { ne2000 } from '../../devicemodel/nic.ts'
import { pciBus, pciDevice, pciHost, piix3 } from '../../devicemodel/pci.ts'
import { mc146818rtc } from '../../devicemodel/rtc.ts'
import { serial, serialRecvFifo, serialThrIpending, serialTimeoutIpending } from '../../devicemodel/serial.ts'
import { vga } from '../../devicemodel/vga.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { i8259 } from '../chips.ts'
import { cpuCommon, cpuException, cpuFpop, cpuState } from '../cpu-record.ts'
import { nicMemoryRecord } from '../device-memory.ts'
import { i8254, pcspk } from '../pit.ts'
import { serialTimeoutTimer, serialTsr, serialXmitFifo } from '../serial-pending.ts'
import { timer, timerIcount, timerWarp } from '../timer.ts'
import type { Item, Part, Struct, Subsection } from './structs.ts'

export interface SectionType {
  /** Name in the stream; a device on the PCI bus has its address in front. */
  readonly name: string
  readonly instance: number
  readonly version: number
  readonly struct: Struct
  /** QEMU writes it, and a stream for QEMU does without: the device is not in use in our machine. */
  readonly ignored?: true
}

const item = (type: RecordType<unknown>, instance = 0, part?: Part): Item =>
  part === undefined ? { type, instance } : { type, instance, part }
const struct = (name: string, items: readonly Item[], subsections: readonly Subsection[] = []): Struct => {
  return { name, items, subsections }
}
const sub = (name: string, version: number, type: RecordType<unknown>, absent?: Subsection['absent']): Subsection => {
  const base = { name, version, struct: struct(name, [item(type)]) }
  return absent === undefined ? base : { ...base, absent }
}
/** A subsection that QEMU may write and that changes nothing for our machine. */
const ignored = (name: string, version: number, size: number): Subsection => {
  return { ...sub(name, version, record(name, 'be', { ignored: pad(size) })), ignored: true }
}
const zero =
  <T>(type: RecordType<T>) =>
  (): NativeRecord[] => [made(type, type.zero())]
const made = <T>(type: RecordType<T>, value: T): NativeRecord => {
  return { name: type.name, instance: 0, bytes: type.encode(value) }
}

/** IIR: the transmitter is empty, and code of it (hw/char/serial.c, `serial_post_load`). */
const IIR_ID = 0x06
const IIR_THR_EMPTY = 0x02
function thrPending(records: readonly NativeRecord[]): NativeRecord[] {
  const uart = records.find((r) => r.name === serial.name)
  const iir = uart === undefined ? 0 : serial.decode(uart.bytes).iir
  return [made(serialThrIpending, { thr_ipending: (iir & IIR_ID) === IIR_THR_EMPTY ? 1 : 0 })]
}
/** Reset line and A20 are high (hw/input/pckbd.c, `kbd_outport_default`). */
const OUTPORT_DEFAULT = 0x03

const pci = (devfn: number): Item => item(pciDevice, devfn)
const BMDMA = [ignored('ide bmdma/current', 1, 16), ignored('ide bmdma/status', 1, 1)]
const IDENTIFY: Part = { offset: 8, bytes: 512, present: (before) => before.subarray(4, 8).some((byte) => byte !== 0) }
/** No version of it is read: a transfer that is half done cannot go on in our machine. */
const noTransfer = (instance: number): Subsection => {
  const absent = (): NativeRecord[] => [{ ...made(idePioState, idePioState.zero()), instance }]
  return { ...sub('ide_drive/pio_state', -1, idePioState, absent), ignored: true }
}
const drive = (instance: number): Struct =>
  struct(
    'ide_drive',
    [item(ideDrive, instance, IDENTIFY)],
    [noTransfer(instance), ignored('ide_drive/tray_state', 1, 2), ignored('ide_drive/atapi/gesn_state', 1, 2)],
  )
const plain = (type: RecordType<unknown>, version: number, instance = 0, name = type.name): SectionType => {
  return { name, instance, version, struct: struct(type.name, [item(type, instance)]) }
}
const unused = (name: string, version: number, size: number, subsections: readonly Subsection[] = []): SectionType => {
  const type = record(name, 'be', { ignored: pad(size) })
  return { name, instance: 0, version, struct: struct(name, [item(type)], subsections), ignored: true }
}

export const globalState = record('globalstate', 'be', { size: u32, runstate: bytes(100) })
const tail = record('I440FX/tail', 'be', { unused: pad(1) })
const FDC_HEAD = 9 + 512
const floppy = (): Struct => {
  return struct('fdrive', [item(record('fdrive', 'be', { ignored: pad(3) }))], [ignored('fdrive/media_rate', 1, 1)])
}

/** In the order in which QEMU writes them; the processor after the clock, the run state last. */
export const SECTIONS: readonly SectionType[] = [
  {
    name: 'timer',
    instance: 0,
    version: 2,
    struct: struct(
      'timer',
      [item(timer)],
      [
        {
          name: 'timer/icount',
          version: 1,
          struct: struct(
            'timer/icount',
            [item(timerIcount)],
            [
              sub('timer/icount/warp_timer', 1, timerWarp, () => [
                made(timerWarp, { vm_clock_warp_start: -1n, icount_warp_timer: -1n }),
              ]),
            ],
          ),
        },
      ],
    ),
  },
  {
    name: 'cpu_common',
    instance: 0,
    version: 1,
    struct: struct('cpu_common', [item(cpuCommon)], [sub('cpu_common/exception_index', 1, cpuException)]),
  },
  {
    name: 'cpu',
    instance: 0,
    version: 12,
    struct: struct(
      'cpu',
      [item(cpuState)],
      [ignored('cpu/poll_control_msr', 1, 8), sub('cpu/fpop_ip_dp', 1, cpuFpop, zero(cpuFpop))],
    ),
  },
  unused('fw_cfg', 2, 6, [ignored('fw_cfg/dma', 0, 8)]),
  plain(pciHost, 1),
  plain(pciBus, 1),
  { name: '0000:00:00.0/I440FX', instance: 0, version: 3, struct: struct('I440FX', [pci(0x00), item(tail)]) },
  plain(dma, 1, 0),
  plain(dma, 1, 1),
  {
    name: '0000:00:01.0/PIIX3',
    instance: 0,
    version: 3,
    struct: struct('PIIX3', [pci(0x08), item(piix3)], [ignored('PIIX3/rcr', 1, 1)]),
  },
  plain(i8259, 1, 0),
  plain(i8259, 1, 1),
  unused('ioapic', 3, 206),
  {
    ...plain(mc146818rtc, 3),
    struct: struct('mc146818rtc', [item(mc146818rtc)], [ignored('mc146818rtc/irq_reinject_on_ack_count', 1, 2)]),
  },
  plain(i8254, 3),
  plain(pcspk, 1),
  {
    name: 'serial',
    instance: 0,
    version: 3,
    struct: struct(
      'serial',
      [item(serial)],
      [
        sub('serial/thr_ipending', 1, serialThrIpending, thrPending),
        sub('serial/tsr', 1, serialTsr),
        sub('serial/recv_fifo', 1, serialRecvFifo, zero(serialRecvFifo)),
        sub('serial/xmit_fifo', 1, serialXmitFifo),
        sub('serial/fifo_timeout_timer', 1, serialTimeoutTimer),
        sub('serial/timeout_ipending', 1, serialTimeoutIpending, zero(serialTimeoutIpending)),
        ignored('serial/poll', 1, 4),
      ],
    ),
  },
  {
    ...unused('fdc', 2, 0),
    struct: struct('fdc', [item(record('fdc', 'be', { ignored: pad(FDC_HEAD + 18) })), floppy(), floppy()]),
  },
  {
    name: 'ps2kbd',
    instance: 0,
    version: 3,
    struct: struct(
      'ps2kbd',
      [item(ps2kbd)],
      [
        ignored('ps2kbd/ledstate', 3, 4),
        ignored('ps2kbd/need_high_bit', 1, 1),
        ignored('ps2kbd/command_reply_queue', 0, 4),
      ],
    ),
  },
  {
    name: 'ps2mouse',
    instance: 0,
    version: 2,
    struct: struct('ps2mouse', [item(ps2mouse)], [ignored('ps2mouse/command_reply_queue', 0, 4)]),
  },
  {
    name: 'pckbd',
    instance: 0,
    version: 3,
    struct: struct(
      'pckbd',
      [item(pckbd)],
      [
        sub('pckbd_outport', 1, pckbdOutport, () => [made(pckbdOutport, { outport: OUTPORT_DEFAULT })]),
        sub('pckbd/extended_state', 0, pckbdExtended, zero(pckbdExtended)),
      ],
    ),
  },
  plain(port92, 1),
  {
    name: '0000:00:01.1/ide',
    instance: 0,
    version: 3,
    struct: struct('ide', [
      pci(0x09),
      struct('ide bmdma', [item(bmdma, 0)], BMDMA),
      struct('ide bmdma', [item(bmdma, 1)], BMDMA),
      struct('ide_bus', [item(ideBus, 0)]),
      struct('ide_bus', [item(ideBus, 1)]),
      ...[0, 1, 2, 3].map(drive),
    ]),
  },
  {
    name: '0000:00:12.0/vga',
    instance: 0,
    version: 2,
    struct: struct('vga', [pci(0x12 << 3), struct('vga', [item(vga)], [ignored('vga.endian', 1, 1)])]),
  },
  {
    name: '0000:00:05.0/ne2000',
    instance: 0,
    version: 3,
    struct: struct('ne2000', [pci(0x05 << 3), item(ne2000), item(nicMemoryRecord)]),
  },
  plain(globalState, 1),
]
