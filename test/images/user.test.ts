import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  addUserImage,
  listUserImages,
  readUserImage,
  readUserImageFiles,
  removeUserImage,
  type AddUserImage,
} from '../../images/user.ts'
import { sampleBzImage, sampleMultiboot } from './samples.ts'

let root = ''
let files = ''
let kernel = ''

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ferry-user-'))
  files = await mkdtemp(join(tmpdir(), 'ferry-files-'))
  kernel = join(files, 'bz')
  await writeFile(kernel, sampleBzImage())
})
afterEach(async () => {
  await rm(root, { recursive: true })
  await rm(files, { recursive: true })
})

const add = (input: Partial<AddUserImage>): ReturnType<typeof addUserImage> =>
  addUserImage({ name: 'mine', kind: 'linux', kernel, ...input }, root)

describe("a user's own image", () => {
  it('is listed, read back and removed', async () => {
    const initrd = join(files, 'rd')
    await writeFile(initrd, 'initrd')
    await add({ initrd, cmdline: 'console=ttyS0', minRam: 96, ready: '$ ' })
    const [listed] = await listUserImages(root)
    expect(listed).toMatchObject({ name: 'mine', kind: 'linux', minRam: 96, cmdline: 'console=ttyS0', ready: '$ ' })
    const bytes = await readUserImageFiles(await readUserImage('mine', root))
    expect(bytes.kernel.equals(sampleBzImage())).toBe(true)
    expect(bytes.initrd?.toString()).toBe('initrd')
    await removeUserImage('mine', root)
    expect(await listUserImages(root)).toEqual([])
  })

  it('may be a Multiboot kernel', async () => {
    await writeFile(kernel, sampleMultiboot())
    await expect(add({ kind: 'multiboot' })).resolves.toMatchObject({ kind: 'multiboot', minRam: 8 })
  })

  it.each<[string, Partial<AddUserImage>]>([
    ['a file that is no kernel', { kernel: new URL(import.meta.url).pathname }],
    ['a kernel of the other kind', { kind: 'multiboot' }],
    ['a file that is not there', { kernel: '/nowhere/kernel' }],
    ['a name that leaves the folder', { name: '../x' }],
    ['an empty name', { name: '' }],
    ['less RAM than any guest needs', { minRam: 1 }],
    ['a command line of two lines', { cmdline: 'a\nb' }],
  ])('is refused with a sentence for %s', async (_what, input) => {
    await expect(add(input)).rejects.toMatchObject({ name: 'ImageError', code: 'invalid' })
    expect(await listUserImages(root)).toEqual([])
  })

  it('does not replace another one, nor a built-in one', async () => {
    await add({})
    await expect(add({})).rejects.toMatchObject({ code: 'exists' })
    await expect(add({ name: 'linux' })).rejects.toMatchObject({ code: 'exists' })
    expect(await listUserImages(root)).toHaveLength(1)
  })

  it('is not used after its files have changed', async () => {
    const image = await add({})
    await writeFile(join(image.directory, 'kernel'), 'other')
    await expect(readUserImageFiles(image)).rejects.toMatchObject({ code: 'digest' })
  })

  it('that does not exist cannot be read or removed', async () => {
    await expect(readUserImage('none', root)).rejects.toMatchObject({ code: 'unknown' })
    await expect(removeUserImage('none', root)).rejects.toMatchObject({ code: 'unknown' })
  })

  it('with a malformed description is passed over in the list', async () => {
    const image = await add({})
    await writeFile(join(image.directory, 'image.json'), '{"kind":"floppy"}')
    expect(await listUserImages(root)).toEqual([])
    await expect(readUserImage('mine', root)).rejects.toMatchObject({ code: 'invalid' })
  })
})
