/**
 * Runs before the app's own code: it learns that it is ready, and makes its window, only when Playwright looks on, as with
 * Playwright's own loader (playwright-core/lib/server/electron/loader.js), which is for an Electron that Playwright finds
 * by itself. Who begins to look while a page commits is told of no navigation, and waits for one for ever. Unlike
 * Playwright's, this one leaves Chromium's switches as the user has them.
 */
import { app } from 'electron'

const ready = app.whenReady()
const held = new Promise((resolve) => {
  // By this name Playwright calls it, at the end of `_electron.launch`.
  globalThis.__playwright_run = () => resolve(ready)
})
app.whenReady = () => held
