/** The guide beside the lab: an exercise is done, and ticks. */
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCsv } from '../cli/command.ts'
import { because } from '../setup/needs.ts'
import type { Driver } from './driver.ts'
import { inChromium, noChromium } from './in-chromium.ts'
import { LabPage, WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'

const reason = noChromium()

describe.skipIf(reason !== undefined)(`the guide${because(reason)}`, () => {
  let driver: Driver
  let lab: LabPage
  let looks: Looks
  beforeAll(async () => {
    driver = await inChromium()
    lab = new LabPage(driver.page)
    looks = new Looks(driver)
    await driver.page.getByText('Connected').waitFor(WAIT)
  })
  afterAll(() => driver?.close())

  test('opens by its key, lists exercises, and finds them by their words', async () => {
    const { page } = driver
    await page.keyboard.press('Alt+g')
    const guide = page.getByRole('complementary', { name: 'Guide' })
    await guide.getByRole('button', { name: /^Meet the hosts/ }).waitFor(WAIT)
    await looks.picture('guide-list')
    await guide.getByLabel('Search').fill('retransmi')
    await guide.getByRole('button', { name: /^Meet the hosts/ }).waitFor({ state: 'hidden', ...WAIT })
    await guide.getByLabel('Search').fill('')
  })

  test('an exercise ticks by what is done in the lab, and keeps an answer', async () => {
    const { page } = driver
    const guide = page.getByRole('complementary', { name: 'Guide' })
    await guide.getByRole('button', { name: /^Meet the hosts/ }).click()
    const check = guide.getByRole('group', { name: 'Check: A LabOS guest runs on a Xen-like host' })
    await check.getByText('Not yet.').waitFor(WAIT)
    await lab.newGuest('xen', 'labos')
    await check.getByText('Done.').waitFor(WAIT)
    await lab.tab('State')
    await guide.getByRole('group', { name: 'Check: The state inspector was open' }).getByText('Done.').waitFor(WAIT)
    const answer = guide.getByLabel(/^Which machine frames/)
    await answer.fill('Scattered: no neighbours.')
    await guide.getByText('Kept').waitFor(WAIT)
    await looks.picture('guide-exercise')
    const { violations } = await new AxeBuilder({ page }).include('aside').analyze()
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
    await page.reload()
    await expect.poll(() => answer.inputValue().catch(() => ''), { timeout: 30_000 }).toBe('Scattered: no neighbours.')
    await check.getByText('Done.').waitFor(WAIT)
  })

  test('is begun anew, and that is undone', async () => {
    const { page } = driver
    const guide = page.getByRole('complementary', { name: 'Guide' })
    await guide.getByRole('button', { name: 'Begin this exercise anew' }).click()
    const answer = guide.getByLabel(/^Which machine frames/)
    await expect.poll(() => answer.inputValue(), { timeout: 30_000 }).toBe('')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => answer.inputValue(), { timeout: 30_000 }).toBe('Scattered: no neighbours.')
  })

  test('a report goes to a file and to the printer, and comes back in a table beside those that cannot be read', async () => {
    const { page } = driver
    const guide = page.getByRole('complementary', { name: 'Guide' })
    const choose = async (name: RegExp) => {
      await guide.getByRole('button', { name: 'Reports' }).click()
      await page.getByRole('menuitem', { name }).click()
    }
    const report = await driver.saved(() => choose(/^Save report/))
    expect(report).toContain('Scattered: no neighbours.')
    await page.evaluate(`window.print = () => {
      const { shadowRoot } = document.querySelector('.printed-page')
      window.printed = [document.title, shadowRoot.querySelector('script'), shadowRoot.textContent]
      dispatchEvent(new Event('afterprint'))
    }`)
    await choose(/^Print report/)
    // Asked from outside: the page's policy lets no text be evaluated inside.
    await expect.poll(() => page.evaluate('window.printed !== undefined')).toBe(true)
    const [title, script, text] = await page.evaluate<[string, unknown, string]>('window.printed')
    expect([title, script, text.includes('Scattered: no neighbours.')]).toEqual(['Student: report', null, true])
    expect(await page.locator('.printed-page').count()).toBe(0)

    await choose(/^Table of/)
    const dialog = page.getByRole('dialog', { name: 'Reports of students' })
    const file = (name: string, html: string) => ({ name, mimeType: 'text/html', buffer: Buffer.from(html) })
    await dialog
      .locator('input[type=file]')
      .setInputFiles([file('Student.html', report), file('other.html', '<p>Not one.</p>')])
    await dialog.getByRole('row', { name: /^Student 1 / }).waitFor(WAIT)
    await dialog.getByRole('button', { name: 'Student', exact: true }).click()
    await dialog.getByRole('row', { name: /^Meet the hosts \d of 5 1 of 3/ }).waitFor(WAIT)
    expect(await dialog.getByRole('alert').textContent()).toContain('other.html is not a report of the guide')
    await looks.picture('guide-reports')
    const { violations } = await new AxeBuilder({ page }).include('dialog').analyze()
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
    const csv = await driver.saved(() => dialog.getByRole('button', { name: 'Export CSV' }).click())
    expect(parseCsv(csv)).toMatchObject([{ student: 'Student', exercises: '1', answered: '1' }])
    await page.keyboard.press('Escape')
  })

  test('fits a small window, beside which the lab can be used', async () => {
    const { page } = driver
    await page.setViewportSize({ width: 1024, height: 700 })
    await looks.picture('guide-small')
    // Nothing of the lab lies over it: the terminals' bars and rings least of all.
    expect(await page.evaluate(`getComputedStyle(document.querySelector('main')).isolation`)).toBe('isolate')
    await page.keyboard.press('Alt+g')
    await page.getByRole('complementary', { name: 'Guide' }).waitFor({ state: 'hidden', ...WAIT })
  })
})
