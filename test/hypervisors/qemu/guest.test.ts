/** LabOS goes into a real QEMU, runs there, and comes back: by stream files, and by post-copy. */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { packVideo, withDeviceMemory } from '../../../engine/hypervisors/qemu/device-memory.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { refusals } from '../../../engine/hypervisors/qemu/refusals.ts'
import {
  postcopyDiscard,
  postcopyEnd,
  postcopyHead,
  postcopyPackage,
} from '../../../engine/hypervisors/qemu/stream/commands.ts'
import type { StreamBlock } from '../../../engine/hypervisors/qemu/stream/format.ts'
import { ReturnPath } from '../../../engine/hypervisors/qemu/stream/return-path.ts'
import { ramEnd, ramPart } from '../../../engine/hypervisors/qemu/stream/writer.ts'
import type { Machine } from '../../../engine/machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../../../engine/vmstate/blocks.ts'
import { echoReply, echoRequest } from '../../machine/frames.ts'
import { type Console, labos, machine, MIB } from '../../machine/helpers.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { batchOf, blockOf, guestOf, streamOf } from './crossing.ts'
import { TestQemu, type TestQemuOptions } from './qemu-process.ts'

const missing = lacks(NEEDS.qemu)
const MAC = [2, 0, 0, 0, 0, 7]
const CONFIG = { ramBytes: 8 * MIB, vgaBytes: MIB, mac: '02:00:00:00:00:07' }
/** The window of the VGA: behind it is no RAM that a guest can reach. */
const VGA_WINDOW = { first: 0xa0, last: 0xbf }

const open = new Set<TestQemu>()
afterEach(async () => {
  const all = [...open]
  open.clear()
  await Promise.all(all.map((each) => each.close()))
})
async function realQemu(options: Omit<TestQemuOptions, keyof typeof CONFIG>): Promise<TestQemu> {
  const made = new TestQemu({ ...CONFIG, ...options })
  open.add(made)
  return made.start()
}

const heartbeats = (text: string): number[] => [...text.matchAll(/^HB (\d+) /gm)].map(([, n]) => Number(n))
function expectContiguous(text: string): void {
  const beats = heartbeats(text)
  expect(beats).toEqual(beats.map((_, i) => (beats[0] ?? 0) + i))
}

