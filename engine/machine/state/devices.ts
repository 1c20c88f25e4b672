/** Serial port, keyboard controller, disk controller, network card, PCI and board between v86 and the common format. */
import {
  type Board,
  type Ide,
  ideDrive,
  type IdeDrive,
  type Keyboard,
  type Nic,
  type Pci,
  PCI_FUNCTIONS,
  PS2_QUEUE,
  type Serial,
  SERIAL_QUEUE,
} from '../../vmstate/devices.ts'
import { FerryError } from '../../util/errors.ts'
import type { Emulator } from '../emulator.ts'
import { transferring } from '../ide-buffer.ts'
import { IDE_SLOT_BYTES } from '../memory-layout.ts'
import type { ByteQueue, IdeInterface, PciDevices } from '../v86/types.ts'

export function captureSerial(emulator: Emulator): Serial {
  const { uart0 } = emulator.cpu.devices
  const rx = new Uint8Array(SERIAL_QUEUE)
  // vcpu-thread.ts takes no more than fits (SERIAL_ROOM).
  const waiting = uart0.input.slice(0, SERIAL_QUEUE)
  rx.set(waiting)
  return {
    divisor: uart0.baud_rate,
    ier: uart0.ier,
    iir: uart0.iir,
    lcr: uart0.line_control,
    mcr: uart0.modem_control,
    lsr: uart0.lsr,
    msr: uart0.modem_status,
    scr: uart0.scratch_register,
    fcr: uart0.fifo_control,
    pending: uart0.ints,
    rxLength: waiting.length,
    rx,
  }
}

export function restoreSerial(emulator: Emulator, serial: Serial): void {
  const { uart0 } = emulator.cpu.devices
  uart0.baud_rate = serial.divisor
  uart0.ier = serial.ier
  uart0.iir = serial.iir
  uart0.line_control = serial.lcr
  uart0.modem_control = serial.mcr
  uart0.lsr = serial.lsr
  uart0.modem_status = serial.msr
  uart0.scratch_register = serial.scr
  uart0.fifo_control = serial.fcr
  uart0.ints = serial.pending
  uart0.input = [...serial.rx.subarray(0, serial.rxLength)]
}

/** The queue's bytes, the oldest first. v86's queue can only be looked into by turning it over once. */
function queued(queue: ByteQueue): { length: number; bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(PS2_QUEUE)
  const { length } = queue
  for (let i = 0; i < length; i++) {
    bytes[i] = queue.shift()
    queue.push(bytes[i])
  }
  return { length, bytes }
}

function refill(queue: ByteQueue, length: number, bytes: Uint8Array): void {
  queue.clear()
  for (const byte of bytes.subarray(0, length)) queue.push(byte)
}

export function captureKeyboard(emulator: Emulator): Keyboard {
  const { ps2 } = emulator.cpu.devices
  const keyboard = queued(ps2.kbd_buffer)
  const mouse = queued(ps2.mouse_buffer)
  return {
    commandByte: ps2.command_register,
    outputPort: ps2.controller_output_port,
    lastData: ps2.last_port60_byte,
    expectCommandByte: ps2.read_command_register,
    expectOutputPort: ps2.read_controller_output_port,
    expectKeyboardOutput: ps2.read_output_register,
    expectMouseCommand: ps2.next_is_mouse_command,
    expectLeds: ps2.next_read_led,
    expectScanCodeSet: ps2.next_handle_scan_code_set,
    expectTypematic: ps2.next_read_rate,
    keyboardEnabled: ps2.enable_keyboard_stream,
    mouseEnabled: ps2.use_mouse,
    mousePresent: ps2.have_mouse,
    mouseReporting: ps2.enable_mouse_stream,
    expectSampleRate: ps2.next_read_sample,
    expectResolution: ps2.next_read_resolution,
    mouseId: ps2.mouse_id,
    mouseDetect: ps2.mouse_detect_state & 0xff,
    mouseResetWorkaround: ps2.mouse_reset_workaround,
    sampleRate: ps2.sample_rate,
    resolution: ps2.resolution,
    scaling2: ps2.scaling2,
    mouseButtons: ps2.mouse_clicks,
    mouseDx: ps2.mouse_delta_x & 0xffff,
    mouseDy: ps2.mouse_delta_y & 0xffff,
    wheel: ps2.wheel_movement & 0xff,
    outputFull: ps2.next_byte_is_ready,
    outputFromMouse: ps2.next_byte_is_aux,
    keyboardQueueLength: keyboard.length,
    keyboardQueue: keyboard.bytes,
    mouseQueueLength: mouse.length,
    mouseQueue: mouse.bytes,
  }
}

