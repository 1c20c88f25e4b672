/** Makes a machine's thread die as it would of a fault in the emulator. */
import type { Machine } from '../engine/machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../engine/vmstate/blocks.ts'

/**
 * Gives the guest a CPU state that v86 gives up on: the next instruction faults, and the fault's handler is no code
 * segment. The guest's memory is mapped one to one there. May reject, since the thread dies.
 */
export async function crashMachine(machine: Machine): Promise<void> {
  await machine.pause()
  const state = await machine.capture()
  const broken = { ...state.cpu, idtr: { base: 0x9000, limit: 0x7ff }, eip: 0x8000 }
  const idt = new Uint8Array(PAGE_SIZE).fill(0xff)
  const code = new Uint8Array(PAGE_SIZE).fill(0x0f)
  code.set([0x0f, 0x0b]) // UD2
  await machine.writePages({
    block: BLOCK.ram,
    pages: Uint32Array.of(8, 9),
    zeroPages: new Uint32Array(0),
    data: Uint8Array.from([...code, ...idt]),
  })
  await machine.restore({ ...state, cpu: broken, events: { ...state.events, halted: false } }, 'freeze')
  await machine.resume()
}
