/** An unpatched v86 with the guest's devices, for the threads of the benches. */
import { setFlagsFromString } from 'node:v8'
import { V86 } from 'v86'
import type { LoadedGuest } from '../../images/guest.ts'
import { vgaTextMode } from '../../images/vga-text.ts'
import { directBoot } from '../../engine/machine/direct-boot.ts'
import { GUEST_CODE_FLAGS, readVerified } from '../../engine/machine/v86/package.ts'
import { assertShape } from '../../engine/machine/v86/shape.ts'
import type { Cpu, V86Emulator } from '../../engine/machine/v86/types.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'

export type Emulator = V86Emulator & {
  run(): Promise<void>
  stop(): Promise<void>
  save_state(): Promise<ArrayBuffer>
  restore_state(state: ArrayBuffer): Promise<void>
  serial0_send(text: string): void
  output: string
}

export interface Stock {
  readonly emulator: Emulator
  readonly cpu: Cpu
}

const binary = await readVerified('v86.wasm')
// The emulator itself as V8 does it by itself, which Ferry has changed for guests' code (v86/package.ts).
for (const flag of ['--wasm-lazy-compilation', '--wasm-tiering-budget=13000000']) setFlagsFromString(flag)
const module = new WebAssembly.Module(Uint8Array.from(binary))
for (const flag of GUEST_CODE_FLAGS) setFlagsFromString(flag)

/** @param onSerial is told of each character that the guest writes */
export async function createStock(ramMb: number, onSerial: (character: string) => void = () => {}): Promise<Stock> {
  const emulator = new V86({
    wasm_fn: async (imports: WebAssembly.Imports) => (await WebAssembly.instantiate(module, imports)).exports,
    memory_size: ramMb * 2 ** 20,
    vga_memory_size: 2 ** 20,
    net_device: { type: 'ne2k' },
    preserve_mac_from_state_image: true,
    disable_speaker: true,
    autostart: false,
  } as never) as unknown as Emulator
  await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', () => resolve()))
  emulator.output = ''
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    const character = String.fromCharCode(byte)
    emulator.output += character
    onSerial(character)
  })
  const cpu: unknown = emulator.v86.cpu
  assertShape(cpu)
  return { emulator, cpu }
}

/** Boots the guest to its prompt. */
export async function bootStock({ emulator, cpu }: Stock, image: LoadedGuest, ramMb: number): Promise<void> {
  const plan = image.plan({ memoryMb: ramMb })
  const view = (offset: number, length: number) => new DataView(cpu.wasm_memory.buffer, offset, length)
  directBoot({ cpu, view }, { ...plan, ports: plan.needsVgaText ? vgaTextMode() : [] })
  await emulator.run()
  await until(emulator, image.ready ?? /./)
}

/** Waits until the output after the first `from` characters matches; false where it does not in time. */
export async function until(emulator: Emulator, pattern: RegExp, from = 0, timeoutMs = Infinity): Promise<boolean> {
  const deadline = nowMs() + timeoutMs
  while (!pattern.test(emulator.output.slice(from))) {
    if (nowMs() > deadline) return false
    await sleep(1)
  }
  return true
}

/** Types a line and waits for its answer; false where none came in time. */
export function say(emulator: Emulator, line: string, pattern: RegExp, timeoutMs = Infinity): Promise<boolean> {
  const from = emulator.output.length
  emulator.serial0_send(`${line}\n`)
  return until(emulator, pattern, from, timeoutMs)
}