const signed16 = (value: number): number => (value << 16) >> 16
const signed8 = (value: number): number => (value << 24) >> 24

export function restoreKeyboard(emulator: Emulator, keyboard: Keyboard): void {
  const { ps2 } = emulator.cpu.devices
  ps2.command_register = keyboard.commandByte
  ps2.controller_output_port = keyboard.outputPort
  ps2.last_port60_byte = keyboard.lastData
  ps2.read_command_register = keyboard.expectCommandByte
  ps2.read_controller_output_port = keyboard.expectOutputPort
  ps2.read_output_register = keyboard.expectKeyboardOutput
  ps2.next_is_mouse_command = keyboard.expectMouseCommand
  ps2.next_read_led = keyboard.expectLeds
  ps2.next_handle_scan_code_set = keyboard.expectScanCodeSet
  ps2.next_read_rate = keyboard.expectTypematic
  ps2.enable_keyboard_stream = keyboard.keyboardEnabled
  ps2.use_mouse = keyboard.mouseEnabled
  ps2.have_mouse = keyboard.mousePresent
  ps2.enable_mouse_stream = keyboard.mouseReporting
  ps2.next_read_sample = keyboard.expectSampleRate
  ps2.next_read_resolution = keyboard.expectResolution
  ps2.mouse_id = keyboard.mouseId
  ps2.mouse_detect_state = signed8(keyboard.mouseDetect) // v86 counts from −1
  ps2.mouse_reset_workaround = keyboard.mouseResetWorkaround
  ps2.sample_rate = keyboard.sampleRate
  ps2.resolution = keyboard.resolution
  ps2.scaling2 = keyboard.scaling2
  ps2.mouse_clicks = keyboard.mouseButtons
  ps2.mouse_delta_x = signed16(keyboard.mouseDx)
  ps2.mouse_delta_y = signed16(keyboard.mouseDy)
  ps2.wheel_movement = signed8(keyboard.wheel)
  ps2.next_byte_is_ready = keyboard.outputFull
  ps2.next_byte_is_aux = keyboard.outputFromMouse
  refill(ps2.kbd_buffer, keyboard.keyboardQueueLength, keyboard.keyboardQueue)
  refill(ps2.mouse_buffer, keyboard.mouseQueueLength, keyboard.mouseQueue)
}

function captureDrive(drive: IdeInterface | undefined): IdeDrive {
  if (drive === undefined) return ideDrive.zero()
  if (drive.in_progress_io_ids.size > 0) {
    throw new FerryError('machine.disk-busy', 'A disk request is half done; the state cannot be taken now.')
  }
  if (transferring(drive) && drive.data_length > IDE_SLOT_BYTES) {
    throw new FerryError('machine.disk-busy', 'A disk transfer is larger than the state format allows; try again.', {
      bytes: drive.data_length,
    })
  }
  return {
    present: drive.drive_connected === true,
    atapi: drive.is_atapi ?? false,
    feature: drive.features_reg,
    error: drive.error_reg,
    sectorCount: drive.sector_count_reg,
    lbaLow: drive.lba_low_reg,
    lbaMid: drive.lba_mid_reg,
    lbaHigh: drive.lba_high_reg,
    device: drive.device_reg,
    status: drive.status_reg,
    command: drive.current_command & 0xff,
    atapiCommand: drive.current_atapi_command & 0xff,
    head: drive.head,
    lbaMode: drive.is_lba !== 0,
    multipleSectors: drive.sectors_per_drq,
    cylinders: drive.cylinder_count,
    heads: drive.head_count,
    sectorsPerTrack: drive.sectors_per_track,
    sectors: drive.sector_count,
    sectorSize: drive.sector_size,
    dataPosition: drive.data_pointer,
    dataEnd: drive.data_end,
    dataLength: drive.data_length,
    writeDestination: drive.write_dest,
  }
}

