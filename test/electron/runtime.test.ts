/** Where an Electron comes from, and what is said where none can be used. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toJavaScript } from '../../build/compile.ts'
import { hasDisplay } from '../../build/runtime/display.ts'
import { findRuntime, isOffline, NoRuntime } from '../../build/runtime/find.ts'
import { check } from '../../build/runtime/registry.ts'
import { newFolder } from './app.ts'

const folder = newFolder()
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('finding an Electron', () => {
  test('a copy that the user names is used, without looking further', async () => {
    const program = join(folder, 'my-electron')
    writeFileSync(program, '')
    const found = await findRuntime({ environment: { FERRY_ELECTRON: program }, installed: () => undefined })
    expect(found).toEqual({ program, origin: 'named by the user' })
  })
  test('the official one comes first', async () => {
    const found = await findRuntime({ environment: { FERRY_ELECTRON: 'x' }, installed: () => '/official' })
    expect(found).toEqual({ program: '/official', origin: 'official' })
  })
  test('offline with none at hand, it says what was tried', async () => {
    const options = { offline: true, cache: folder, installed: () => undefined }
    const wrong = { ...options, environment: { FERRY_ELECTRON: join(folder, 'gone') } }
    await expect(findRuntime(wrong)).rejects.toThrow(/FERRY_ELECTRON names .*gone, which is not there/)
    await expect(findRuntime({ ...options, environment: {} })).rejects.toThrow(NoRuntime)
  })
  test('what is not the expected package is not used', async () => {
    mkdirSync(join(folder, 'registry'), { recursive: true })
    const tarball = join(folder, 'registry', 'other.tgz')
    writeFileSync(tarball, 'something else')
    await expect(check(tarball)).rejects.toThrow(/not what is expected: sha512-.*It was not used/)
  })
})

test('offline is what Ferry or npm says', () => {
  expect([{}, { FERRY_OFFLINE: '1' }, { FERRY_OFFLINE: '0' }, { npm_config_offline: 'true' }].map(isOffline)).toEqual([
    false,
    true,
    false,
    true,
  ])
})

test('a display is needed on Linux only', () => {
  expect(hasDisplay('darwin', {})).toBe(true)
  expect(hasDisplay('linux', { DISPLAY: ':0' })).toBe(true)
  expect(hasDisplay('linux', { WAYLAND_DISPLAY: 'wayland-0' })).toBe(true)
  expect(hasDisplay('linux', { DISPLAY: '' })).toBe(false)
})

test('compiled code keeps its lines and imports the compiled files', () => {
  const source = `import { a } from '../b/c.ts'
import type { T } from './t.ts'
const url: URL = new URL('./thread.ts', import.meta.url)
const other = 'thread.ts'
`
  const lines = toJavaScript(source).split('\n')
  expect(lines[0]).toBe(`import { a } from '../b/c.js'`)
  expect(lines[2]).toMatch(/^const url {5,}= new URL\('\.\/thread\.js', import\.meta\.url\)/)
  expect(lines[3]).toBe(`const other = 'thread.ts'`)
})
