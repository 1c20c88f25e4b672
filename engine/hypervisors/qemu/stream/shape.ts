/** How large the machine is whose stream this is: told at its beginning, and needed before the rest can be read. */
import { FerryError } from '../../../util/errors.ts'
import { BLOCK_NAMES, MAGIC, RAM_FLAG, RAM_FLAGS, RAM_SECTION, type StreamMachine, TYPE, VERSION } from './format.ts'
import { Cursor, MoreNeeded } from './structs.ts'

/** Bytes of a stream within which its shape is told, whatever the names of its blocks. */
export const SHAPE_BYTES = 16 * 1024
const MIB = 2 ** 20
const RAM_MIB = { min: 8, max: 1024 }
const VIDEO_MOST = 16 * MIB
const MOST_BLOCKS = 32

/**
 * @param head the first `SHAPE_BYTES`, or all of a shorter stream
 * @throws FerryError `qemu.magic`, `qemu.stream`, `qemu.block-size`
 */
export function streamShape(head: Uint8Array): StreamMachine {
  try {
    return shapeIn(new Cursor(head, 0))
  } catch (thrown) {
    if (!(thrown instanceof MoreNeeded)) throw thrown
    throw new FerryError('qemu.stream', 'It ends before it has told how large the machine is.')
  }
}

function shapeIn(input: Cursor): StreamMachine {
  if (input.u32() !== MAGIC || input.u32() !== VERSION) {
    throw new FerryError('qemu.magic', 'It is no migration stream of a QEMU that is known here.')
  }
  // The reader looks at what stands in between; here it is only passed by.
  if (input.u8() !== TYPE.configuration) throw strange('no machine type')
  input.take(input.u32())
  for (let type = input.u8(); type === TYPE.command; type = input.u8()) {
    input.u16()
    input.take(input.u16())
    if (input.at > SHAPE_BYTES) throw strange('commands without end')
  }
  input.u32()
  if (input.name() !== RAM_SECTION.name) throw strange('no memory at its beginning')
  input.take(8)
  const total = input.u64()
  if (Number(total & BigInt(RAM_FLAGS)) !== RAM_FLAG.sizes) throw strange('no list of memory blocks')
  return blocksIn(input, total - BigInt(RAM_FLAG.sizes))
}

function blocksIn(input: Cursor, total: bigint): StreamMachine {
  const found = new Map<string, bigint>()
  for (let left = total; left > 0n;) {
    const name = input.name()
    const bytes = input.u64()
    if (bytes === 0n || bytes > left || found.size >= MOST_BLOCKS)
      throw strange('a list of memory blocks that is wrong')
    found.set(name, bytes)
    left -= bytes
  }
  const ramBytes = Number(found.get(BLOCK_NAMES.ram) ?? 0n)
  const vgaBytes = Number(found.get(BLOCK_NAMES.video) ?? 0n)
  const ram = ramBytes / MIB
  if (!Number.isInteger(ram) || ram < RAM_MIB.min || ram > RAM_MIB.max) {
    const message = `Its RAM has ${ramBytes} bytes; a guest of the lab has ${RAM_MIB.min} to ${RAM_MIB.max} MiB, whole ones.`
    throw new FerryError('qemu.block-size', message, { bytes: ramBytes })
  }
  if (vgaBytes < MIB || vgaBytes > VIDEO_MOST || !Number.isInteger(Math.log2(vgaBytes))) {
    const message = `Its video memory has ${vgaBytes} bytes; ours has 1, 2, 4, 8 or 16 MiB. Start QEMU with the arguments that Ferry names.`
    throw new FerryError('qemu.block-size', message, { bytes: vgaBytes })
  }
  return { ramBytes, vgaBytes }
}

const strange = (what: string): FerryError => new FerryError('qemu.stream', `It has ${what}.`)