/** v86 marks "no command yet" with −1. */
const command = (byte: number): number => (byte === 0xff ? -1 : byte)

/** @throws FerryError `machine.disk-mismatch` */
function checkDrive(drive: IdeInterface | undefined, state: IdeDrive): void {
  if ((drive?.drive_connected === true) === state.present) return
  throw new FerryError('machine.disk-mismatch', 'The two machines do not have the same drives.')
}

function restoreDrive(drive: IdeInterface, state: IdeDrive): void {
  drive.features_reg = state.feature
  drive.error_reg = state.error
  drive.sector_count_reg = state.sectorCount
  drive.lba_low_reg = state.lbaLow
  drive.lba_mid_reg = state.lbaMid
  drive.lba_high_reg = state.lbaHigh
  drive.device_reg = state.device
  drive.status_reg = state.status
  drive.current_command = command(state.command)
  drive.current_atapi_command = command(state.atapiCommand)
  drive.head = state.head
  drive.is_lba = state.lbaMode ? 1 : 0
  drive.sectors_per_drq = state.multipleSectors
  drive.cylinder_count = state.cylinders
  drive.head_count = state.heads
  drive.sectors_per_track = state.sectorsPerTrack
  drive.sector_count = state.sectors
  drive.sector_size = state.sectorSize
  drive.data_pointer = state.dataPosition
  drive.data_end = state.dataEnd
  drive.data_length = state.dataLength
  drive.write_dest = state.writeDestination
}

export function captureIde(emulator: Emulator): Ide {
  const { primary, secondary } = emulator.cpu.devices.ide
  return {
    channels: [primary, secondary].map((channel) => ({
      drives: [captureDrive(channel?.master), captureDrive(channel?.slave)],
      unit: channel === undefined || channel.current_interface === channel.master ? 0 : 1,
      control: channel?.device_control_reg ?? 0,
      busMasterCommand: channel?.dma_command ?? 0,
      busMasterStatus: channel?.dma_status ?? 0,
      prdTable: (channel?.prdt_addr ?? 0) >>> 0,
    })),
  }
}

export function restoreIde(emulator: Emulator, { channels }: Ide): void {
  const { primary, secondary } = emulator.cpu.devices.ide
  ;[primary, secondary].forEach((channel, i) => {
    const state = channels[i]
    checkDrive(channel?.master, state.drives[0])
    checkDrive(channel?.slave, state.drives[1])
    if (channel === undefined) return
    restoreDrive(channel.master, state.drives[0])
    restoreDrive(channel.slave, state.drives[1])
    channel.current_interface = state.unit === 0 ? channel.master : channel.slave
    channel.device_control_reg = state.control
    channel.dma_command = state.busMasterCommand
    channel.dma_status = state.busMasterStatus
    channel.prdt_addr = state.prdTable | 0
  })
}

export function captureNic(emulator: Emulator): Nic {
  const { net } = emulator.cpu.devices
  return {
    command: net.cr,
    pageStart: net.pstart,
    pageStop: net.pstop,
    boundary: net.boundary,
    current: net.curpg,
    transmitStatus: net.tsr,
    transmitPage: net.tpsr,
    transmitCount: net.tcnt,
    remoteCount: net.rcnt,
    remoteAddress: net.rsar,
    receiveConfig: net.rxcr,
    transmitConfig: net.txcr,
    dataConfig: net.dcfg,
    interruptStatus: net.isr,
    interruptMask: net.imr,
    mac: net.mac.slice(),
    multicast: net.mar.slice(),
  }
}

