/** The window: opens with the app's page, is where it was, writes files where the user says, and there is only one. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { App, environment, here, launchArguments, newFolder, type Setting } from './app.ts'

const place = await here()

describe.skipIf(place.reason !== undefined)(`the window${place.because}`, () => {
  let setting: Setting
  beforeAll(async () => (setting = await place.setting()))
  afterAll(() => setting?.display.close())

  test('opens, with its title, and is connected to the lab', async () => {
    const app = await App.start(setting)
    await app.connected()
    expect(await app.page.title()).toBe('Ferry')
    expect(await app.page.textContent('#hosts')).toMatch(/Xen-like.*KVM-like/)
    const visible = await app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].isVisible())
    expect(visible).toBe(true)
    mkdirSync('output/electron', { recursive: true })
    await app.page.screenshot({ path: 'output/electron/window.png' })
    await app.close()
  })

  test('is shown though no picture of it comes while it is hidden', async () => {
    const app = await App.start(setting, {
      env: { FERRY_TEST_FIRST: new URL('./no-picture.js', import.meta.url).href },
    })
    await app.connected()
    const visible = () => app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].isVisible())
    await expect.poll(visible).toBe(true)
    await app.close()
  })

  test('comes back where it was, and as large and as near', async () => {
    const bounds = { x: 120, y: 80, width: 1100, height: 720 }
    const first = await App.start(setting)
    await first.connected()
    await first.electron.evaluate(({ BrowserWindow }, place) => {
      const [window] = BrowserWindow.getAllWindows()
      window.setBounds(place)
      window.webContents.setZoomLevel(1)
    }, bounds)
    await first.close(true)
    const second = await App.start(setting, { folder: first.folder })
    await second.connected()
    const found = await second.electron.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      return { bounds: window.getBounds(), zoom: window.webContents.getZoomLevel() }
    })
    expect(found).toEqual({ bounds, zoom: 1 })
    await second.close()
  })

  test('is the only one: a second start brings it to the front and ends', async () => {
    const app = await App.start(setting)
    await app.electron.evaluate(({ app, BrowserWindow }) => {
      app.on('second-instance', () => Object.assign(globalThis, { secondStart: true }))
      BrowserWindow.getAllWindows()[0].minimize()
    })
    const second = spawn(setting.runtime.program, launchArguments(app.folder), {
      env: environment(setting.display, app.folder),
    })
    let said = ''
    second.stderr.on('data', (text: Buffer) => (said += text.toString('utf8')))
    expect(await new Promise((resolve) => second.on('close', resolve))).toBe(0)
    expect(said).toMatch(/Ferry is running already/)
    const state = await app.electron.evaluate(({ BrowserWindow }) => ({
      told: (globalThis as { secondStart?: boolean }).secondStart,
      windows: BrowserWindow.getAllWindows().length,
    }))
    expect(state).toEqual({ told: true, windows: 1 })
    await app.close()
  })

  test('menu items are told to the page', async () => {
    const app = await App.start(setting)
    await app.connected()
    await app.electron.evaluate(({ Menu }) => {
      for (const id of ['guest.new', 'view.measurements', 'pane.next']) {
        Menu.getApplicationMenu()?.getMenuItemById(id)?.click()
      }
    })
    await app.until('window.commands.length === 3')
    expect(await app.page.evaluate('window.commands')).toEqual(['guest.new', 'view.measurements', 'pane.next'])
    await app.close()
  })

  test('a file is written where the user says, or not at all', async () => {
    const app = await App.start(setting)
    const folder = newFolder()
    const saveAs = async (path: string | null, script: string): Promise<unknown> => {
      await app.electron.evaluate(({ dialog }, filePath) => {
        dialog.showSaveDialog = () => Promise.resolve({ canceled: filePath === null, filePath: filePath ?? '' })
      }, path)
      return app.page.evaluate(script)
    }
    const csv = `window.ferry.saveFile({ name: 'runs.csv', data: 'downtime_ms\\r\\n6.5\\r\\n' })`
    expect(await saveAs(join(folder, 'mine.csv'), csv)).toEqual({ result: 'mine.csv' })
    expect(readFileSync(join(folder, 'mine.csv'), 'utf8')).toBe('downtime_ms\r\n6.5\r\n')
    const bytes = `window.ferry.saveFile({ name: 'chart.png', data: new Uint8Array([137, 80, 78, 71]) })`
    expect(await saveAs(join(folder, 'chart.png'), bytes)).toEqual({ result: 'chart.png' })
    expect([...readFileSync(join(folder, 'chart.png'))]).toEqual([137, 80, 78, 71])
    expect(await saveAs(null, csv)).toEqual({ result: null })
    const nowhere = join(folder, 'none', 'runs.csv')
    expect(await saveAs(nowhere, csv)).toMatchObject({ error: { code: 'shell.save' } })
    expect(existsSync(nowhere)).toBe(false)
    rmSync(folder, { recursive: true })
    await app.close()
  })

  test('a link downloads what the page made, and nothing else', async () => {
    const app = await App.start(setting)
    const folder = newFolder()
    await app.electron.evaluate(({ session }, folder) => {
      session.defaultSession.on('will-download', (event, item) => {
        if (!event.defaultPrevented) item.setSavePath(`${folder}/${item.getFilename()}`)
      })
    }, folder)
    const click = (address: string, name: string) =>
      app.page.evaluate(`{
        const link = document.createElement('a')
        link.href = ${address}
        link.download = ${JSON.stringify(name)}
        link.click()
      }`)
    await click(`'/index.html'`, 'page.html')
    await click(`'data:text/plain,x'`, 'data.txt')
    await click(`URL.createObjectURL(new Blob(['a,b']))`, 'table.csv')
    await expect.poll(() => existsSync(join(folder, 'table.csv'))).toBe(true)
    await expect.poll(() => readFileSync(join(folder, 'table.csv'), 'utf8')).toBe('a,b')
    expect(readdirSync(folder)).toEqual(['table.csv'])
    rmSync(folder, { recursive: true })
    await app.close()
  })
})
