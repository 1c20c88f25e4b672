/** The built window in Chromium, on a lab in this process. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import * as v from 'valibot'
import { METHODS, type MethodInput, type MethodName, type MethodOutput } from '../../engine/contract/lab.ts'
import { LabService } from '../../engine/lab/service.ts'
import { builtPage } from '../../engine/serve/built-page.ts'
import { serveWeb } from '../../engine/serve/web-server.ts'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const CHROMIUM = '/usr/bin/chromium'

/** Why the tests that need a browser are skipped; null where there is one. */
export const noChromium = existsSync(CHROMIUM) ? null : `no ${CHROMIUM}; "apt-get install chromium" brings it`

export const launch = (args: readonly string[] = []) =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', ...args] })

/** A lab that remembers what keys it was handed. */
class ListeningLab extends LabService {
  readonly keys: number[] = []

  override async call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    if (method === 'guests.keys') this.keys.push(...v.parse(METHODS['guests.keys'].input, input).scan_codes)
    return super.call(method, input)
  }
}

export interface LabWindow {
  readonly service: ListeningLab
  readonly page: Page
  close(): Promise<void>
}

/** @param more a folder for recordings, and switches of Chromium */
export async function openWindow(
  options: BrowserContextOptions = {},
  more: { recordings?: string; args?: readonly string[] } = {},
): Promise<LabWindow> {
  const root = await builtPage(PROJECT, { build: true, note: () => undefined })
  const service = new ListeningLab({
    store: ':memory:',
    ...(more.recordings === undefined ? {} : { recordings: more.recordings }),
  })
  for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
  const server = await serveWeb(service, { root })
  const browser = await launch(more.args)
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  const page = await context.newPage()
  await page.goto(server.url)
  await page.getByText('Connected').waitFor()
  return {
    service,
    page,
    close: async () => {
      await browser.close()
      await server.close()
      await service.close()
    },
  }
}
