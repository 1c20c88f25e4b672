/** LabOS goes into a real QEMU, runs there, and comes back, by files of its stream. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { refusals } from '../../../engine/hypervisors/qemu/refusals.ts'
import { BLOCK, PAGE_SIZE } from '../../../engine/vmstate/blocks.ts'
import { echoReply, echoRequest } from '../../machine/frames.ts'
import { machine, MIB } from '../../machine/helpers.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { blockOf, guestOf, streamOf } from './crossing.ts'
import type { TestQemu } from './qemu-process.ts'
import { CONFIG, expectContiguous, healthyHere, healthyInQemu, realQemu, startLabOs } from './real-qemu.ts'

const missing = lacks(NEEDS.qemu)
const MAC = [2, 0, 0, 0, 0, 7]
/** The window of the VGA: behind it is no RAM that a guest can reach. */
const VGA_WINDOW = { first: 0xa0, last: 0xbf }

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

describe.skipIf(missing !== undefined)(`a guest in a real QEMU${because(missing)}`, () => {
  it('arrives with every page of its memory, runs on, and comes back: no heartbeat is lost, all state is right', async () => {
    const { guest, console } = await startLabOs(
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
    const { guest } = await startLabOs('hb=20 own=1M gfx=on', null)
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
})
