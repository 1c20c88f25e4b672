/** The window of an app that was started by its own program, not by Playwright: over its remote debugging port. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright-core'

/** On a machine that does much else: that it takes long is no failure. */
const ATTACH_MS = 90_000
const ANSWER_MS = 20_000
const ATTEMPTS = 3

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
  await pageIsThere(address)
  for (let attempt = 1; ; attempt++) {
    const attached = await look(address)
    // A page that answers nothing now never will, to this connection (hold.js): another one sees it as it is.
    const answers = await Promise.race([attached.page.title().then(() => true), sleep(ANSWER_MS, false)])
    if (answers) return attached
    await attached.browser.close()
    if (attempt === ATTEMPTS) throw new Error(`The app's page did not answer ${ATTEMPTS} times.`)
  }
}

async function look(address: string): Promise<{ browser: Browser; page: Page }> {
  const browser = await chromium.connectOverCDP(address, { timeout: ATTACH_MS })
  const [context] = browser.contexts()
  if (context === undefined) throw new Error('The app has no browser context.')
  const page = context.pages()[0] ?? (await context.waitForEvent('page', { timeout: ATTACH_MS }))
  return { browser, page }
}

/**
 * The page has a title, so its navigation is over: who begins to look in the middle of one is not told of it, and waits
 * for ever (hold.js).
 */
async function pageIsThere(address: string): Promise<void> {
  const targets = new URL('/json/list', address.replace('ws:', 'http:'))
  for (const deadline = performance.now() + ATTACH_MS; ; await sleep(50)) {
    const answer = await fetch(targets)
    if ((await answer.text()).includes('"title": "Ferry"')) return
    if (performance.now() > deadline) throw new Error(`The app shows no page within ${ATTACH_MS / 1000} s.`)
  }
}
