/** What the tests of the machine share: machines that are closed afterwards, LabOS, and a console to talk to it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach } from 'vitest'
import { pageDigests } from '../../engine/machine/digest.ts'
import { directBoot } from '../../engine/machine/direct-boot.ts'
import { Doorbell } from '../../engine/machine/doorbell.ts'
import { Emulator } from '../../engine/machine/emulator.ts'
import type { DirectBoot, Machine, MachineConfig, PageSet } from '../../engine/machine/machine.ts'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import { patchedModule } from '../../engine/machine/v86/package.ts'
import { CPU_OFFSET } from '../../engine/machine/v86/layout.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'
import type { RecordType } from '../../engine/util/record.ts'
import { BLOCK, type BlockId, type BlockInfo, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { type MachineState, SECTION_NAMES, SECTIONS } from '../../engine/vmstate/state.ts'
import type { BootPlan } from '../../images/direct-boot.ts'
import { multibootPlan } from '../../images/multiboot.ts'
import { vgaTextMode } from '../../images/vga-text.ts'

export const MIB = 1024 * 1024
const LABOS = readFileSync(new URL('../../images/labos/labos.elf', import.meta.url))
/** Longer than anything a guest is asked for, even on a loaded machine. */
const ANSWER_DEADLINE_MS = 60_000

export function config(changes: Partial<MachineConfig> = {}): MachineConfig {
  return { ramBytes: 16 * MIB, vgaBytes: MIB, mac: '02:00:00:00:00:01', disk: null, apic: false, ...changes }
}

const open = new Set<Machine>()
afterEach(async () => {
  const machines = [...open]
  open.clear()
  await Promise.all(machines.map((machine) => machine.close()))
})

/** A machine on its own thread that is closed after the test. */
export async function machine(changes: Partial<MachineConfig> = {}): Promise<Machine> {
  const made = await createMachine(config(changes))
  open.add(made)
  return made
}

/** The emulator itself, on the test's own thread, never running: to look into it. */
export async function emulator(changes: Partial<MachineConfig> = {}): Promise<Emulator> {
  return Emulator.create({
    config: config({ ramBytes: 8 * MIB, vgaBytes: MIB / 4, ...changes }),
    module: await patchedModule(),
    doorbell: new Doorbell(),
    clockBase: nowMs(),
  })
}

export const bootOf = (plan: BootPlan): DirectBoot => ({ ...plan, ports: plan.needsVgaText ? vgaTextMode() : [] })

export function labosPlan(commandLine: string, memoryBytes: number): DirectBoot {
  return bootOf(multibootPlan({ kernel: LABOS, commandLine, memoryBytes }))
}

/** The serial console of a guest, wherever the guest is. */
export class Console {
  /** Everything that the guest has written, without carriage returns. */
  text = ''
  #machine: Machine

  readonly #deadlineMs: number

  constructor(first: Machine, deadlineMs = ANSWER_DEADLINE_MS) {
    this.#deadlineMs = deadlineMs
    this.#machine = first
    this.listenTo(first)
  }

  listenTo(machine: Machine): void {
    machine.on('serial', (bytes) => {
      this.text += Buffer.from(bytes).toString('latin1').replaceAll('\r', '')
    })
  }

  /** The guest has moved: input goes there from now on. */
  follow(machine: Machine): void {
    this.#machine = machine
  }

  /** Waits until `pattern` stands in what was written after position `from`. */
  async waitFor(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const deadline = nowMs() + this.#deadlineMs
    for (;;) {
      const found = pattern.exec(this.text.slice(from))
      if (found !== null) return found
      if (nowMs() > deadline) throw new Error(`No ${String(pattern)} in: …${this.text.slice(-600)}`)
      await sleep(2)
    }
  }

  /** Types a line and waits for an answer that comes after it. */
  async ask(command: string, answer: RegExp): Promise<string> {
    const from = this.text.length
    for (let rest = Buffer.from(`${command}\n`); rest.length > 0;) {
      const taken = await this.#machine.serialWrite(rest)
      rest = rest.subarray(taken)
      if (rest.length > 0) await sleep(2)
    }
    return (await this.waitFor(answer, from))[0]
  }

  /** Numbers of the heartbeats, in the order of their arrival. */
  heartbeats(): number[] {
    return [...this.text.matchAll(/^HB (\d+) /gm)].map(([, number]) => Number(number))
  }
}

/** LabOS, running, at its prompt. */
export async function labos(
  commandLine: string,
  changes: Partial<MachineConfig> = {},
): Promise<{ machine: Machine; console: Console }> {
  const made = await machine(changes)
  const console = new Console(made)
  await made.boot(labosPlan(commandLine, made.config.ramBytes))
  await made.resume()
  await console.waitFor(/labos> /)
  return { machine: made, console }
}

