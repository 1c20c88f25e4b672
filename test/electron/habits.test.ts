/** What a desktop program owes its user, in the real app with its real page. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROJECT } from '../../build/compile.ts'
import { builtPage } from '../../engine/serve/built-page.ts'
import { LabPage, WAIT } from '../e2e/lab-page.ts'
import { App, here, type Setting } from './app.ts'
import { remotePeers } from './connections.ts'

const place = await here()
const SHOTS = 'output/screenshots'

describe.skipIf(place.reason !== undefined)(`desktop habits${place.because}`, () => {
  let setting: Setting
  let renderer: string
  let app: App
  let lab: LabPage
  const requested: string[] = []

  const start = async (folder?: string): Promise<void> => {
    app = await App.start(setting, { renderer, ...(folder === undefined ? {} : { folder }) })
    app.page.on('request', (request) => requested.push(request.url()))
    lab = new LabPage(app.page)
    await app.page.getByText('Connected').waitFor(WAIT)
  }
  /** A key as the system's keyboard sends it: page and menus both may take it. */
  const press = async (keyCode: string, modifiers: ('alt' | 'shift' | 'control')[] = []): Promise<void> => {
    await app.electron.evaluate(
      ({ BrowserWindow }, key) => {
        const [{ webContents }] = BrowserWindow.getAllWindows()
        webContents.focus()
        webContents.sendInputEvent({ type: 'keyDown', ...key })
        webContents.sendInputEvent({ type: 'keyUp', ...key })
      },
      { keyCode, modifiers },
    )
    // What a menu asks of the page comes by way of the main process.
    await app.page.waitForTimeout(300)
  }
  const inPage = <T>(script: string): Promise<T> => app.page.evaluate<T>(script)

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    setting = await place.setting()
    renderer = await builtPage(PROJECT, { build: true, note: () => {} })
    await start()
    await lab.newGuest('xen', 'labos')
  })
  afterAll(async () => {
    await app?.close()
    setting?.display.close()
  })

  test('the menus are native, with the roles and keys that their system knows', async () => {
    const items = await app.electron.evaluate(({ Menu }) =>
      (Menu.getApplicationMenu()?.items ?? []).flatMap(({ submenu }) =>
        (submenu?.items ?? []).map(({ role, accelerator }) => ({ role: role ?? '', accelerator: accelerator ?? '' })),
      ),
    )
    const roles = items.map(({ role }) => role.toLowerCase())
    for (const role of ['undo', 'redo', 'cut', 'copy', 'paste', 'selectall', 'resetzoom', 'zoomin', 'zoomout']) {
      expect(roles).toContain(role)
    }
    for (const role of ['togglefullscreen', 'minimize', 'close', 'quit', 'about']) expect(roles).toContain(role)
    for (const key of ['F1', 'F6', 'Shift+F6', 'Alt+1', 'Alt+2']) {
      expect(items.map(({ accelerator }) => accelerator)).toContain(key)
    }
  })

  test('F6 leaves the console for the next pane, once, and comes round to it', async () => {
    await lab.keyboard.focus()
    const first = await lab.focusedPane()
    const way: string[] = []
    for (let i = 0; i < 4; i++) {
      await press('F6')
      way.push(await lab.focusedPane())
    }
    // A key that page and menu both took would leave panes out.
    expect(new Set(way).size).toBe(4)
    expect(way.at(-1)).toBe(first)
    await press('F6', ['shift'])
    expect(await lab.focusedPane()).toBe(way.at(-2))
  })

  test('the console has the keys of a shell, and never those that lead out of it', async () => {
    await lab.keyboard.focus()
    // Ctrl-C, Ctrl-R, Ctrl-W and Tab are the guest's: the window stays, and so does the focus.
    for (const key of ['C', 'R', 'W']) await press(key, ['control'])
    await press('Tab')
    expect(await lab.focusedPane()).toMatch(/^Console/)
    expect(await app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1)
    await press('2', ['alt'])
    await expect.poll(() => inPage('location.hash')).toBe('#measurements')
    await press('1', ['alt'])
    await lab.keyboard.waitFor({ state: 'attached' })
    await lab.keyboard.focus()
    await press('3', ['alt'])
    await app.page.getByRole('tab', { name: 'Protocol', selected: true }).waitFor(WAIT)
  })

  test('help is there without a network', async () => {
    await app.electron.evaluate(({ Menu }) => {
      Menu.getApplicationMenu()?.getMenuItemById('help.contents')?.click()
    })
    await lab.dialog.getByText('F6, Shift+F6').waitFor(WAIT)
    await app.page.keyboard.press('Escape')
    await lab.closed()
  })

  test('tooltips name the keys of what has one', async () => {
    const titles = await inPage<string[]>(
      `[...document.querySelectorAll('button')].map((button) => button.title || button.ariaLabel || '')`,
    )
    for (const key of ['Alt+1', 'Alt+2', 'Console (C)', 'Pause (P)', 'M, or drag the card', 'Keyboard shortcuts (?)']) {
      expect(titles).toContain(key)
    }
  })

  test.each([
    [1024, 700, 1],
    [1440, 900, 2],
  ])('at %i × %i and a zoom of %i everything can be reached', async (width, height, zoom) => {
    await app.electron.evaluate(
      ({ BrowserWindow }, { width, height, zoom }) => {
        const [window] = BrowserWindow.getAllWindows()
        window.setContentSize(width, height)
        window.webContents.setZoomFactor(zoom)
      },
      { width, height, zoom },
    )
    await expect.poll(() => inPage<number>('devicePixelRatio')).toBe(zoom)
    await expect.poll(() => inPage<number>('innerWidth')).toBeLessThanOrEqual(width / zoom)
    expect(await inPage<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    // Playwright's own pictures know nothing of zoom.
    const picture = await app.electron.evaluate(async ({ BrowserWindow }) =>
      (await BrowserWindow.getAllWindows()[0].webContents.capturePage()).toPNG().toString('base64'),
    )
    writeFileSync(`${SHOTS}/electron-${width}x${height}-zoom-${zoom}.png`, Buffer.from(picture, 'base64'))
    // What is not in sight is scrolled to, and then in reach of a pointer.
    for (const name of [/^Migrate/, 'Pause', 'Console']) {
      await lab.host('xen').getByRole('button', { name }).first().click({ trial: true, timeout: 60_000 })
    }
    await lab.host('kvm').getByRole('button', { name: 'New guest…' }).click({ trial: true, timeout: 60_000 })
    await app.electron.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      window.webContents.setZoomFactor(1)
      window.setContentSize(1440, 900)
    })
    await expect.poll(() => inPage<number>('innerWidth')).toBeGreaterThan(1400)
  })

  test('who wants less motion gets none that lasts', async () => {
    await app.page.emulateMedia({ reducedMotion: 'reduce' })
    const moving = await inPage<string[]>(`[...document.querySelectorAll('*')].filter((element) => {
      const { animationName, animationDuration, transitionDuration } = getComputedStyle(element)
      const longest = (list) => Math.max(...list.split(',').map(parseFloat))
      return (animationName !== 'none' && longest(animationDuration) > 0.01) || longest(transitionDuration) > 0.01
    }).map(({ className }) => String(className))`)
    expect(moving).toEqual([])
    await app.page.emulateMedia({ reducedMotion: null })
  })

  test('nothing of it is on the network: only its own files, and no socket beyond this computer', () => {
    expect(requested.filter((url) => !/^(ferry:\/\/app\/|blob:|data:|devtools:)/.test(url))).toEqual([])
    const { pid } = app.electron.process()
    expect(remotePeers(pid ?? 0)).toEqual([])
  })

  test('panes and theme are as they were after a restart', async () => {
    const splitter = app.page.getByRole('separator', { name: 'Height of the hosts' })
    await splitter.focus()
    for (let i = 0; i < 3; i++) await app.page.keyboard.press('ArrowDown')
    await app.page.getByRole('button', { name: /^Theme: system/ }).click()
    const height = await splitter.getAttribute('aria-valuenow')
    const { folder } = app
    await app.close(true)
    await start(folder)
    expect(await app.page.getByRole('separator', { name: 'Height of the hosts' }).getAttribute('aria-valuenow')).toBe(
      height,
    )
    await app.page.getByRole('button', { name: /^Theme: light/ }).waitFor(WAIT)
  })
})
