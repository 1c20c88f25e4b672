/** 8042, keyboard and mouse as QEMU saves them: vmstate `pckbd` version 3, `ps2kbd` version 3, `ps2mouse` version 2. */
import { bytes, record, s32, u32, u8, type ValueOf } from '../../util/record.ts'
import { PS2_QUEUE, type Keyboard } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

/** Bytes of a PS/2 queue in QEMU's stream, and how many of them its devices use. */
const BUFFER = 256
const QUEUE = 16

export const pckbd = record('pckbd', 'be', { write_cmd: u8, status: u8, mode: u8, pending: u8 })
export const pckbdOutport = record('pckbd_outport', 'be', { outport: u8 })
export const pckbdExtended = record('pckbd/extended_state', 'be', {
  migration_flags: u32,
  obsrc: u32,
  obdata: u8,
  cbdata: u8,
})
/** `write_cmd`: the command whose argument comes next, −1 = none. */
export const ps2Common = record('PS2 Common State', 'be', {
  write_cmd: s32,
  rptr: s32,
  wptr: s32,
  count: s32,
  data: bytes(BUFFER),
})
export const ps2kbd = record('ps2kbd', 'be', {
  common: ps2Common,
  scan_enabled: s32,
  translate: s32,
  scancode_set: s32,
})
export const ps2mouse = record('ps2mouse', 'be', {
  common: ps2Common,
  mouse_status: u8,
  mouse_resolution: u8,
  mouse_sample_rate: u8,
  mouse_wrap: u8,
  mouse_type: u8,
  mouse_detect_state: u8,
  mouse_dx: s32,
  mouse_dy: s32,
  mouse_dz: s32,
  mouse_buttons: u8,
})

export const keyboardLayouts = [pckbd, pckbdOutport, pckbdExtended, ps2kbd, ps2mouse] as const

const TAIL = `[${QUEUE}..${PS2_QUEUE - 1}]`
const QUEUE_REASON = `QEMU's PS/2 queues hold ${QUEUE} bytes.`
export const keyboardNotRepresentable: readonly NotRepresentable[] = [
  { section: 'keyboard', path: 'keyboardQueueLength', reason: QUEUE_REASON },
  { section: 'keyboard', path: `keyboardQueue${TAIL}`, reason: QUEUE_REASON },
  { section: 'keyboard', path: 'mouseQueueLength', reason: QUEUE_REASON },
  { section: 'keyboard', path: `mouseQueue${TAIL}`, reason: QUEUE_REASON },
  { section: 'keyboard', path: 'mousePresent', reason: "QEMU's PC always has a mouse." },
  {
    section: 'keyboard',
    path: 'mouseEnabled',
    reason: 'QEMU knows the disable bit of the command byte and the reporting of the mouse, no third switch.',
  },
  {
    section: 'keyboard',
    path: 'mouseResetWorkaround',
    reason: 'Peculiar to the source device: QEMU has no such state.',
  },
]

/** Commands (IBM PS/2 technical reference): to the 8042, to the keyboard, to the mouse. */
const CONTROLLER = { commandByte: 0x60, outputPort: 0xd1, keyboardOutput: 0xd2, mouseCommand: 0xd4 } as const
const KEYBOARD = { leds: 0xed, scanCodeSet: 0xf0, typematic: 0xf3 } as const
const MOUSE = { resolution: 0xe8, sampleRate: 0xf3 } as const
const NONE = -1
/** Status port. */
const STATUS = { outputFull: 0x01, system: 0x04, unlocked: 0x10, outputFromMouse: 0x20 } as const
/** Mouse status byte. */
const MOUSE_STATUS = { scaling2: 0x10, reporting: 0x20 } as const

function packQueue(command: number, queue: Uint8Array, length: number): ValueOf<typeof ps2Common> {
  const count = Math.min(length, QUEUE)
  const data = new Uint8Array(BUFFER)
  data.set(queue.subarray(0, QUEUE))
  return { write_cmd: command, rptr: 0, wptr: count, count, data }
}

function unpackQueue(q: ValueOf<typeof ps2Common>, device: string): { length: number; queue: Uint8Array } {
  if (q.count < 0 || q.count > QUEUE || q.rptr < 0 || q.rptr >= BUFFER) {
    refuse('queue', `The queue of the ${device} holds ${q.count} bytes from ${q.rptr}; it has ${QUEUE}.`)
  }
  const queue = new Uint8Array(PS2_QUEUE)
  for (let i = 0; i < q.count; i++) queue[i] = q.data[(q.rptr + i) % BUFFER] ?? 0
  return { length: q.count, queue }
}

