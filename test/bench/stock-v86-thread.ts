/** Thread of stock-v86.ts: an unpatched v86 that boots the guest directly. */
import { parentPort, workerData } from 'node:worker_threads'
import { V86 } from 'v86'
import { loadGuest } from '../../images/guest.ts'
import { vgaTextMode } from '../../images/vga-text.ts'
import { directBoot } from '../../engine/machine/direct-boot.ts'
import { assertShape } from '../../engine/machine/v86/shape.ts'
import type { Cpu, V86Emulator } from '../../engine/machine/v86/types.ts'
import { readVerified } from '../../engine/machine/v86/package.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'

const RAM_MB = 128
const task = workerData as { kind: 'save-restore' | 'speed'; guest: string; n: number; script: string; warmUps: number }

type Emulator = V86Emulator & {
  run(): Promise<void>
  stop(): Promise<void>
  save_state(): Promise<ArrayBuffer>
  restore_state(state: ArrayBuffer): Promise<void>
  serial0_send(text: string): void
  output: string
}

const module = await WebAssembly.compile(await readVerified('v86.wasm'))

async function create(): Promise<{ emulator: Emulator; cpu: Cpu }> {
  const emulator = new V86({
    wasm_fn: async (imports: WebAssembly.Imports) => (await WebAssembly.instantiate(module, imports)).exports,
    memory_size: RAM_MB * 2 ** 20,
    vga_memory_size: 2 ** 20,
    net_device: { type: 'ne2k' },
    preserve_mac_from_state_image: true,
    disable_speaker: true,
    autostart: false,
  } as never) as unknown as Emulator
  await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', () => resolve()))
  emulator.output = ''
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    emulator.output += String.fromCharCode(byte)
  })
  const cpu: unknown = emulator.v86.cpu
  assertShape(cpu)
  return { emulator, cpu }
}

async function until(emulator: Emulator, pattern: RegExp, from = 0): Promise<void> {
  while (!pattern.test(emulator.output.slice(from))) await sleep(1)
}

const image = await loadGuest(task.guest)
const { emulator, cpu } = await create()
const plan = image.plan({ memoryMb: RAM_MB })
const view = (offset: number, length: number) => new DataView(cpu.wasm_memory.buffer, offset, length)
directBoot({ cpu, view }, { ...plan, ports: plan.needsVgaText ? vgaTextMode() : [] })
await emulator.run()
await until(emulator, image.ready ?? /./)

const times: number[] = []
if (task.kind === 'speed') {
  for (let i = -task.warmUps; i < task.n; i++) {
    const from = emulator.output.length
    const begun = nowMs()
    emulator.serial0_send(`${task.script}; echo DO""NE\n`)
    await until(emulator, /DONE\r/, from)
    if (i >= 0) times.push(nowMs() - begun)
  }
} else {
  for (let i = -1; i < task.n; i++) {
    const target = await create()
    await sleep(50)
    const begun = nowMs()
    await emulator.stop()
    await target.emulator.restore_state(await emulator.save_state())
    await target.emulator.run()
    if (i >= 0) times.push(nowMs() - begun)
    await target.emulator.stop()
    await emulator.run()
  }
}
parentPort?.postMessage(times)
