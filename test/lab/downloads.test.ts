import { existsSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Downloads } from '../../engine/lab/downloads.ts'

/** Makes a file of so many bytes. @returns where it is */
const made =
  (bytes: number) =>
  (path: string): Promise<string> => {
    writeFileSync(path, new Uint8Array(bytes).fill(7))
    return Promise.resolve(path)
  }

describe('files that are fetched', () => {
  it('come piece by piece, whole, and are gone with their last one', async () => {
    const downloads = new Downloads()
    const size = (1 << 20) + 10
    const path = await downloads.offer('a', made(size))
    const first = downloads.piece('a', 0)
    expect(first).toMatchObject({ size_B: size, data: { length: 1 << 20 } })
    expect(downloads.piece('a', 1 << 20).data).toEqual(new Uint8Array(10).fill(7))
    expect(() => downloads.piece('a', 0)).toThrow(expect.objectContaining({ code: 'download.unknown' }))
    expect(existsSync(path)).toBe(false)
    downloads.close()
  })
  it('are two at most: the one made first makes room', async () => {
    const downloads = new Downloads()
    for (const name of ['a', 'b', 'c']) await downloads.offer(name, made(10))
    expect(() => downloads.piece('a', 0)).toThrow(expect.objectContaining({ code: 'download.unknown' }))
    expect(downloads.piece('c', 0).size_B).toBe(10)
    downloads.close()
  })
  it('are not kept where they are too large for a window, or were not made', async () => {
    const downloads = new Downloads(9)
    let path = ''
    const large = downloads.offer('a', (held) => made(10)((path = held)))
    await expect(large).rejects.toMatchObject({ code: 'download.size' })
    expect(existsSync(path)).toBe(false)
    await expect(downloads.offer('b', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(() => downloads.piece('b', 0)).toThrow(expect.objectContaining({ code: 'download.unknown' }))
    downloads.close()
  })
  it('are gone when the lab ends', async () => {
    const downloads = new Downloads()
    const path = await downloads.offer('a', made(10))
    downloads.close()
    expect(existsSync(path)).toBe(false)
  })
})
