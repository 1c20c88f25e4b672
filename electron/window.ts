/** The app's window: its place is remembered, and it is shown when there is something to see. */
import { fileURLToPath } from 'node:url'
import { BrowserWindow, nativeTheme, screen } from 'electron'
import { PAGE } from './app-files.ts'
import { WEB_PREFERENCES } from './security.ts'
import { fitTo, readState, SMALLEST, type WindowState, writeState } from './window-state.ts'

const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url))
/** The page's own background in both themes (renderer/src/styles/tokens.css), so that nothing flashes. */
const BACKGROUND = { light: '#f3f6f8', dark: '#10171d' }
const KEEP_AFTER_MS = 500
/** For so long after its page was loaded, a window is not shown before there is a picture. */
const PICTURE_MS = 1000

/** @param stateFile where its place is kept */
export function openWindow(stateFile: string): BrowserWindow {
  const primary = screen.getPrimaryDisplay()
  const displays = [primary, ...screen.getAllDisplays().filter(({ id }) => id !== primary.id)]
  const state = fitTo(
    readState(stateFile),
    displays.map(({ workArea }) => workArea),
  )
  const window = new BrowserWindow({
    title: 'Ferry',
    width: state.width,
    height: state.height,
    ...(state.x === undefined || state.y === undefined ? {} : { x: state.x, y: state.y }),
    minWidth: SMALLEST.width,
    minHeight: SMALLEST.height,
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    webPreferences: { ...WEB_PREFERENCES, preload: PRELOAD },
  })
  if (state.maximized) window.maximize()
  if (state.full_screen) window.setFullScreen(true)
  window.webContents.once('did-finish-load', () => window.webContents.setZoomLevel(state.zoom_level))
  showOnce(window)
  remember(window, stateFile, state)
  void window.loadURL(PAGE)
  return window
}

/** Shown with its first picture; or without, where none is drawn while it is hidden: nothing else would ever show it. */
function showOnce(window: BrowserWindow): void {
  const show = (): void => {
    if (!window.isDestroyed() && !window.isVisible()) window.show()
  }
  window.once('ready-to-show', show)
  window.webContents.once('did-finish-load', () => setTimeout(show, PICTURE_MS))
}

function remember(window: BrowserWindow, file: string, state: WindowState): void {
  let timer: NodeJS.Timeout | undefined
  const keep = (): void => {
    clearTimeout(timer)
    state.zoom_level = Math.min(6, Math.max(-4, window.webContents.getZoomLevel()))
    writeState(file, {
      ...window.getNormalBounds(),
      maximized: window.isMaximized(),
      full_screen: window.isFullScreen(),
      zoom_level: state.zoom_level,
    })
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(keep, KEEP_AFTER_MS)
  }
  window.on('resize', soon)
  window.on('move', soon)
  window.on('close', keep)
  window.on('closed', () => clearTimeout(timer))
}
