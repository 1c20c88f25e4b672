/** The window in a real browser, over `ferry serve`. */
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { Sandbox } from '../cli/command.ts'
import { chromiumProgram, lacks, NEEDS } from '../setup/needs.ts'
import type { Driver } from './driver.ts'

/** Why it cannot be used here; undefined = it can. */
export const noChromium = (): string | undefined =>
  chromiumProgram() === undefined
    ? (lacks(NEEDS.chromium) ?? 'there is no Chromium; FERRY_CHROMIUM names one')
    : undefined

export async function inChromium(): Promise<Driver> {
  const sandbox = new Sandbox()
  const serve = sandbox.start(['serve'])
  await serve.until('stdout', /^http:\S+\n/, 60_000)
  const browser = await chromium.launch({
    executablePath: chromiumProgram() ?? '',
    args: ['--no-sandbox', '--disable-gpu'],
  })
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
  const page = await context.newPage()
  await page.goto(serve.stdout.trim())
  return {
    name: 'chromium',
    page,
    setTheme: (colorScheme) => page.emulateMedia({ colorScheme }),
    saved: async (act) => {
      const downloading = page.waitForEvent('download', { timeout: 30_000 })
      await act()
      return readFileSync(await (await downloading).path(), 'utf8')
    },
    close: async () => {
      await browser.close()
      serve.child.kill('SIGINT')
      await serve.ended
      sandbox.remove()
    },
  }
}
