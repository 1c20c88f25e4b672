import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unpackVideo } from '../../engine/hypervisors/qemu/device-memory.ts'
import { VideoMirror } from '../../engine/qemu/video-mirror.ts'
import { PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { atRest } from '../hypervisors/qemu/at-rest.ts'

const VGA_BYTES = 2 ** 20
const PAGES = VGA_BYTES / PAGE_SIZE
const { vga } = atRest()
const MODES = [vga, { ...vga, graphicsMode: true }, { ...vga, vbeEnable: 1 }]

const act = fc.oneof(
  fc.record({ page: fc.integer({ min: 0, max: PAGES - 1 }), value: fc.option(fc.integer({ min: 0, max: 255 })) }),
  fc.record({ mode: fc.integer({ min: 0, max: MODES.length - 1 }) }),
)

test('what is known of the video memory is always what QEMU has, in whatever mode, with nothing rearranged in vain', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
      const mirror = new VideoMirror(VGA_BYTES)
      const video = new Uint8Array(VGA_BYTES)
      let known = unpackVideo(vga, video, VGA_BYTES)
      for (const each of acts) {
        if ('page' in each) {
          const bytes = each.value === null ? null : new Uint8Array(PAGE_SIZE).fill(each.value)
          mirror.page(each.page, bytes)
          video.set(bytes ?? new Uint8Array(PAGE_SIZE), each.page * PAGE_SIZE)
          continue
        }
        const mode = MODES[each.mode] ?? vga
        known = mirror.unpack(mode) ?? known
        const right = unpackVideo(mode, video, VGA_BYTES)
        expect(Buffer.compare(known.vgaPlanes, right.vgaPlanes)).toBe(0)
        expect(Buffer.compare(known.vgaFramebuffer, right.vgaFramebuffer)).toBe(0)
        expect(mirror.unpack(mode)).toBeNull()
      }
    }),
    { numRuns: 30 },
  )
})
