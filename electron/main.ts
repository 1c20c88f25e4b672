/** The desktop app: one window, its menus, and the lab service beside it. It decides nothing about the lab. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { app, type BrowserWindow, Menu, session, shell } from 'electron'
import { dataDirectory } from '../engine/lab/places.ts'
import { registerScheme, serveApp } from './app-protocol.ts'
import { graphicsSwitches } from './graphics.ts'
import { menuTemplate, RESTART } from './menu.ts'
import { Ports } from './ports.ts'
import { saveFile } from './save-file.ts'
import { answerRequests, denyByDefault, microphone, restrictSession } from './security.ts'
import { startService } from './service-process.ts'
import { wayFor } from './service-way.ts'
import { Service } from './service.ts'
import { COMMAND, SERVICE, type ShellCommand } from './shell.ts'
import { openWindow } from './window.ts'

/** Tests put a page and a service of their own in place; a packed app knows only its own. */
const forTest = (name: string): string | undefined => (app.isPackaged ? undefined : process.env[name])
const RENDERER = forTest('FERRY_TEST_RENDERER') ?? fileURLToPath(new URL('../../renderer/dist', import.meta.url))
const HOST = forTest('FERRY_TEST_SERVICE') ?? fileURLToPath(new URL('./service-host.js', import.meta.url))
const first = forTest('FERRY_TEST_FIRST')
if (first !== undefined) await import(first)

app.setName('Ferry')
// The launcher says --no-sandbox where the operating system has none to offer; the page has no Node either way.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
for (const name of graphicsSwitches()) app.commandLine.appendSwitch(name)
registerScheme()
denyByDefault()
if (app.requestSingleInstanceLock()) run()
else {
  console.error('Ferry is running already; its window was brought to the front.')
  app.quit()
}

function run(): void {
  let window: BrowserWindow | undefined
  const way = forTest('FERRY_TEST_WAY') === 'utility' ? 'utility' : wayFor(process.versions.node)
  // Inside an archive there is nothing for another program to run: what the service needs is unpacked beside it.
  const host = HOST.replace(/app\.asar(?=[\\/])/, 'app.asar.unpacked')
  const service = new Service((listener) => startService(host, way, listener))
  const ports = new Ports(service)

  const open = (): void => {
    window = openWindow(join(app.getPath('userData'), 'window.json'))
    ports.watch(window.webContents)
    window.on('closed', () => (window = undefined))
    // The launcher waits for this (build/runtime/open.ts): without a window, it offers browser mode.
    window.once('show', () => process.send?.('window'))
  }
  const show = (): void => {
    if (window === undefined) open()
    else {
      if (window.isMinimized()) window.restore()
      window.show()
      window.focus()
    }
  }
  const tell = (channel: string, value: unknown): void => window?.webContents.send(channel, value)

  service.on('status', (status) => {
    if (status.state === 'stopped') console.error(status.message)
    const restart = Menu.getApplicationMenu()?.getMenuItemById(RESTART)
    if (restart) restart.enabled = status.state === 'stopped' && !status.restarting
    tell(SERVICE, status)
  })
  answerRequests(
    {
      'port.request': async ({ nonce }, contents) => {
        await ports.give(contents, nonce)
        return null
      },
      'file.save': saveFile,
      'microphone.use': ({ wanted }, contents) => {
        microphone.use(contents, wanted)
        return null
      },
      'service.restart': () => {
        service.restart()
        return null
      },
      'service.status': () => service.status,
    },
    (contents) => contents === window?.webContents,
  )

  app.on('second-instance', show)
  app.on('activate', show)
  app.on('window-all-closed', () => app.quit())
  let ended = false
  app.on('before-quit', (event) => {
    if (ended) return
    event.preventDefault()
    void service.end().then(() => {
      ended = true
      app.quit()
    })
  })
  process.on('SIGINT', () => app.quit())
  process.on('SIGTERM', () => app.quit())

  // A utility process can be had only once the app is ready; a plain child uses the time until then.
  if (way === 'child') service.start()
  void app.whenReady().then(() => {
    service.start()
    restrictSession(session.defaultSession)
    serveApp(session.defaultSession, RENDERER)
    const actions = {
      command: (command: ShellCommand) => tell(COMMAND, command),
      restartService: () => service.restart(),
      openDataFolder: () => void shell.openPath(dataDirectory()),
    }
    const options = { mac: process.platform === 'darwin', development: !app.isPackaged }
    Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(actions, options)))
    open()
  })
}
