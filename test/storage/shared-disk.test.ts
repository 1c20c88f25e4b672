import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diskFromBytes, SharedDisk } from '../../engine/storage/shared-disk.ts'

const MIB = 2 ** 20
const code = (text: string): unknown => expect.objectContaining({ code: text })

describe('shared disk', () => {
  it('is created empty, of the size asked for', () => {
    const disk = new SharedDisk('d', 4 * MIB)
    expect(disk.bytes).toBe(4 * 1024 * 1024)
    expect(disk.toBytes().every((byte) => byte === 0)).toBe(true)
    expect(disk.geometry).toEqual({ sectors: 8192, cylinders: 8, heads: 16, sectorsPerTrack: 63 })
  })

  it('holds an image byte for byte, in memory of its own', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(255), (sectors, fill) => {
        const image = new Uint8Array(sectors * 512).map((_, i) => (i * 7 + fill) & 0xff)
        const disk = diskFromBytes('image.raw', image)
        expect(disk.toBytes()).toEqual(image)
        image.fill(0)
        expect(disk.toBytes()).not.toEqual(image)
      }),
    )
  })

  it('shows every user of the buffer the same bytes', () => {
    const disk = new SharedDisk('d', MIB)
    new Uint8Array(disk.buffer).set([1, 2, 3], 512)
    expect(disk.readSectors(1, 1).subarray(0, 3)).toEqual(Uint8Array.of(1, 2, 3))
    disk.writeSectors(2047, new Uint8Array(512).fill(9))
    expect(new Uint8Array(disk.buffer).at(-1)).toBe(9)
  })

  it('refuses sizes that no disk has, and images that are no whole number of sectors', () => {
    for (const bytes of [0, -512, 511, 513, 1.5, NaN, Infinity, 1024 ** 3 + 512]) {
      expect(() => new SharedDisk('d', bytes)).toThrow(code('storage.disk-size'))
    }
    expect(() => new SharedDisk('d', 0)).toThrow(code('storage.disk-size'))
    expect(() => diskFromBytes('d', new Uint8Array(1000))).toThrow(code('storage.disk-size'))
  })

  it('refuses names that could lead out of a folder or say nothing', () => {
    for (const name of ['', '.', '../etc', 'a/b', 'a b', 'x'.repeat(64)]) {
      expect(() => new SharedDisk(name, MIB)).toThrow(code('storage.disk-name'))
    }
    expect(new SharedDisk('guest-1.img', MIB).name).toBe('guest-1.img')
  })

  it('refuses sectors that it does not have, and parts of a sector', () => {
    const disk = new SharedDisk('d', MIB)
    for (const [first, count] of [
      [2048, 1],
      [0, 2049],
      [-1, 1],
      [0.5, 1],
    ] as const) {
      expect(() => disk.readSectors(first, count)).toThrow(code('storage.out-of-range'))
    }
    expect(() => disk.writeSectors(0, new Uint8Array(100))).toThrow(code('storage.out-of-range'))
  })
})
