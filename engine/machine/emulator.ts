/**
 * v86, set up as the one PC that Ferry's hosts run, with a vCPU that stops and goes on between two instructions at
 * once. Runs on the vCPU thread.
 */
import { V86 } from 'v86'
import { FerryError } from '../util/errors.ts'
import { nowMs } from '../util/clock.ts'
import type { Doorbell } from './doorbell.ts'
import type { MachineConfig } from './machine.ts'
import { DeviceMemory } from './device-memory.ts'
import { diskBuffer } from './disk.ts'
import { Compiler } from './compiler.ts'
import { Throttle } from './throttle.ts'
import { GLOBAL, GUARD_SAVE_BYTES } from './v86/globals.ts'
import { CPU_OFFSET } from './v86/layout.ts'
import { assertShape } from './v86/shape.ts'
import type { Cpu, V86Emulator } from './v86/types.ts'

/** Below this many milliseconds to the next timer, waiting costs more than looking again. */
const SPIN_MS = 0.03

/** Bit 6 of the 8042's command byte. */
const KEYBOARD_TRANSLATION = 0x40

/** Milliseconds that make guest clocks of all machines of this process count from the same, small number. */
export type ClockBase = number

export interface EmulatorOptions {
  readonly config: MachineConfig
  readonly module: WebAssembly.Module
  readonly doorbell: Doorbell
  readonly clockBase: ClockBase
}

export class Emulator {
  readonly cpu: Cpu
  /** Accesses of devices to RAM. */
  readonly deviceMemory: DeviceMemory
  /** Of the guest's code. */
  readonly compiler: Compiler
  /** How much of its time the vCPU sleeps. */
  readonly throttle = new Throttle(nowMs)
  readonly #emulator: V86Emulator
  readonly #exports: WebAssembly.Exports
  readonly #microtick: () => number
  #onMissing: (page: number) => void = () => {}
  #onGuardHit: (page: number) => void = () => {}
  #guardSave = 0
  #ram: Uint8Array<SharedArrayBuffer> | undefined
  #wasm: Uint8Array<SharedArrayBuffer> | undefined