/** Writes controller, keyboard and mouse. */
export function packKeyboard(out: NativeWriter, k: Keyboard): void {
  const controllerCommand = k.expectCommandByte
    ? CONTROLLER.commandByte
    : k.expectOutputPort
      ? CONTROLLER.outputPort
      : k.expectKeyboardOutput
        ? CONTROLLER.keyboardOutput
        : k.expectMouseCommand
          ? CONTROLLER.mouseCommand
          : 0
  const status =
    STATUS.system |
    STATUS.unlocked |
    (k.outputFull ? STATUS.outputFull : 0) |
    (k.outputFromMouse ? STATUS.outputFromMouse : 0)
  out.put(pckbd, { write_cmd: controllerCommand, status, mode: k.commandByte, pending: 0 })
  out.put(pckbdOutport, { outport: k.outputPort })
  out.put(pckbdExtended, { migration_flags: 0, obsrc: 0, obdata: k.lastData, cbdata: 0 })

  const keyboardCommand = k.expectLeds
    ? KEYBOARD.leds
    : k.expectScanCodeSet
      ? KEYBOARD.scanCodeSet
      : k.expectTypematic
        ? KEYBOARD.typematic
        : NONE
  out.put(ps2kbd, {
    common: packQueue(keyboardCommand, k.keyboardQueue, k.keyboardQueueLength),
    scan_enabled: k.keyboardEnabled ? 1 : 0,
    translate: 1,
    scancode_set: 2,
  })

  const mouseCommand = k.expectSampleRate ? MOUSE.sampleRate : k.expectResolution ? MOUSE.resolution : NONE
  out.put(ps2mouse, {
    common: packQueue(mouseCommand, k.mouseQueue, k.mouseQueueLength),
    mouse_status: (k.scaling2 ? MOUSE_STATUS.scaling2 : 0) | (k.mouseReporting ? MOUSE_STATUS.reporting : 0),
    mouse_resolution: k.resolution,
    mouse_sample_rate: k.sampleRate,
    mouse_wrap: 0,
    mouse_type: k.mouseId,
    mouse_detect_state: k.mouseDetect,
    mouse_dx: (k.mouseDx << 16) >> 16,
    mouse_dy: (k.mouseDy << 16) >> 16,
    mouse_dz: (k.wheel << 24) >> 24,
    mouse_buttons: k.mouseButtons,
  })
}

/** Reads controller, keyboard and mouse. */
export function unpackKeyboard(input: NativeReader): Keyboard {
  const controller = input.one(pckbd)
  const keyboard = input.one(ps2kbd)
  const mouse = input.one(ps2mouse)
  const keyboardQueue = unpackQueue(keyboard.common, 'keyboard')
  const mouseQueue = unpackQueue(mouse.common, 'mouse')
  return {
    commandByte: controller.mode,
    outputPort: input.one(pckbdOutport).outport,
    lastData: input.one(pckbdExtended).obdata,
    expectCommandByte: controller.write_cmd === CONTROLLER.commandByte,
    expectOutputPort: controller.write_cmd === CONTROLLER.outputPort,
    expectKeyboardOutput: controller.write_cmd === CONTROLLER.keyboardOutput,
    expectMouseCommand: controller.write_cmd === CONTROLLER.mouseCommand,
    expectLeds: keyboard.common.write_cmd === KEYBOARD.leds,
    expectScanCodeSet: keyboard.common.write_cmd === KEYBOARD.scanCodeSet,
    expectTypematic: keyboard.common.write_cmd === KEYBOARD.typematic,
    keyboardEnabled: keyboard.scan_enabled !== 0,
    mouseEnabled: false,
    mousePresent: false,
    mouseReporting: (mouse.mouse_status & MOUSE_STATUS.reporting) !== 0,
    expectSampleRate: mouse.common.write_cmd === MOUSE.sampleRate,
    expectResolution: mouse.common.write_cmd === MOUSE.resolution,
    mouseId: mouse.mouse_type,
    mouseDetect: mouse.mouse_detect_state,
    mouseResetWorkaround: false,
    sampleRate: mouse.mouse_sample_rate,
    resolution: mouse.mouse_resolution,
    scaling2: (mouse.mouse_status & MOUSE_STATUS.scaling2) !== 0,
    mouseButtons: mouse.mouse_buttons,
    mouseDx: mouse.mouse_dx & 0xffff,
    mouseDy: mouse.mouse_dy & 0xffff,
    wheel: mouse.mouse_dz & 0xff,
    outputFull: (controller.status & STATUS.outputFull) !== 0,
    outputFromMouse: (controller.status & STATUS.outputFromMouse) !== 0,
    keyboardQueueLength: keyboardQueue.length,
    keyboardQueue: keyboardQueue.queue,
    mouseQueueLength: mouseQueue.length,
    mouseQueue: mouseQueue.queue,
  }
}
