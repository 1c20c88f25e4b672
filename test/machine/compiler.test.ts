import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Compiler } from '../../engine/machine/compiler.ts'
import { directBoot } from '../../engine/machine/direct-boot.ts'
import type { Emulator } from '../../engine/machine/emulator.ts'
import { captureState, restoreState } from '../../engine/machine/state/index.ts'
import { CPU_OFFSET, JIT } from '../../engine/machine/v86/layout.ts'
import { codePlan, emulator } from './helpers.ts'

const ROUNDS = 1_000_000
const MOV_ECX_ROUNDS = [0xb9, ...Buffer.from(Uint32Array.of(ROUNDS).buffer)]
const DEC_ECX_AND_REPEAT = [0x49, 0x75, 0xf8]
/** Calls a function in the next page many times, changes a byte of it, and calls it as often again. */
const CODE = [
  ...MOV_ECX_ROUNDS,
  ...[0xe8, 0xf6, 0x0f, 0, 0], // CALL 0x3000
  ...DEC_ECX_AND_REPEAT,
  ...[0xc6, 0x05, 0x02, 0x30, 0, 0, 2], // MOV BYTE [0x3002], 2
  ...MOV_ECX_ROUNDS,
  ...[0xe8, 0xe2, 0x0f, 0, 0], // CALL 0x3000
  ...DEC_ECX_AND_REPEAT,
  0xf4, // HLT
]
/** ADD EAX, 1; RET */
const CALLED = { address: 0x3000, bytes: Uint8Array.of(0x83, 0xc0, 0x01, 0xc3) }

/** Runs it to its end, slice by slice. */
async function run(machine: Emulator): Promise<{ eax: number; compiled: number }> {
  let compiled = 0
  const { codegen_finalize_finished: finished } = machine.cpu
  machine.cpu.codegen_finalize_finished = (...what) => {
    compiled++
    finished(...what)
  }
  directBoot(machine, codePlan(CODE, {}, [CALLED]))
  const halted = () => machine.view(CPU_OFFSET.inHlt, 1).getUint8(0) !== 0
  for (let slices = 0; !halted(); slices++) {
    machine.cpu.main_loop()
    await setImmediate()
    if (slices === 10_000) throw new Error('The code did not come to its end.')
  }
  machine.cpu.codegen_finalize_finished = finished
  return { eax: machine.view(CPU_OFFSET.reg32, 4).getUint32(0, true), compiled }
}

test('code of a guest that has just come is compiled between its slices, and anew when the guest changes it', async () => {
  const machine = await emulator()
  restoreState(machine, captureState(machine, false), 'freeze')
  const { eax, compiled } = await run(machine)
  expect(eax).toBe(ROUNDS + 2 * ROUNDS)
  expect(compiled).toBeGreaterThan(1)
})

test('nothing is left of what was compiled when the machine gets another state', async () => {
  const machine = await emulator()
  const state = captureState(machine, false)
  for (let i = 0; i < 3; i++) {
    restoreState(machine, state, 'freeze')
    const { eax, compiled } = await run(machine)
    expect(eax).toBe(ROUNDS + 2 * ROUNDS)
    expect(compiled).toBeGreaterThan(1)
  }
})

test('a guest is new in its machine for 300 ms in which it runs, and for as long after another state', async () => {
  const { cpu } = await emulator()
  const hotness = { value: 0 }
  let now = 5000
  const compiler = new Compiler(cpu, hotness, () => now)
  const slice = (ms: number) => {
    compiler.sliceBegins()
    now += ms
    compiler.sliceEnds()
  }
  expect(hotness.value).toBe(JIT.hotness)
  for (let times = 0; times < 2; times++) {
    compiler.startOver()
    // Nothing runs before the first slice, or while the guest sleeps.
    compiler.sliceEnds()
    slice(200)
    now += 10_000
    expect(hotness.value).toBeLessThan(JIT.hotness)
    slice(101)
    expect(hotness.value).toBe(JIT.hotness)
  }
})