  private constructor(emulator: V86Emulator, exports: WebAssembly.Exports, microtick: () => number) {
    const cpu: unknown = emulator.v86.cpu
    assertShape(cpu)
    this.cpu = cpu
    this.deviceMemory = new DeviceMemory(cpu)
    this.#emulator = emulator
    this.#exports = exports
    this.#microtick = microtick
    this.compiler = new Compiler(cpu, this.#global(GLOBAL.hotness), microtick)
  }

  /** Builds the machine, powered on but without anything to run. */
  static async create({ config, module, doorbell, clockBase }: EmulatorOptions): Promise<Emulator> {
    // The PIT, the TSC and the RTC of every machine read one clock, so that times can be carried between threads.
    const microtick = () => nowMs() - clockBase
    let exports: WebAssembly.Exports | undefined
    let table: WebAssembly.Table | undefined
    const emulator = new V86({
      async wasm_fn(imports: WebAssembly.Imports) {
        imports.env.microtick = microtick
        table = imports.env.__indirect_function_table as WebAssembly.Table
        exports = (await WebAssembly.instantiate(module, imports)).exports
        return exports
      },
      memory_size: config.ramBytes,
      vga_memory_size: config.vgaBytes,
      net_device: { type: 'ne2k' },
      preserve_mac_from_state_image: true,
      disable_speaker: true,
      autostart: false,
      acpi: config.apic,
      ...(config.disk === null ? {} : { hda: diskBuffer(config.disk) }),
    } as never) as unknown as V86Emulator
    await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', () => resolve()))
    if (exports === undefined || table === undefined) {
      throw new FerryError('machine.v86-shape', 'v86 started without its WebAssembly module.')
    }
    const core = emulator.v86
    ;(core.constructor as unknown as { microtick: () => number }).microtick = microtick
    const machine = new Emulator(emulator, exports, microtick)
    const { throttle } = machine
    const next = (tick: number): void => {
      if (throttle.leftMs > SPIN_MS && tick === core.tick_counter) {
        throttle.sleep((ms) => doorbell.wait(ms))
        // Messages may have ended the sleep: they come first, then the rest of it.
        setImmediate(() => next(tick))
        return
      }
      throttle.sliceBegins()
      machine.compiler.sliceBegins()
      core.yield_callback(tick)
    }
    core.yield = (delayMs, tick) => {
      throttle.sliceEnds()
      machine.compiler.sliceEnds()
      if (machine.#stoppedByGuard()) return
      if (delayMs > SPIN_MS) doorbell.wait(delayMs)
      setImmediate(() => next(tick))
    }
    machine.#global(GLOBAL.missingHook).value = appendFunction(table, (page) => machine.#onMissing(page))
    machine.#global(GLOBAL.ramBase).value = machine.cpu.mem8.byteOffset
    machine.identify(config.mac)
    machine.#unplug()
    // Firmware has the 8042 translate to scan code set 1 (SeaBIOS, ps2port.c, I8042_CTR_XLATE). v86 sends set 1 in any
    // case, but a guest that finds the bit clear takes its keys for set 2.
    machine.cpu.devices.ps2.command_register |= KEYBOARD_TRANSLATION
    // A processor with a local APIC comes out of reset with it enabled (SDM 3A, 11.4.4); v86 leaves that to the BIOS.
    machine.view(CPU_OFFSET.apicEnabled, 1).setUint8(0, config.apic ? 1 : 0)
    return machine
  }

  /** The clock that the guest's timers run on, in ms. */
  now(): number {
    return this.#microtick()
  }

  get running(): boolean {
    return this.#emulator.v86.running
  }

  on(event: 'serial0-output-byte', listener: (byte: number) => void): void
  on(event: 'net0-send', listener: (frame: Uint8Array) => void): void
  on(event: string, listener: (value: never) => void): void {
    this.#emulator.add_listener(event, listener)
  }

  send(event: 'serial0-input' | 'net0-receive' | 'keyboard-code', value: unknown): void {
    this.#emulator.bus.send(event, value)
  }

  /**
   * Stops the vCPU. Only the event loop calls this, so the emulator stands between two slices, thus between two
   * instructions; v86's own `stop()` would take effect a slice later.
   */
  pause(): void {
    const core = this.#emulator.v86
    core.tick_counter++ // a tick that is already scheduled finds that it is stale
    core.running = false
    core.stopping = false
    core.idle = false
  }

  resume(): void {
    const core = this.#emulator.v86
    core.idle = true
    core.run()
  }

  /** Guest RAM. Valid until the wasm memory grows; do not keep it. */
  get ram(): Uint8Array<SharedArrayBuffer> {
    const buffer = this.cpu.wasm_memory.buffer
    if (this.#ram?.buffer !== buffer) {
      this.#ram = new Uint8Array(buffer, this.cpu.mem8.byteOffset, this.cpu.memory_size[0])
    }
    return this.#ram
  }

  /** The whole wasm memory. Valid until it grows; do not keep it. */
  get wasm(): Uint8Array<SharedArrayBuffer> {
    const buffer = this.cpu.wasm_memory.buffer
    if (this.#wasm?.buffer !== buffer) this.#wasm = new Uint8Array(buffer)
    return this.#wasm
  }

  /** A view for reading and writing structures in wasm memory. */
  view(offset: number, length: number): DataView<SharedArrayBuffer> {
    return new DataView(this.cpu.wasm_memory.buffer, offset, length)
  }

  /** Wasm memory that belongs to Ferry, zeroed. */
  allocate(bytes: number): number {
    const malloc = this.#exports.v86_malloc as ((bytes: number) => number) | undefined
    if (malloc === undefined) throw new FerryError('machine.v86-shape', 'This build of v86 has no v86_malloc.')
    const address = malloc(bytes) >>> 0
    this.wasm.fill(0, address, address + bytes)
    return address
  }

  /** EFLAGS with the lazily computed flags worked out. */
  eflags(): number {
    const getEflags = this.#exports.get_eflags as (() => number) | undefined
    if (getEflags === undefined) throw new FerryError('machine.v86-shape', 'This build of v86 has no get_eflags.')
    return getEflags() >>> 0
  }

  /** Address of the map of written pages in wasm memory, 0 = none. */
  set dirtyLog(address: number) {
    this.#global(GLOBAL.dirtyLog).value = address
  }

  /** Address of the map of accessed pages in wasm memory, 0 = none. */
  set usedPages(address: number) {
    this.#global(GLOBAL.used).value = address
  }

  /**
   * @param address of the map of missing pages in wasm memory, 0 = all are there
   * @param wait called with the number of a page that is missing, in the middle of an instruction; returns when it is there
   */
  trapMissing(address: number, wait: (page: number) => void): void {
    this.#onMissing = wait
    this.#global(GLOBAL.missing).value = address
  }

  /**
   * @param address of the map of guarded pages in wasm memory, 0 = none
   * @param onHit called when the vCPU has stopped in front of an instruction that would have written one, with its number
   */
  guardPages(address: number, onHit: (page: number) => void): void {
    if (this.#guardSave === 0 && address !== 0) this.#guardSave = this.allocate(GUARD_SAVE_BYTES)
    this.#onGuardHit = onHit
    this.#global(GLOBAL.guardSave).value = this.#guardSave
    this.#global(GLOBAL.guardAcknowledged).value = 0
    this.#global(GLOBAL.guardHit).value = 0
    this.#global(GLOBAL.guard).value = address
  }

  /** After a slice: whether it ended in front of a write that must not be. */
  #stoppedByGuard(): boolean {
    const hit = this.#global(GLOBAL.guardHit)
    if (hit.value === 0) return false
    const page = hit.value - 1
    this.pause()
    // The flag was borrowed to end the slice.
    this.view(CPU_OFFSET.inHlt, 1).setUint8(0, this.#global(GLOBAL.guardHalted).value)
    // Nothing is guarded any more: a machine that goes on here may write what it likes.
    this.#global(GLOBAL.guard).value = 0
    hit.value = 0
    this.#onGuardHit(page)
    return true
  }

  #global(name: string): WebAssembly.Global {
    return this.#exports[name] as WebAssembly.Global
  }

  /** The address of the network card, which it has from power-on. */
  identify(mac: string): void {
    const bytes = Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16))
    const { net } = this.cpu.devices
    net.mac = bytes
    // The card's PROM repeats each byte (DP83902A data sheet, 16-bit mode).
    bytes.forEach((byte, i) => net.memory.fill(byte, i * 2, i * 2 + 2))
  }

  /** Takes out what v86 always builds in but no guest of ours needs: sound, floppy, VMware's backdoor, ACPI. */
  #unplug(): void {
    const { devices, io } = this.cpu
    for (const device of [devices.sb16, devices.fdc, devices.vmware, devices.acpi]) {
      if (device === undefined) continue
      io.ports.forEach((entry, port) => {
        if (entry.device === device) io.ports[port] = io.create_empty_entry()
      })
    }
  }
}

/** Adds a function (i32) → () to the table, by way of a module whose export it is; returns its slot. */
function appendFunction(table: WebAssembly.Table, call: (value: number) => void): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(FORWARDER), { f: { f: call } })
  table.set(table.grow(1), exports.f as (value: number) => void)
  return table.length - 1
}

// (module (type (func (param i32))) (import "f" "f" (func (type 0))) (export "f" (func 0)))
const FORWARDER = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x01, 0x7f, 0x00],
  ...[0x02, 0x07, 0x01, 0x01, 0x66, 0x01, 0x66, 0x00, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
)
