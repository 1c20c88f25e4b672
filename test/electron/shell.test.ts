/** The parts of the shell that need no Electron. */
import { readFileSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fileFor } from '../../electron/app-files.ts'
import { graphicsSwitches } from '../../electron/graphics.ts'
import { menuTemplate } from '../../electron/menu.ts'
import { carryOut, type RequestHandlers, ShellFailure } from '../../electron/requests.ts'
import { wayFor } from '../../electron/service-way.ts'
import { COMMAND, PORT, REQUEST, SERVICE } from '../../electron/shell.ts'
import { firstState, fitTo, readState, writeState } from '../../electron/window-state.ts'
import { newFolder } from './app.ts'

describe('requests of the page', () => {
  const asked: unknown[] = []
  const handlers: RequestHandlers<string> = {
    'port.request': (input) => asked.push(input),
    'file.save': () => {
      throw new ShellFailure('shell.save', 'The disk is full.')
    },
    'service.restart': () => {
      throw new TypeError('a fault')
    },
    'microphone.use': ({ wanted }) => wanted,
    'service.status': (_, sender) => sender,
  }
  const ask = (name: unknown, payload: unknown, fromPage = true) =>
    carryOut(handlers, { fromPage, name, payload }, 'page')
  const nonce = 'b'.repeat(32)

  test('are carried out when all is well', async () => {
    expect(await ask('port.request', { nonce, more: 1 })).toEqual({ result: 1 })
    expect(asked).toEqual([{ nonce }])
    expect(await ask('service.status', {})).toEqual({ result: 'page' })
  })

  test.each([
    ['another sender', 'port.request', { nonce }, false, 'shell.sender'],
    ['no such request', 'file.open', {}, true, 'shell.request'],
    ['a name of every object', 'constructor', {}, true, 'shell.request'],
    ['no name', undefined, {}, true, 'shell.request'],
    ['a short nonce', 'port.request', { nonce: 'b' }, true, 'shell.input'],
    ['no payload', 'port.request', undefined, true, 'shell.input'],
    ['a folder in a file name', 'file.save', { name: '../x.csv', data: '' }, true, 'shell.input'],
    ['a failure of the handler', 'file.save', { name: 'x.csv', data: '' }, true, 'shell.save'],
    ['a wish for the microphone that is none', 'microphone.use', { wanted: 'yes' }, true, 'shell.input'],
    ['a fault', 'service.restart', {}, true, 'internal'],
  ])('are refused with a code: %s', async (_, name, payload, fromPage, code) => {
    expect(await ask(name, payload, fromPage)).toMatchObject({ error: { code } })
    expect(asked).toHaveLength(1)
  })
})

test('the preload is short, and names the channels that the shell names', () => {
  const text = readFileSync('electron/preload.cts', 'utf8')
  expect(text.split('\n').length).toBeLessThan(60)
  const named = [...text.matchAll(/'(ferry:[a-z]+)'/g)].map(([, name]) => name)
  expect([...new Set(named)].sort()).toEqual([COMMAND, PORT, REQUEST, SERVICE].sort())
})

test.each([
  ['20.18.1', 'child'],
  ['22.11.0', 'child'],
  ['22.12.0', 'utility'],
  ['24.0.0', 'utility'],
])('with Node %s in Electron, the service is a %s process', (node, way) => {
  expect(wayFor(node)).toBe(way)
})

test.each<[string, NodeJS.Platform, string[], number]>([
  ['no card', 'linux', [], 2],
  ['a card', 'linux', ['/dev/dri'], 0],
  ['the driver of Windows', 'linux', ['/dev/dxg'], 0],
  ['another system', 'darwin', [], 0],
])('with %s, Chromium draws as it can', (_, platform, devices, switches) => {
  expect(graphicsSwitches(platform, (path) => devices.includes(path))).toHaveLength(switches)
})

describe('addresses of the app', () => {
  const folder = join(sep, 'app', 'dist')
  test.each([
    ['ferry://app/', 'index.html', 'text/html; charset=utf-8'],
    ['ferry://app/index.html#measurements', 'index.html', 'text/html; charset=utf-8'],
    ['ferry://app/assets/a%20b.js?x', join('assets', 'a b.js'), 'text/javascript; charset=utf-8'],
  ])('%s is a file', (address, path, type) => {
    expect(fileFor(address, folder)).toEqual({ path: join(folder, path), type })
  })
  test.each([
    'ferry://app/..%2f..%2fetc/passwd.txt',
    'ferry://app/..%5c..%5csecret.txt',
    'ferry://app/%00.js',
    'ferry://app/%ff.js',
    'ferry://app/program.exe',
    'ferry://other/index.html',
    'file:///app/dist/index.html',
    'nonsense',
  ])('%s is none', (address) => {
    expect(fileFor(address, folder)).toBeUndefined()
  })
})

describe('menus', () => {
  const actions = { command: () => {}, restartService: () => {}, openDataFolder: () => {} }
  const template = (mac: boolean, development = false) => menuTemplate(actions, { mac, development })
  const all = (mac: boolean, development = false) => template(mac, development).flatMap(({ submenu }) => submenu)

  test.each([true, false])('no accelerator twice (macOS: %s)', (mac) => {
    const accelerators = all(mac, true).flatMap(({ accelerator }) => (accelerator === undefined ? [] : [accelerator]))
    expect(new Set(accelerators).size).toBe(accelerators.length)
  })

  test('outside macOS, Ctrl or Alt with a letter alone is left to the guest', () => {
    for (const { accelerator } of all(false, true)) expect(accelerator ?? '').not.toMatch(/^(Ctrl|Alt)\+[A-Z]$/)
    // Roles bring keys of their own; these would take Ctrl-R, Ctrl-W, Ctrl-M and Ctrl-Q from a console.
    for (const { role, accelerator } of all(false, true)) {
      if (['reload', 'close', 'minimize', 'quit'].includes(role ?? '')) expect(accelerator).toBeDefined()
    }
    for (const { label } of template(false)) expect(label).not.toContain('&')
  })

  test('developer tools are not in a packed app', () => {
    expect(all(false).some(({ role }) => role === 'toggleDevTools' || role === 'reload')).toBe(false)
  })
})

describe('the place of the window', () => {
  const area = { x: 0, y: 0, width: 1920, height: 1040 }
  const state = { ...firstState(), x: 100, y: 50, width: 1200, height: 800 }

  test('stays where a display shows it', () => {
    expect(fitTo(state, [area])).toEqual(state)
    const right = { x: 1920, y: 0, width: 1280, height: 1024 }
    expect(fitTo({ ...state, x: 2000 }, [area, right])).toEqual({ ...state, x: 2000 })
  })
  test('is left to the system where the display is gone', () => {
    const { x: _x, y: _y, ...rest } = state
    expect(fitTo({ ...state, x: 4000 }, [area])).toEqual(rest)
    expect(fitTo({ ...state, y: 1030 }, [area])).toEqual(rest)
  })
  test('is no larger than the display', () => {
    expect(fitTo({ ...state, width: 5000, height: 3000 }, [area])).toMatchObject({ width: 1920, height: 1040 })
  })
  test('is kept, and what is no state is as good as none', () => {
    const folder = newFolder()
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'config', 'window.json')
    expect(readState(file)).toEqual(firstState())
    writeState(file, { ...state, maximized: true, zoom_level: 1.5 })
    expect(readState(file)).toEqual({ ...state, maximized: true, zoom_level: 1.5 })
    writeState(file, { ...state, width: Number.NaN })
    expect(readState(file)).toEqual(firstState())
  })
})
