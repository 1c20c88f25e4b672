/** A machine that is a QEMU process keeps the contract of a machine, and never outlives Ferry. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import type { Machine, MachineConfig, PageSet } from '../../engine/machine/machine.ts'
import { createQemuMachine } from '../../engine/qemu/create.ts'
import { requireQemu } from '../../engine/qemu/find.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'
import { loadGuest } from '../../images/guest.ts'
import { lacks, NEEDS } from '../setup/needs.ts'
import { lives, qemuPids } from './processes.ts'

const MIB = 2 ** 20
const CONFIG: MachineConfig = {
  ...{ ramBytes: 16 * MIB, vgaBytes: MIB, mac: '02:fe:00:00:01:01', disk: null, apic: false },
}
const missing = lacks(NEEDS.qemu)
const title = (text: string) => (missing === undefined ? text : `${text} (${missing})`)

async function create(config = CONFIG): Promise<Machine> {
  const machine = await createQemuMachine(config, await requireQemu(), createMachine)
  onTestFinished(() => machine.close())
  return machine
}

/** LabOS at its prompt. */
async function booted(): Promise<{ machine: Machine; output: () => string; saw: (text: RegExp) => Promise<void> }> {
  const machine = await create()
  let output = ''
  machine.on('serial', (bytes) => (output += Buffer.from(bytes).toString('latin1')))
  const { segments, gdt, registers } = (await loadGuest('labos')).plan({ memoryMb: 16 })
  await machine.boot({ segments, gdt, registers, ports: [] })
  await machine.resume()
  const saw = (text: RegExp) => expect.poll(() => output).toMatch(text)
  await saw(/labos> $/)
  return { machine, output: () => output, saw }
}

const numbers = (sets: readonly PageSet[], block: number) => [...(sets.find((set) => set.block === block)?.pages ?? [])]

describe.skipIf(missing !== undefined)(title('a machine in QEMU'), () => {
  test('starts a guest by its boot plan, talks with it, and shows its screen', async () => {
    const { machine, saw } = await booted()
    expect(await machine.serialWrite(Buffer.from('echo hello\n'))).toBe(11)
    await saw(/ECHO hello\r\n/)
    const screen = await machine.screen()
    expect(screen).toMatchObject({ kind: 'graphics', width: 720 })
    expect(await machine.instructions()).toBeGreaterThan(0)
    expect(await machine.cpuTimeMs()).toBeGreaterThan(0)
    await expect.poll(() => machine.halted()).toBe(true)
    await machine.serialWrite(Buffer.from('spin 600000\n'))
    await expect.poll(() => machine.halted()).toBe(false)
  })

  test('tells which pages changed, and gives out with the stop what is not as it was given out', async () => {
    const { machine, saw } = await booted()
    await machine.dirtyLogStart()
    const all = Uint32Array.from({ length: (16 * MIB) / 4096 }, (_, page) => page)
    const copy = new Map<number, string>()
    const take = ({ pages, zeroPages, data }: Awaited<ReturnType<Machine['readPages']>>) => {
      pages.forEach((page, i) =>
        copy.set(page, Buffer.from(data.subarray(4096 * i, 4096 * (i + 1))).toString('base64')),
      )
      for (const page of zeroPages) copy.set(page, Buffer.alloc(4096).toString('base64'))
    }
    take(await machine.readPages({ block: BLOCK.ram, pages: all }))
    await machine.serialWrite(Buffer.from('load 2000 4M random\n'))
    await saw(/LOAD rate=2000/)
    const changed = numbers(await machine.dirtyLogFetch(true), BLOCK.ram)
    expect(changed.length).toBeGreaterThan(0)
    take(await machine.readPages({ block: BLOCK.ram, pages: Uint32Array.from(changed) }))
    const stop = await machine.stop({ inlinePages: 100_000 })
    for (const batch of stop.batches) if (batch.block === BLOCK.ram) take(batch)
    take(await machine.readPages({ block: BLOCK.ram, pages: new Uint32Array(0) }))
    const now = new Map(copy)
    take(await machine.readPages({ block: BLOCK.ram, pages: all }))
    expect([...copy].filter(([page, bytes]) => now.get(page) !== bytes).map(([page]) => page)).toEqual([])
    expect(stop.state.capturedAtNs).toBeGreaterThan(0n)
  })

  test('loses no typed byte by a stop: it is in the state, and on the line if the guest goes on here', async () => {
    const { machine, saw } = await booted()
    await machine.pause()
    expect(await machine.serialWrite(Buffer.from('echo typed while it stood\n'))).toBe(26)
    const { state } = await machine.stop({ inlinePages: 0 })
    const { rx, rxLength } = state.serial
    expect(Buffer.from(rx.subarray(0, rxLength)).toString()).toBe('echo typed while it stood\n')
    expect(await machine.serialWrite(Buffer.from('too late'))).toBe(0)
    await machine.resume()
    await saw(/ECHO typed while it stood\r\n/)
  })

  test('is slowed down until that ends, and then runs; every key and every byte comes through, and a stop stops it', async () => {
    const { machine, saw } = await booted()
    expect(await machine.throttle(0.5)).toBe(0)
    await machine.serialWrite(Buffer.from('echo slowly\n'))
    await saw(/ECHO slowly\r\n/)
    for (const code of Buffer.from([0x1e, 0x9e])) machine.keyWrite(Uint8Array.of(code))
    const { keyboard } = await machine.capture()
    expect(keyboard).toBeDefined()
    expect(await machine.throttle(0)).toBeGreaterThan(0)
    const before = await machine.instructions()
    await expect.poll(() => machine.instructions()).not.toBe(before)
    await machine.throttle(0.9)
    await machine.pause()
    const stopped = await machine.instructions()
    expect(await machine.throttle(0)).toBeGreaterThan(0)
    expect(await machine.instructions()).toBe(stopped)
    await machine.resume()
    await machine.serialWrite(Buffer.from('echo again\n'))
    await saw(/ECHO again\r\n/)
  })

  test('says by name what it cannot be or do', async () => {
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'none',
        (thrown: unknown) => FerryError.from(thrown).code,
      )
    expect(await codeOf(create({ ...CONFIG, apic: true }))).toBe('machine.config')
    const machine = await create()
    expect(await codeOf(machine.resume())).toBe('machine.empty')
    expect(await codeOf(machine.guardStart())).toBe('machine.unsupported')
    expect(await codeOf(machine.throttle(0.5))).toBe('machine.empty')
  })

  test('ends with the process, and refuses whatever is asked then', async () => {
    const { machine } = await booted()
    const ended = new Promise<FerryError | null>((resolve) => machine.on('exit', resolve))
    const pending = machine.capture().catch((thrown: unknown) => FerryError.from(thrown).code)
    for (const pid of qemuPids()) process.kill(pid, 'SIGKILL')
    expect((await ended)?.code).toBe('machine.crashed')
    expect(await pending).not.toBeTypeOf('object')
    await expect(machine.pause()).rejects.toMatchObject({ code: 'machine.crashed' })
    expect(qemuPids()).toEqual([])
  })

  test('does not outlive a Ferry that is killed, and leaves no files', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('start-and-wait.ts', import.meta.url))])
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = v.parse(v.tuple([v.instance(Buffer)]), await once(child.stdout, 'data'))
    const { pid, folder } = v.parse(v.object({ pid: v.number(), folder: v.string() }), JSON.parse(line.toString()))
    expect(lives(pid) && existsSync(folder)).toBe(true)
    child.kill('SIGKILL')
    await expect.poll(() => lives(pid)).toBe(false)
    await expect.poll(() => existsSync(folder)).toBe(false)
  })
})
