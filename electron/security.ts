/**
 * What the page may not do, and the one door for what it may: nothing leaves `ferry://app`, no permission is granted but
 * writing to the clipboard and, while the user records their voice, the microphone, and every request over IPC comes from the page's main frame and fits its schema.
 */
import { app, ipcMain, type Session, type WebContents, type WebPreferences } from 'electron'
import { isOurs, ORIGIN } from './app-files.ts'
import { carryOut, type RequestHandlers } from './requests.ts'
import { REQUEST } from './shell.ts'

export const WEB_PREFERENCES: WebPreferences = {
  contextIsolation: true,
  sandbox: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  webviewTag: false,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  navigateOnDragDrop: false,
  spellcheck: false,
}

/** *Copy provenance* needs it, and it works on a user's gesture only. */
const GRANTED: ReadonlySet<string> = new Set(['clipboard-sanitized-write'])

/** Which page may use the microphone: ours, from the moment in which the user turned their voice on, until it is off again. */
class Microphone {
  #user: WebContents | null = null

  use(contents: WebContents, wanted: boolean): void {
    this.#user = wanted ? contents : null
    // Another page, or the same anew, has to ask again.
    if (wanted) contents.once('did-start-navigation', () => (this.#user = null))
  }

  isOn(contents: WebContents): boolean {
    return this.#user === contents
  }
}
export const microphone = new Microphone()

/** Of every page that ever comes to be in this app. */
export function denyByDefault(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    contents.on('will-attach-webview', (event) => event.preventDefault())
    for (const event of ['will-navigate', 'will-frame-navigate', 'will-redirect'] as const) {
      // Reloading the page itself is no way out.
      contents.on(event as 'will-navigate', (details) => {
        if (!isOurs(details.url)) details.preventDefault()
      })
    }
  })
}

export function restrictSession(session: Session): void {
  const granted = (permission: string, contents: WebContents | null, media: readonly string[]): boolean =>
    contents !== null &&
    isOurs(contents.getURL()) &&
    (GRANTED.has(permission) || (permission === 'media' && isSound(media) && microphone.isOn(contents)))
  session.setPermissionRequestHandler((contents, permission, callback, details) => {
    const media = 'mediaTypes' in details ? (details.mediaTypes ?? []) : []
    callback(details.isMainFrame && granted(permission, contents, media))
  })
  session.setPermissionCheckHandler((contents, permission, _origin, { mediaType }) =>
    granted(permission, contents, mediaType === undefined ? [] : [mediaType]),
  )
  session.setDevicePermissionHandler(() => false)
  // Nothing of the app is on the network; the lab's own sockets belong to the service.
  session.webRequest.onBeforeRequest((details, callback) => {
    callback({ cancel: !/^(ferry|devtools|blob|data):/.test(details.url) })
  })
  session.on('will-download', (event, item) => {
    // A blob that the page made, as in browser mode: Electron asks the user where to.
    if (!item.getURL().startsWith(`blob:${ORIGIN}/`)) event.preventDefault()
  })
}

/** And nothing else: no camera. */
const isSound = (media: readonly string[]): boolean => media.length > 0 && media.every((type) => type === 'audio')

/** @param isWindow whether these contents are a window of ours */
export function answerRequests(handlers: RequestHandlers<WebContents>, isWindow: (contents: WebContents) => boolean) {
  ipcMain.handle(REQUEST, (event, name: unknown, payload: unknown) => {
    const { senderFrame: frame, sender } = event
    const fromPage = frame !== null && frame.parent === null && isWindow(sender) && isOurs(frame.url)
    return carryOut(handlers, { fromPage, name, payload }, sender)
  })
}
