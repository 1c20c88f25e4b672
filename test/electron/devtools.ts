/** The window of an app that was started by its own program, not by Playwright: over its remote debugging port. */
import type { ChildProcess } from 'node:child_process'
import { type Browser, chromium, type Page } from 'playwright-core'

/** On a machine that does much else: that it takes long is no failure. */
const ATTACH_MS = 90_000

/** Where an app that was started with `--remote-debugging-port=0` listens; call it before the app says anything. */
export function debuggingAddress(app: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    app.stderr?.on('data', (text: Buffer) => {
      said += text.toString('utf8')
      const [, found] = /DevTools listening on (ws:\S+)/.exec(said) ?? []
      if (found !== undefined) resolve(found)
    })
    app.on('close', (code, signal) => reject(new Error(`The app ended (${code ?? signal}): ${said}`)))
  })
}

/** Its window. The browser is to be closed by the caller, before the app. */
export async function attach(address: string): Promise<{ browser: Browser; page: Page }> {
  const browser = await chromium.connectOverCDP(address, { timeout: ATTACH_MS })
  const [context] = browser.contexts()
  if (context === undefined) throw new Error('The app has no browser context.')
  const page = context.pages()[0] ?? (await context.waitForEvent('page', { timeout: ATTACH_MS }))
  return { browser, page }
}
