import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Uploads } from '../../engine/lab/uploads.ts'

const length = (file: string): number => readFileSync(file).length

describe('files that are handed over', () => {
  const piece = new Uint8Array(10)
  it('are refused where a piece is missing or they grow too large, and forgotten then', async () => {
    const uploads = new Uploads(25)
    uploads.add('a', 0, piece)
    expect(() => uploads.add('a', 11, piece)).toThrow(expect.objectContaining({ code: 'upload.order' }))
    await expect(uploads.take('a', length)).rejects.toMatchObject({ code: 'upload.unknown' })
    for (const offset of [0, 10]) uploads.add('b', offset, piece)
    expect(() => uploads.add('b', 20, piece)).toThrow(expect.objectContaining({ code: 'upload.size' }))
    uploads.close()
  })
  it('are four at most: the one begun first makes room', async () => {
    const uploads = new Uploads()
    for (const name of ['a', 'b', 'c', 'd', 'e']) uploads.add(name, 0, piece)
    await expect(uploads.take('a', length)).rejects.toMatchObject({ code: 'upload.unknown' })
    expect(await uploads.take('e', length)).toBe(10)
    uploads.close()
  })
  it('are there until who takes one has ended, whatever else comes meanwhile', async () => {
    const uploads = new Uploads()
    uploads.add('a', 0, piece)
    const taken = uploads.take('a', async (file) => {
      await Promise.resolve()
      for (const name of ['b', 'c', 'd', 'e', 'f']) uploads.add(name, 0, piece)
      return length(file)
    })
    expect(await taken).toBe(10)
    uploads.close()
  })
  it('leave no file behind, whatever becomes of them', async () => {
    const uploads = new Uploads()
    uploads.add('a', 0, piece)
    let where = ''
    const failed = uploads.take('a', (file) => {
      where = file
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(() => readFileSync(where)).toThrow('ENOENT')
    writeFileSync(where, '')
    uploads.close()
    expect(() => readFileSync(where)).toThrow('ENOENT')
  })
})