export const allPages = ({ id, bytes }: BlockInfo): PageSet => ({
  block: id,
  pages: Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, page) => page),
})

/** Pages of RAM of a paused machine that it takes for zero and that are not, by a look at every byte. */
export async function wronglyZero(machine: Machine): Promise<number[]> {
  const ofZeros = pageDigests(new Uint8Array(PAGE_SIZE))[0]
  const digests = await machine.digests(BLOCK.ram)
  const told = await machine.zeroPages({ block: BLOCK.ram, first: 0, count: digests.length })
  return [...digests.keys()].filter((page) => told[page] === 1 && digests[page] !== ofZeros)
}

/** One short value for the contents of a block of a paused machine: quick to compare. */
export async function contents(machine: Machine, block: BlockId): Promise<string> {
  return createHash('sha256')
    .update(await machine.digests(block))
    .digest('hex')
}

/** The pages that differ between two paused machines, by block name. */
export async function differences(a: Machine, b: Machine): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {}
  for (const { id, name } of a.blocks) {
    const [left, right] = await Promise.all([a.digests(id), b.digests(id)])
    const pages = [...left.keys()].filter((page) => left[page] !== right[page])
    if (pages.length > 0 || left.length !== right.length) found[name] = pages
  }
  return found
}

/** A state as it arrives after its way through the encodings of the common format. */
export function overTheWire(state: MachineState): MachineState {
  const arrived = { ...state }
  for (const name of SECTION_NAMES) {
    const value = state[name]
    if (value === undefined) continue
    // Section and value have the same name; TypeScript loses that over the union.
    const type = SECTIONS[name].type as unknown as RecordType<unknown>
    Object.assign(arrived, { [name]: type.decode(type.encode(value)) })
  }
  return arrived
}

/** Moves a running guest: pre-copy rounds, stop, load, resume. The target may have run another guest before. */
export async function moveLive(
  from: Machine,
  to: Machine,
  options: { readonly rounds: number; readonly compare?: boolean; readonly batchPages?: number },
): Promise<{ readonly different: Record<string, number[]>; readonly lastPages: number }> {
  const batchPages = options.batchPages ?? 512
  const copy = async (sets: readonly PageSet[]) => {
    for (const { block, pages } of sets) {
      for (let at = 0; at < pages.length; at += batchPages) {
        await to.writePages(await from.readPages({ block, pages: pages.slice(at, at + batchPages) }))
      }
    }
  }
  await from.dirtyLogStart()
  await copy(from.blocks.map(allPages))
  for (let round = 1; round < options.rounds; round++) await copy(await from.dirtyLogFetch(true))
  const report = await from.stop({ inlinePages: 4096 })
  await copy(report.remaining)
  const lastPages = report.batches.reduce((sum, batch) => sum + batch.pages.length + batch.zeroPages.length, 0)
  await to.load(report.batches, overTheWire(report.state), 'continue')
  const different = options.compare === true ? await differences(from, to) : {}
  await to.resume()
  await from.dirtyLogStop()
  return { different, lastPages }
}

/** A small seeded generator of numbers 0 ≤ n < limit (mulberry32). */
export function random(seed: number): (limit: number) => number {
  let state = seed | 0
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % limit
  }
}

const CODE = 0x2000
/** A start in flat protected mode with the given code at 8 kB, registers 0 unless given. */
export function codePlan(
  code: readonly number[],
  registers: Partial<DirectBoot['registers']> = {},
  segments: DirectBoot['segments'] = [],
): DirectBoot {
  const zero = { eax: 0, ebx: 0, ecx: 0, edx: 0, esi: 0, edi: 0, ebp: 0, esp: 0x1000 }
  return {
    segments: [...segments, { address: CODE, bytes: Uint8Array.from(code) }],
    gdt: { address: 0x500, limit: 31 },
    registers: { ...zero, ...registers, eip: CODE },
    ports: [],
  }
}

const HLT = 0xf4
/** Lets an emulator that is not running execute some instructions (and then HLT) on the test's thread. */
export function execute(emulator: Emulator, code: readonly number[]): void {
  emulator.view(CPU_OFFSET.inHlt, 1).setUint8(0, 0)
  directBoot(emulator, codePlan([...code, HLT]))
  emulator.cpu.main_loop()
  if (emulator.view(CPU_OFFSET.inHlt, 1).getUint8(0) === 0) throw new Error('The code did not come to its end.')
}

/** MOV AL, value; MOV DX, port; OUT DX, AL — for each pair. */
export const outs = (...pairs: readonly (readonly [port: number, value: number])[]): number[] =>
  pairs.flatMap(([port, value]) => [0xb0, value, 0x66, 0xba, port & 0xff, port >> 8, 0xee])
