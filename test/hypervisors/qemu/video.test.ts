/** Video memory as QEMU has it. */
import { describe, expect, it } from 'vitest'
import { vga } from '../../../engine/hypervisors/devicemodel/vga.ts'
import { packVideo, unpackVideo } from '../../../engine/hypervisors/qemu/device-memory.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { atRest, packed } from './at-rest.ts'

describe('video memory', () => {
  const planes = Uint8Array.from({ length: 0x40000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
  const vgaFramebuffer = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i >> 12)
  const registers = (changes: { graphics?: boolean; memoryMode?: number; oddEven?: boolean; vbe?: boolean }) => {
    const v = atRest().vga
    const sequencer = v.sequencer.slice()
    sequencer[4] = changes.memoryMode ?? 2
    const graphics = v.graphics.slice()
    graphics[5] = changes.oddEven === true ? 0x10 : 0
    return {
      ...v,
      sequencer,
      graphics,
      graphicsMode: changes.graphics === true,
      vbeEnable: changes.vbe === true ? 1 : 0,
    }
  }

  it.each([
    ['text', registers({})],
    ['planar graphics', registers({ graphics: true, memoryMode: 6 })],
    ['chained graphics', registers({ graphics: true, memoryMode: 0xe })],
    ['odd/even graphics', registers({ graphics: true, oddEven: true })],
  ])('of %s is turned over without a loss, both ways', (_, v) => {
    const video = packVideo(v, { vgaPlanes: planes, vgaFramebuffer })
    const back = unpackVideo(v, video, vgaFramebuffer.length)
    expect(Buffer.compare(back.vgaPlanes, planes)).toBe(0)
    expect(Buffer.compare(back.vgaFramebuffer.subarray(0x40000), vgaFramebuffer.subarray(0x40000))).toBe(0)
  })

  it('has characters, attributes and fonts where QEMU looks for them, and pixels', () => {
    const text = packVideo(registers({}), { vgaPlanes: planes, vgaFramebuffer })
    expect([text[0], text[1], text[4], text[5]]).toEqual([planes[0], planes[1], planes[2], planes[3]])
    expect(text[4 * 33 + 2]).toBe(planes[0x20000 + 33])
    const pixels = packVideo(registers({ graphics: true, memoryMode: 0xe }), { vgaPlanes: planes, vgaFramebuffer })
    expect(pixels[1235]).toBe(planes[(3 << 16) | 1232])
    const vbe = packVideo(registers({ graphics: true, vbe: true }), { vgaPlanes: planes, vgaFramebuffer })
    expect(Buffer.compare(vbe, vgaFramebuffer)).toBe(0)
  })

  it('has a palette of 6 bits in QEMU, and the mode of the display from the registers here', () => {
    const state = atRest()
    const v = state.vga
    const crtc = v.crtc.slice()
    crtc.set([0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f])
    crtc.set([0x8f], 0x12)
    crtc.set([0x96], 0x15)
    const attribute = v.attribute.slice()
    attribute[0x10] = 0x0c
    const text = { ...state, vga: { ...v, crtc, attribute, vbeEnable: 0, palette: v.palette.map(() => 0xab) } }
    expect(packed(text, vga).palette[0]).toBe(0x2a)
    expect(qemu.unpack(qemu.pack(text)).vga).toMatchObject({
      graphicsMode: false,
      columns: 80,
      rows: 25,
      dacMask: 0xff,
    })
    expect(qemu.unpack(qemu.pack(text)).vga.palette[0]).toBe(0xa8)
  })
})
