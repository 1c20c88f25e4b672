import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLock, writeAtomically } from '../../images/cache.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ferry-cache-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

describe('the image cache', () => {
  it('lets only one builder in at a time', async () => {
    let inside = 0
    let most = 0
    const work = (): Promise<void> =>
      withLock(join(root, 'lock'), async () => {
        most = Math.max(most, ++inside)
        await sleep(20)
        inside--
      })
    await Promise.all([work(), work(), work()])
    expect(most).toBe(1)
    expect(await readdir(root)).toEqual([])
  })

  it('takes over the lock of a process that is gone', async () => {
    await writeFile(join(root, 'lock'), '999999999')
    await expect(withLock(join(root, 'lock'), () => Promise.resolve(7))).resolves.toBe(7)
  })

  it('releases the lock when the work fails', async () => {
    await expect(withLock(join(root, 'lock'), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(withLock(join(root, 'lock'), () => Promise.resolve(1))).resolves.toBe(1)
  })

  it('replaces a file whole and leaves nothing behind', async () => {
    const path = join(root, 'deep', 'file')
    await writeAtomically(path, 'one')
    await writeAtomically(path, 'two')
    expect(await readFile(path, 'utf8')).toBe('two')
    expect(await readdir(join(root, 'deep'))).toEqual(['file'])
  })
})
