/** The window in a real browser, over `ferry serve`: what a student does in the first five minutes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const CHROMIUM = '/usr/bin/chromium'
const missing = existsSync(CHROMIUM) ? null : `no ${CHROMIUM}; "apt-get install chromium" brings it`
const SHOTS = join('output', 'screenshots')
const WAIT = { timeout: 30_000 }

let folder: string
let serve: ChildProcess
let browser: Browser
let page: Page

async function address(child: ChildProcess): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const url = /http:\/\/\S+/.exec(text)
      if (url !== null) resolve(url[0])
    })
    child.once('exit', (code) => reject(new Error(`ferry serve ended with ${code}`)))
  })
}

const host = (name: string): Locator => page.getByRole('article', { name: `Host ${name}` })
const result = (): Locator => page.getByRole('region', { name: 'Result' })

async function pickLink(label: RegExp): Promise<void> {
  const select = page.getByRole('region', { name: 'Link between the hosts' }).getByRole('combobox').first()
  const options = await select.locator('option').allTextContents()
  await select.selectOption({ label: options.find((option) => label.test(option)) ?? '' })
}

async function startMigration(from: string): Promise<void> {
  await host(from)
    .getByRole('button', { name: /^Migrate/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: /^Migrate/ }).click()
  await dialog.waitFor({ state: 'hidden', ...WAIT })
}

describe.skipIf(missing !== null)(`the window in Chromium${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    folder = mkdtempSync(join(tmpdir(), 'ferry-e2e-'))
    serve = spawn(process.execPath, ['engine/cli/main.ts', 'serve', '--store', join(folder, 'runs.sqlite')])
    const url = await address(serve)
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
    page = await context.newPage()
    await page.goto(url)
    await page.getByText('Connected').waitFor(WAIT)
  })

  afterAll(async () => {
    await browser?.close()
    serve?.kill('SIGINT')
    rmSync(folder, { recursive: true, force: true })
  })

  test('a guest is created, and its console answers what is typed', async () => {
    await host('xen').getByRole('button', { name: 'New guest…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Image').selectOption('labos')
    await dialog.getByRole('button', { name: /^(Create|Start)/ }).click()
    await dialog.waitFor({ state: 'hidden', ...WAIT })
    await host('xen').getByText('running').waitFor(WAIT)
    await page.locator('.xterm-helper-textarea').focus()
    await page.keyboard.type('echo over here\n')
    await page.locator('.xterm-rows').getByText('ECHO over here', { exact: true }).waitFor(WAIT)
  })

  test('it crosses and comes back while its user types, and no character is lost', async () => {
    await pickLink(/^1 G/)
    for (const [from, to] of [
      ['xen', 'kvm'],
      ['kvm', 'xen'],
    ] as const) {
      await startMigration(from)
      await page.locator('.xterm-helper-textarea').focus()
      await page.keyboard.type(`echo ${from}-abcdefghijklmnopqrstuvwxyz-0123456789\n`, { delay: 15 })
      const answer = `ECHO ${from}-abcdefghijklmnopqrstuvwxyz-0123456789`
      await page.locator('.xterm-rows').getByText(answer, { exact: true }).waitFor(WAIT)
      await host(to).getByText('running').waitFor(WAIT)
      await result().waitFor(WAIT)
      expect(await result().textContent()).toMatch(/\d+(\.\d+)? ms/)
    }
    await page.screenshot({ path: join(SHOTS, 'lab-light.png') })
  })

  test('a migration that is cancelled leaves the guest where it was', async () => {
    await pickLink(/^10 M/)
    await startMigration('xen')
    const cancel = page.getByRole('region', { name: 'Progress' }).getByRole('button', { name: /Cancel/ })
    await cancel.click(WAIT)
    await result()
      .getByText(/cancelled/i)
      .first()
      .waitFor(WAIT)
    await host('xen').getByText('running').waitFor(WAIT)
  })

  test('all runs are in the measurements, and their export is a table that a program can read', async () => {
    await page.getByRole('navigation', { name: 'Views' }).getByText('Measurements').click()
    await page.getByRole('row').nth(1).waitFor(WAIT)
    await page.screenshot({ path: join(SHOTS, 'measurements-light.png') })
    const downloading = page.waitForEvent('download', WAIT)
    await page
      .getByRole('group', { name: /^Export/ })
      .getByRole('button', { name: 'Runs' })
      .click()
    const csv = readFileSync(await (await downloading).path(), 'utf8')
    const [header, ...rows] = csv.trimEnd().split('\r\n')
    expect(header.split(',')).toContain('downtime_ms')
    expect(rows).toHaveLength(3)
  })

  test('axe finds nothing in either view, light or dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const view of ['Lab', 'Measurements']) {
        await page.getByRole('navigation', { name: 'Views' }).getByText(view, { exact: true }).click()
        await page.waitForTimeout(500)
        const { violations } = await new AxeBuilder({ page }).exclude('.xterm').analyze()
        expect(violations.map(({ id, nodes }) => `${colorScheme} ${view}: ${id} ${nodes[0]?.html}`)).toEqual([])
      }
      await page.screenshot({ path: join(SHOTS, `measurements-${colorScheme}.png`) })
    }
  })
})
