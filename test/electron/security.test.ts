/** What the page may not do: each point of the security checklist, in the real app. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMPILED } from '../../build/compile.ts'
import { CONTENT_SECURITY_POLICY } from '../../electron/app-files.ts'
import { App, here, type Setting } from './app.ts'

const place = await here()

describe.skipIf(place.reason !== undefined)(`the page cannot leave its box${place.because}`, () => {
  let setting: Setting
  let app: App
  beforeAll(async () => {
    setting = await place.setting()
    app = await App.start(setting)
    await app.connected()
  })
  afterAll(async () => {
    await app?.close()
    setting?.display.close()
  })
  const inPage = <T>(script: string): Promise<T> => app.page.evaluate<T>(script)

  test('its preferences: isolated, in the sandbox, without Node', async () => {
    const preferences = await app.electron.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      // Not among the declared methods, and the only one that tells what is in force.
      return (window.webContents as unknown as { getLastWebPreferences(): object }).getLastWebPreferences()
    })
    expect(preferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
    })
    // Listed only where it is on.
    expect(preferences).not.toHaveProperty('nodeIntegrationInWorker', true)
  })

  test('it sees no Node and no Electron, only the bridge', async () => {
    const globals = ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer']
    expect(await inPage(`${JSON.stringify(globals)}.map((name) => typeof window[name])`)).toEqual(
      globals.map(() => 'undefined'),
    )
    expect(await inPage<string[]>('Object.keys(window.ferry).sort()')).toEqual([
      'onCommand',
      'onService',
      'platform',
      'requestPort',
      'restartService',
      'saveFile',
      'useMicrophone',
    ])
  })

  test('it comes from ferry://, not from a file, under a strict policy', async () => {
    expect(app.page.url()).toBe('ferry://app/index.html')
    const policy = await inPage(`fetch(location.href).then(({ headers }) => headers.get('content-security-policy'))`)
    expect(policy).toBe(CONTENT_SECURITY_POLICY)
    expect(CONTENT_SECURITY_POLICY).toMatch(/default-src 'none'; script-src 'self';/)
  })

  test('inline scripts and eval do not run', async () => {
    // In a task of their own: what a debugger evaluates is exempt.
    const ran = await inPage<{ inline: boolean; evaluated: string }>(`new Promise((resolve) => setTimeout(() => {
      const script = document.createElement('script')
      script.textContent = 'window.inlineRan = true'
      document.body.append(script)
      const button = document.createElement('button')
      button.setAttribute('onclick', 'window.inlineRan = true')
      button.click()
      let evaluated = 'ran'
      try { new Function('return 1')() } catch (error) { evaluated = error.name }
      setTimeout(() => resolve({ inline: window.inlineRan === true, evaluated }), 50)
    }, 0))`)
    expect(ran).toEqual({ inline: false, evaluated: 'EvalError' })
  })

  test.each(['https://example.org/', 'file:///etc/passwd', 'ferry://elsewhere/index.html', 'data:text/html,x'])(
    'it cannot navigate to %s',
    async (address) => {
      await inPage(`{ const link = document.createElement('a'); link.href = ${JSON.stringify(address)}; link.click() }`)
      await inPage(`try { location.href = ${JSON.stringify(address)} } catch {}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(app.page.url()).toBe('ferry://app/index.html')
      expect(await inPage('document.title')).toBe('Ferry')
    },
  )

  test('it opens no windows', async () => {
    expect(await inPage(`window.open('ferry://app/index.html') === null`)).toBe(true)
    await inPage(
      `{ const link = document.createElement('a'); link.href = '/index.html'; link.target = '_blank'; link.click() }`,
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1)
  })

  test('it may write to the clipboard, as "Copy provenance" does', async () => {
    const query = `navigator.permissions.query({ name: 'clipboard-write' }).then(({ state }) => state)`
    expect(await inPage(query)).toBe('granted')
  })

  test('it gets no other permissions', async () => {
    const states = await inPage(`Promise.all([
      Notification.requestPermission(),
      ...['geolocation', 'notifications', 'midi', 'clipboard-read', 'camera', 'microphone'].map((name) =>
        navigator.permissions.query({ name }).then(({ state }) => state)),
      navigator.mediaDevices.getDisplayMedia({ video: true }).then(() => 'granted', () => 'denied'),
      navigator.usb.getDevices().then((devices) => devices.length),
    ])`)
    expect(states).toEqual([...Array<string>(8).fill('denied'), 0])
  })

  test('it may hear the user only while they record their voice, and never see them', async () => {
    const may = (name: string) =>
      inPage<string>(`navigator.permissions.query({ name: '${name}' }).then(({ state }) => state)`)
    const taken = (what: string) =>
      inPage<string>(`navigator.mediaDevices.getUserMedia(${what}).then(() => 'taken', ({ name }) => name)`)
    expect([await may('microphone'), await taken('{ audio: true }')]).toEqual([
      'denied',
      expect.stringMatching(/Error$/),
    ])
    await inPage('window.ferry.useMicrophone(true)')
    expect([await may('microphone'), await may('camera')]).toEqual(['granted', 'denied'])
    expect(await taken('{ audio: true, video: true }')).not.toBe('taken')
    await inPage('window.ferry.useMicrophone(false)')
    expect(await may('microphone')).toBe('denied')
    await inPage('window.ferry.useMicrophone(true)')
    await app.page.reload()
    await app.connected()
    expect(await may('microphone')).toBe('denied')
  })

  test('it reaches nothing on the network, and no file outside its own', async () => {
    const tries = ['https://example.org/', 'http://127.0.0.1:1/', 'file:///etc/passwd']
    const outside = [
      '/../package.json',
      '/..%2f..%2fpackage.json',
      '/%2e%2e/package.json',
      '/page.js%00.html',
      '/none.js',
    ]
    expect(
      await inPage(
        `Promise.all(${JSON.stringify(tries)}.map((url) => fetch(url).then(() => 'answered', () => 'refused')))`,
      ),
    ).toEqual(tries.map(() => 'refused'))
    expect(
      await inPage(`Promise.all(${JSON.stringify(outside)}.map((url) => fetch(url).then(({ status }) => status)))`),
    ).toEqual(outside.map(() => 404))
  })

  test('requests with a wrong payload are refused', async () => {
    const refused = await inPage<{ error: { code: string } }[]>(`Promise.all([
      window.ferry.requestPort('short'),
      window.ferry.saveFile({ name: '../../.bashrc', data: 'x' }),
      window.ferry.saveFile({ name: 'a/b.csv', data: 'x' }),
      window.ferry.saveFile({ name: 'runs.csv', data: 7 }),
      window.ferry.saveFile(),
    ])`)
    expect(refused.map(({ error }) => error.code)).toEqual(refused.map(() => 'shell.input'))
  })

  test('requests from another window are refused, even from our own page in it', async () => {
    const codes = await app.electron.evaluate(
      async ({ BrowserWindow }, path) => {
        const other = new BrowserWindow({ show: false, webPreferences: { preload: path, sandbox: true } })
        await other.loadURL('ferry://app/index.html')
        const answers = (await other.webContents.executeJavaScript(
          `Promise.all([window.ferry.requestPort(crypto.randomUUID()), window.ferry.restartService()])`,
        )) as { error?: { code: string } }[]
        other.destroy()
        return answers.map(({ error }) => error?.code)
      },
      join(COMPILED, 'electron', 'preload.cjs'),
    )
    expect(codes).toEqual(['shell.sender', 'shell.sender'])
  })

  test('there is one port for each load, for a nonce that was never used', async () => {
    const again = await inPage<{ error: { code: string } }>('window.ferry.requestPort(crypto.randomUUID())')
    expect(again.error.code).toBe('shell.port')
    await app.page.reload()
    await app.connected()
    const nonce = 'a'.repeat(32)
    const codes = await inPage(`window.ferry.requestPort('${nonce}').then(async ({ error }) =>
      [error?.code, (await window.ferry.requestPort('${nonce}')).error?.code])`)
    expect(codes).toEqual(['shell.port', 'shell.nonce'])
  })
})
