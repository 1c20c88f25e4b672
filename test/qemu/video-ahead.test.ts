import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packVideo } from '../../engine/hypervisors/qemu/device-memory.ts'
import { DeviceBlocks } from '../../engine/qemu/device-blocks.ts'
import { VideoAhead } from '../../engine/qemu/video-ahead.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { atRest } from '../hypervisors/qemu/at-rest.ts'

const BLOCKS = [
  { id: BLOCK.vgaPlanes, name: 'vgaPlanes', bytes: 4 * 65536 },
  { id: BLOCK.vgaFramebuffer, name: 'vgaFramebuffer', bytes: 2 ** 20 },
] as const
const { vga } = atRest()
const MODES = [vga, { ...vga, graphicsMode: true }, { ...vga, vbeEnable: 1 }]

const act = fc.oneof(
  fc.record({
    block: fc.constantFrom(...BLOCKS.map(({ id }) => id)),
    page: fc.integer({ min: 0, max: 63 }),
    value: fc.nat(255),
  }),
  fc.record({ mode: fc.integer({ min: 0, max: MODES.length - 1 }) }),
)

test('what has gone ahead of video memory and what goes last are together what it is, each page only where it changed', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
      const devices = new DeviceBlocks(BLOCKS)
      const ahead = new VideoAhead(devices)
      const theirs = new Uint8Array(2 ** 20).fill(0xee)
      for (const each of acts) {
        if ('block' in each) {
          const { block, page, value } = each
          const data = new Uint8Array(PAGE_SIZE).fill(value)
          devices.write({ block, pages: Uint32Array.of(page), zeroPages: new Uint32Array(0), data })
          continue
        }
        const mode = MODES[each.mode] ?? vga
        const before = theirs.slice()
        const { pages, zeroPages, data } = ahead.take(mode)
        pages.forEach((page, i) => theirs.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
        for (const page of zeroPages) theirs.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        const vgaPlanes = devices.bytes(BLOCK.vgaPlanes)
        const vgaFramebuffer = devices.bytes(BLOCK.vgaFramebuffer)
        expect(Buffer.compare(theirs, packVideo(mode, { vgaPlanes, vgaFramebuffer }))).toBe(0)
        const same = (page: number) =>
          before
            .subarray(page * PAGE_SIZE)
            .subarray(0, PAGE_SIZE)
            .every((byte, i) => byte === theirs[page * PAGE_SIZE + i])
        expect([...pages, ...zeroPages].filter(same)).toEqual([])
        expect(ahead.take(mode).pages).toHaveLength(0)
      }
    }),
    { numRuns: 30 },
  )
})
