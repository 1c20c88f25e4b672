/** Numbers of QEMU's migration stream (migration/savevm.c, migration/ram.c, migration/migration.h of QEMU 7.2), and its blocks. */
import { MACHINE_TYPE, videoBytes, type QemuMachine } from '../machine-arguments.ts'

export const MAGIC = 0x5145564d
export const VERSION = 3

/** `QEMU_VM_*`. */
export const TYPE = {
  eof: 0x00,
  start: 0x01,
  part: 0x02,
  end: 0x03,
  full: 0x04,
  description: 0x06,
  configuration: 0x07,
  command: 0x08,
  footer: 0x7e,
} as const

/** `RAM_SAVE_FLAG_*`: they share a number with the offset of a page. */
export const RAM_FLAG = { zero: 0x02, sizes: 0x04, page: 0x08, end: 0x10, again: 0x20 } as const
export const RAM_FLAGS = 0xfff
export const RAM_SECTION = { name: 'ram', instance: 0, version: 4, id: 1 } as const
/** Ids of the other sections count from here; QEMU takes any. */
export const FIRST_DEVICE_ID = 2

/** `MIG_CMD_*`. */
export const COMMAND = {
  openReturnPath: 1,
  ping: 2,
  postcopyAdvise: 3,
  postcopyListen: 4,
  postcopyRun: 5,
  postcopyRamDiscard: 6,
  packaged: 7,
} as const

/** Blocks of memory that a guest's way has to do with. */
export type StreamBlock = 'ram' | 'video'
export const BLOCK_NAMES: Readonly<Record<StreamBlock, string>> = { ram: 'pc.ram', video: '0000:00:12.0/vga.vram' }

/** What of a machine is in its blocks. */
export type StreamMachine = Pick<QemuMachine, 'ramBytes' | 'vgaBytes'>
export const blockBytes = ({ ramBytes, vgaBytes }: StreamMachine): Readonly<Record<StreamBlock, number>> => {
  return { ram: ramBytes, video: videoBytes(vgaBytes) }
}
export const CONFIGURATION: string = MACHINE_TYPE