/** What LabOS says of its memory, its registers and its disk, in QEMU. */
async function healthyInQemu(there: TestQemu): Promise<void> {
  const ask = async (command: string, answer: RegExp): Promise<string> => {
    const from = there.serial.length
    there.type(`${command}\n`)
    return there.waitFor(answer, from)
  }
  expect(await ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
}
async function healthyHere(console: Console): Promise<void> {
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await console.ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
}

/** Numbers of the pages of RAM that differ. */
async function differentRam(there: TestQemu, ram: Uint8Array): Promise<number[]> {
  const file = join(there.folder, 'ram')
  await there.command('pmemsave', { val: 0, size: ram.length, filename: file })
  const theirs = readFileSync(file)
  const pages = Array.from({ length: ram.length / PAGE_SIZE }, (_, page) => page)
  return pages.filter((page) => {
    const place = [page * PAGE_SIZE, (page + 1) * PAGE_SIZE] as const
    return Buffer.compare(theirs.subarray(...place), ram.subarray(...place)) !== 0
  })
}

async function start(
  commandLine: string,
  disk: SharedArrayBuffer | null,
): Promise<{ guest: Machine; console: Console }> {
  const { machine: guest, console } = await labos(commandLine, { ...CONFIG, disk })
  await console.waitFor(/HB 5 /)
  return { guest, console }
}

describe.skipIf(missing !== undefined)(`a guest in a real QEMU${because(missing)}`, () => {
  it('arrives with every page of its memory, runs on, and comes back: no heartbeat is lost, all state is right', async () => {
    const { guest, console } = await start(
      'ip=10.0.0.2 hb=20 own=2M load=1000,1M,random',
      new SharedArrayBuffer(8 * MIB),
    )
    const { state } = await guest.stop({ inlinePages: 0 })
    expect(refusals(state)).toEqual([])
    const there = await realQemu({ incoming: true, paused: true, diskBytes: 8 * MIB })
    const file = join(there.folder, 'stream')
    writeFileSync(file, await streamOf(guest, state))
    await there.load(file)
    const outside = (await differentRam(there, await blockOf(guest, BLOCK.ram))).filter(
      (page) => page < VGA_WINDOW.first || page > VGA_WINDOW.last,
    )
    expect(outside).toEqual([])

    await there.command('cont')
    await healthyInQemu(there)
    there.type('disk test 8\n')
    expect(await there.waitFor(/DISK (ok|failed) .*\n/)).toMatch(/^DISK ok/)
    await there.until('an echo', () => {
      there.send(echoRequest(MAC, 3))
      return there.frames.some((frame) => echoReply(frame) === 3)
    })
    await there.save(file)
    console.text += there.serial
    const { state: back, batches, runState } = guestOf(readFileSync(file), guest.config, 30_011)
    expect(runState).toBe('paused')

    // Another machine than the one that it left: nothing of it can be left over.
    const home = await machine({ ...CONFIG, disk: guest.config.disk })
    console.listenTo(home)
    console.follow(home)
    await home.load(batches, back, 'freeze')
    await home.resume()
    await healthyHere(console)
    expect(await console.ask('net', /NET mac=.*\n/)).toMatch(/mac=02:00:00:00:00:07.* lost=0/)
    expect(await console.ask('disk test 4', /DISK (ok|failed) .*\n/)).toMatch(/^DISK ok/)
    expectContiguous(console.text)
    const screen = await home.screen()
    expect(screen.kind === 'text' ? screen.lines.join('\n') : '').toContain('LabOS')
  })

  it('takes its picture with it in graphics', async () => {
    const { guest } = await start('hb=20 own=1M gfx=on', null)
    const { state } = await guest.stop({ inlinePages: 0 })
    const planes = await blockOf(guest, BLOCK.vgaPlanes)
    const there = await realQemu({ incoming: true, paused: true })
    const file = join(there.folder, 'stream')
    writeFileSync(file, await streamOf(guest, state))
    await there.load(file)
    const picture = join(there.folder, 'picture')
    await there.command('screendump', { filename: picture })
    // 320 × 200 pixels, each shown as 2 × 2; PPM: three lines of text, then red, green, blue.
    const image = readFileSync(picture)
    expect(image.subarray(0, 15).toString('latin1')).toBe('P6\n640 400\n255\n')
    for (const [x, y] of [
      [0, 0],
      [17, 3],
      [160, 100],
      [319, 199],
    ] as const) {
      const pixel = y * 320 + x
      const index = planes[((pixel & 3) << 16) | (pixel & ~3)] ?? 0
      const at = 15 + (y * 2 * 640 + x * 2) * 3
      expect([...image.subarray(at, at + 3)], `${x}, ${y}`).toEqual([
        ...state.vga.palette.subarray(index * 3, index * 3 + 3),
      ])
    }
    await there.save(file)
    const { batches } = guestOf(readFileSync(file), guest.config)
    expect(batches.find(({ block }) => block === BLOCK.vgaPlanes)?.data).toEqual(planes)
  })

  it('runs before its memory has come, and gets what it asks for', async () => {
    const { guest, console } = await start('hb=20 own=2M load=500,1M,random', null)
    const { state } = await guest.stop({ inlinePages: 0 })
    const there = await realQemu({ incoming: true })
    const capabilities = [{ capability: 'postcopy-ram', state: true }]
    await there.command('migrate-set-capabilities', { capabilities })
    const path = join(there.folder, 'migration')
    await there.command('migrate-incoming', { uri: `unix:${path}` })
    const socket = connect(path)
    const video = packVideo(state.vga, {
      vgaPlanes: await blockOf(guest, BLOCK.vgaPlanes),
      vgaFramebuffer: await blockOf(guest, BLOCK.vgaFramebuffer),
    })
    const memory: Record<StreamBlock, Uint8Array> = { ram: await blockOf(guest, BLOCK.ram), video }
    const sent = { ram: new Set<number>(), video: new Set<number>() }
    let asked = 0
    const push = (block: StreamBlock, first: number, count: number): void => {
      for (let page = first; page < first + count; page++) {
        if (sent[block].has(page)) continue
        sent[block].add(page)
        const { pages, zeroPages, data } = batchOf(
          block,
          memory[block].subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE),
        )
        const numbered = { pages: pages.map(() => page), zeroPages: zeroPages.map(() => page) }
        socket.write(ramPart([{ block, data, ...numbered }]))
      }
    }
    const heard: string[] = []
    const back = new ReturnPath(CONFIG, {
      requestPages(block, first, count) {
        asked += 1
        if (block !== null) push(block, first, count)
      },
      pong: (number) => heard.push(`pong ${number}`),
      shut: (status) => heard.push(`shut ${status}`),
    })
    socket.on('data', (bytes: Buffer) => back.push(bytes))
    const records = withDeviceMemory(qemu.pack(state), { nicMemory: await blockOf(guest, BLOCK.nicMemory) })
    socket.write(postcopyHead(CONFIG))
    socket.write(postcopyDiscard('ram', [{ first: 0, count: CONFIG.ramBytes / PAGE_SIZE }]))
    socket.write(postcopyDiscard('video', [{ first: 0, count: video.length / PAGE_SIZE }]))
    socket.write(postcopyPackage(records))
    // No page is sent unasked until it beats there.
    await there.waitFor(/HB \d+ /)
    expect(asked).toBeGreaterThan(0)
    const left = CONFIG.ramBytes / PAGE_SIZE - sent.ram.size
    expect(left).toBeGreaterThan(0)
    push('ram', 0, CONFIG.ramBytes / PAGE_SIZE)
    push('video', 0, video.length / PAGE_SIZE)
    socket.write(ramEnd())
    socket.write(postcopyEnd())
    await there.until('its end', () => heard.includes('shut 0'))
    expect(heard).toEqual(['pong 1', 'pong 3', 'shut 0'])
    socket.destroy()
    await healthyInQemu(there)
    expectContiguous(console.text + there.serial)
  })
})
