/**
 * Peripheral devices in the common format. Their large memories (video memory, packet memory) are not here: those are
 * memory blocks (blocks.ts), moved like RAM.
 */
import { array, bytes, flag, record, u16, u32, u8, type ValueOf } from '../util/record.ts'

/** Bytes that a sender may queue for the guest's UART beyond its 16-byte FIFO. */
export const SERIAL_QUEUE = 4096

/** 16550A UART. */
export const serial = record('serial', 'le', {
  divisor: u16,
  ier: u8,
  iir: u8,
  lcr: u8,
  mcr: u8,
  lsr: u8,
  msr: u8,
  scr: u8,
  fcr: u8,
  /** Interrupt causes that are raised: bit n = the cause with IIR code n. */
  pending: u16,
  /** Bytes waiting for the guest, the oldest first. The first 16 are the chip's FIFO; the rest waits on the line. */
  rxLength: u16,
  rx: bytes(SERIAL_QUEUE),
})
export type Serial = ValueOf<typeof serial>

/** 8042 controller with keyboard and mouse. */
export const PS2_QUEUE = 1024
export const keyboard = record('keyboard', 'le', {
  /** Controller command byte. */
  commandByte: u8,
  outputPort: u8,
  /** The byte that port 0x60 returned last. */
  lastData: u8,
  /** The next write to port 0x60 is: 0 a device command, 1 the command byte, 2 the output port, 3 … see `pending`. */
  expectCommandByte: flag,
  expectOutputPort: flag,
  expectKeyboardOutput: flag,
  expectMouseCommand: flag,
  /** Keyboard: the next byte is the argument of a command. */
  expectLeds: flag,
  expectScanCodeSet: flag,
  expectTypematic: flag,
  keyboardEnabled: flag,
  mouseEnabled: flag,
  mousePresent: flag,
  mouseReporting: flag,
  expectSampleRate: flag,
  expectResolution: flag,
  mouseId: u8,
  mouseDetect: u8,
  mouseResetWorkaround: flag,
  sampleRate: u8,
  resolution: u8,
  scaling2: flag,
  mouseButtons: u8,
  /** Movement not yet reported, two's complement. */
  mouseDx: u16,
  mouseDy: u16,
  wheel: u8,
  /** The output buffer holds a byte, and it is the mouse's. */
  outputFull: flag,
  outputFromMouse: flag,
  keyboardQueueLength: u16,
  keyboardQueue: bytes(PS2_QUEUE),
  mouseQueueLength: u16,
  mouseQueue: bytes(PS2_QUEUE),
})
export type Keyboard = ValueOf<typeof keyboard>

/** One ATA or ATAPI device. Task-file registers hold the last two bytes written (for 48-bit commands). */
export const ideDrive = record('ide_drive', 'le', {
  present: flag,
  atapi: flag,
  feature: u16,
  error: u8,
  sectorCount: u16,
  lbaLow: u16,
  lbaMid: u16,
  lbaHigh: u16,
  device: u8,
  status: u8,
  command: u8,
  atapiCommand: u8,
  head: u8,
  lbaMode: flag,
  multipleSectors: u16,
  /** Geometry, as the guest may have set it. */
  cylinders: u32,
  heads: u16,
  sectorsPerTrack: u16,
  sectors: u32,
  sectorSize: u16,
  /** A transfer in progress: position, end and length within the data buffer (a memory block), destination sector. */
  dataPosition: u32,
  dataEnd: u32,
  dataLength: u32,
  writeDestination: u32,
})
export type IdeDrive = ValueOf<typeof ideDrive>

export const ideChannel = record('ide_channel', 'le', {
  drives: array(ideDrive, 2),
  /** Selected drive, 0 or 1. */
  unit: u8,
  control: u8,
  busMasterCommand: u8,
  busMasterStatus: u8,
  /** Physical address of the PRD table. */
  prdTable: u32,
})
export type IdeChannel = ValueOf<typeof ideChannel>
export const ide = record('ide', 'le', { channels: array(ideChannel, 2) })
export type Ide = ValueOf<typeof ide>

/** VGA registers, with the Bochs VBE extension. */
export const vga = record('vga', 'le', {
  miscOutput: u8,
  sequencerIndex: u8,
  sequencer: bytes(5),
  graphicsIndex: u8,
  graphics: bytes(9),
  /** Bits 0–4 index, bit 5 palette address source. */
  attributeIndex: u8,
  /** The next write to port 0x3C0 is data. */
  attributeFlipFlop: flag,
  attribute: bytes(21),
  crtcIndex: u8,
  crtc: bytes(25),
  /** Start address as latched at the last vertical retrace. */
  startAddressLatched: u16,
  status1: u8,
  dacMask: u8,
  dacState: u8,
  dacReadIndex: u16,
  dacWriteIndex: u16,
  /** 256 × red, green, blue; 8 bits each. */
  palette: bytes(768),
  latch: u32,
  vbeIndex: u16,
  vbeEnable: u16,
  vbeWidth: u16,
  vbeHeight: u16,
  vbeBpp: u16,
  /** In units of 64 kB. */
  vbeBank: u16,
  vbeOffsetX: u16,
  vbeOffsetY: u16,
  /** Derived by the display from the registers at mode set; carried so that the screen shows the same at once. */
  graphicsMode: flag,
  columns: u16,
  rows: u16,
})
export type Vga = ValueOf<typeof vga>

/** NE2000 (DP8390) network card. Its packet memory is a memory block. */
export const nic = record('nic', 'le', {
  command: u8,
  pageStart: u8,
  pageStop: u8,
  boundary: u8,
  current: u8,
  transmitStatus: u8,
  transmitPage: u8,
  transmitCount: u16,
  remoteCount: u16,
  remoteAddress: u16,
  receiveConfig: u8,
  transmitConfig: u8,
  dataConfig: u8,
  interruptStatus: u8,
  interruptMask: u8,
  mac: bytes(6),
  /** Filter of multicast addresses. */
  multicast: bytes(8),
})
export type Nic = ValueOf<typeof nic>

/** Configuration space of one PCI function. */
export const pciFunction = record('pci_function', 'le', {
  /** Device number × 8 + function number, on bus 0. */
  devfn: u8,
  config: bytes(256),
  /** Level of its INTx output. */
  intx: flag,
})
export type PciFunction = ValueOf<typeof pciFunction>
/** Functions that a machine can have in this format. */
export const PCI_FUNCTIONS = 16
export const pci = record('pci', 'le', {
  /** Last value of the address port 0xCF8. */
  address: u32,
  count: u8,
  /** The first `count` are present, the others all zero. */
  functions: array(pciFunction, PCI_FUNCTIONS),
})
export type Pci = ValueOf<typeof pci>

/** Chipset odds and ends: system control port A (0x92, A20 gate). */
export const board = record('board', 'le', { port92: u8 })
export type Board = ValueOf<typeof board>