export function restoreNic(emulator: Emulator, nic: Nic): void {
  const { net } = emulator.cpu.devices
  net.cr = nic.command
  net.pstart = nic.pageStart
  net.pstop = nic.pageStop
  net.boundary = nic.boundary
  net.curpg = nic.current
  net.tsr = nic.transmitStatus
  net.tpsr = nic.transmitPage
  net.tcnt = nic.transmitCount
  net.rcnt = nic.remoteCount
  net.rsar = nic.remoteAddress
  net.rxcr = nic.receiveConfig
  net.txcr = nic.transmitConfig
  net.dcfg = nic.dataConfig
  net.isr = nic.interruptStatus
  net.imr = nic.interruptMask
  net.mac.set(nic.mac)
  net.mar.set(nic.multicast)
}

const spaceBytes = (space: Int32Array): Uint8Array => new Uint8Array(space.buffer, space.byteOffset, 256)

export function capturePci(emulator: Emulator): Pci {
  const { pci } = emulator.cpu.devices
  const functions = pci.device_spaces.flatMap((space, devfn) =>
    // v86 keeps the level of INTx in the PIC's inputs only, which travel with the PIC.
    space === undefined ? [] : [{ devfn, config: spaceBytes(space).slice(), intx: false }],
  )
  const absent = { devfn: 0, config: new Uint8Array(256), intx: false }
  return {
    address: new DataView(pci.pci_addr.buffer, pci.pci_addr.byteOffset, 4).getUint32(0, true),
    count: functions.length,
    functions: [...functions, ...Array.from({ length: PCI_FUNCTIONS - functions.length }, () => absent)],
  }
}

/** @throws FerryError `machine.pci-mismatch` when the other machine has a function that this one has not */
export function restorePci(emulator: Emulator, state: Pci): void {
  const { pci } = emulator.cpu.devices
  for (const { devfn, config } of state.functions.slice(0, state.count)) {
    const space = pci.device_spaces[devfn]
    if (space === undefined) {
      throw new FerryError(
        'machine.pci-mismatch',
        `The guest has a PCI device at slot ${devfn >> 3} that this machine lacks.`,
        {
          devfn,
        },
      )
    }
    moveIoBars(pci, devfn, space, config)
    spaceBytes(space).set(config)
  }
  new DataView(pci.pci_addr.buffer, pci.pci_addr.byteOffset, 4).setUint32(0, state.address, true)
  pci.pci_query()
}

/** Offset of the first base address register (PCI 3.0, 6.2.5), as a word index. */
const BAR0 = 0x10 >> 2

/** I/O ports follow their base address. v86's own restore moves them from the power-on address, wrong the second time. */
function moveIoBars(pci: PciDevices, devfn: number, space: Int32Array, config: Uint8Array): void {
  const wanted = new Int32Array(config.slice(0, 256).buffer)
  pci.devices[devfn]?.pci_bars.forEach((bar, i) => {
    if (bar === undefined || (wanted[BAR0 + i] & 1) === 0) return
    const from = space[BAR0 + i] & 0xfffe
    const to = wanted[BAR0 + i] & 0xfffe
    if (from !== to) pci.set_io_bars(bar, from, to)
  })
}

const SYSTEM_CONTROL_PORT_A = 0x92

export function captureBoard(emulator: Emulator): Board {
  return { port92: emulator.cpu.io.port_read8(SYSTEM_CONTROL_PORT_A) & 0xff }
}

export function restoreBoard(emulator: Emulator, board: Board): void {
  emulator.cpu.io.port_write8(SYSTEM_CONTROL_PORT_A, board.port92)
}
