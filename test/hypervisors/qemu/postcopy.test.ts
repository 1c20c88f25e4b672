/** LabOS runs before its memory has come, in a real QEMU and from one: post-copy. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packVideo, withDeviceMemory } from '../../../engine/hypervisors/qemu/device-memory.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import {
  postcopyDiscard,
  postcopyEnd,
  postcopyHead,
  postcopyPackage,
} from '../../../engine/hypervisors/qemu/stream/commands.ts'
import type { StreamBlock } from '../../../engine/hypervisors/qemu/stream/format.ts'
import {
  ReturnPath,
  returnPong,
  returnRequest,
  returnShut,
} from '../../../engine/hypervisors/qemu/stream/return-path.ts'
import { ramEnd, ramPart } from '../../../engine/hypervisors/qemu/stream/writer.ts'
import { BLOCK, PAGE_SIZE } from '../../../engine/vmstate/blocks.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { Arrival, batchOf, blockOf, streamOf } from './crossing.ts'
import { CONFIG, expectContiguous, healthyHere, healthyInQemu, realQemu, startLabOs } from './real-qemu.ts'

/** Root may trap accesses to memory of its processes; others may where the system says so. */
const SETTING = '/proc/sys/vm/unprivileged_userfaultfd'
const mayTrap = process.getuid?.() === 0 || (existsSync(SETTING) && readFileSync(SETTING, 'utf8').trim() === '1')
const missing = lacks(NEEDS.qemu) ?? (mayTrap ? undefined : 'userfaultfd is for root only')
const CAPABILITIES = { capabilities: [{ capability: 'postcopy-ram', state: true }] }

describe.skipIf(missing !== undefined)(`post-copy with a real QEMU${because(missing)}`, () => {
  it('runs before its memory has come, and gets what it asks for', async () => {
    const { guest, console } = await startLabOs('hb=20 own=2M load=500,1M,random', null)
    const { state } = await guest.stop({ inlinePages: 0 })
    const there = await realQemu({ incoming: true })
    await there.command('migrate-set-capabilities', CAPABILITIES)
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

  it('comes back while its memory is still in QEMU: the devices first, then every page', async () => {
    const { guest, console } = await startLabOs('hb=20 own=2M load=max,1M,random', null)
    const { state } = await guest.stop({ inlinePages: 0 })
    const there = await realQemu({ incoming: true })
    await there.command('migrate-set-capabilities', CAPABILITIES)
    const file = join(there.folder, 'stream')
    writeFileSync(file, await streamOf(guest, state))
    await there.load(file)
    const path = join(there.folder, 'back')
    const heard: string[] = []
    let line: Socket | undefined
    const arrival = new Arrival(guest.config, (command) => {
      if (heard.at(-1) !== command.name) heard.push(command.name)
      if (command.name === 'ping') line?.write(returnPong(command.number))
      // The vCPU would run from here on; where it needs a page it asks for it.
      if (command.name === 'run') line?.write(returnRequest('ram', 0x100, 1))
    })
    const server = createServer((socket) => {
      line = socket
      socket.on('error', () => socket.destroy())
      socket.on('data', (bytes: Buffer) => {
        arrival.reader.push(bytes)
        if (arrival.reader.ended) socket.write(returnShut(0))
      })
    }).listen(path)
    try {
      // So slow that pre-copy cannot end: the guest writes more than is sent.
      await there.command('migrate-set-parameters', { 'max-bandwidth': 2 ** 20 })
      await there.command('migrate', { uri: `unix:${path}` })
      await there.until('the first pages', () => heard.includes('advise'))
      await there.command('migrate-start-postcopy')
      await there.until('its end', async () => (await there.command('query-migrate'))['status'] === 'completed')
    } finally {
      line?.destroy()
      server.close()
    }
    expect(heard.filter((name) => name !== 'ping')).toEqual(
      expect.arrayContaining(['open-return-path', 'advise', 'package', 'listen', 'run']),
    )
    expect(heard.indexOf('listen')).toBeLessThan(heard.indexOf('run'))
    console.text += there.serial
    const { state: back, batches } = arrival.guest()
    await guest.load(batches, back, 'freeze')
    await guest.resume()
    await healthyHere(console)
    expectContiguous(console.text)
  })
})
