/** A guest out of a file, in the window: the page hands the file over, which it knows no path of. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { axe } from '../setup/axe.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

const why = noChromium === null ? '' : ` (skipped: ${noChromium})`
const MIB = 2 ** 20

describe.skipIf(noChromium !== null)(`a guest out of a file${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-guest-file-'))
  const path = join(folder, 'saved.qemu')
  let lab: LabWindow
  let page: Page
  beforeAll(async () => {
    lab = await openWindow({ reducedMotion: 'reduce' })
    ;({ page } = lab)
    const { id: guest } = await lab.service.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 8 })
    await lab.service.call('guests.pause', { guest })
    await lab.service.call('guests.export', { guest, format: 'qemu', path })
    await lab.service.call('guests.destroy', { guest })
  })
  afterAll(async () => {
    await lab?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const host = (name: string) => page.getByRole('article', { name: `Host ${name}`, exact: true })
  const dialog = () => page.getByRole('dialog', { name: 'Guest from a file' })
  const take = async (file: string) => {
    await dialog().locator('input[type=file]').setInputFiles(file)
    await dialog().getByRole('button', { name: 'Make a guest of it' }).click()
  }

  test('what is no such file is refused, and says so where it was asked for', async () => {
    const notes = join(folder, 'notes.txt')
    writeFileSync(notes, 'a guest, honestly\n'.repeat(100))
    await page.keyboard.press('n')
    await page.getByRole('dialog', { name: 'New guest' }).getByRole('button', { name: 'From a file…' }).click()
    expect(await dialog().getByRole('button', { name: 'Make a guest of it' }).isDisabled()).toBe(true)
    await take(notes)
    const alert = dialog().getByRole('alert')
    await alert.waitFor()
    const told = await alert.textContent()
    expect(told).toContain('No guest was made. notes.txt was not taken in; the lab is as it was.')
    expect(told).toContain('qemu.magic')
    expect(await lab.service.call('guests.list', {})).toEqual([])
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      const { violations } = await axe(page, theme).include('dialog').analyze()
      expect(violations.map(({ id, nodes }) => `${theme}: ${id} ${nodes[0]?.html}`)).toEqual([])
    }
    await page.keyboard.press('Escape')
    await dialog().waitFor({ state: 'hidden' })
  })

  test('becomes a paused guest on the host that was asked, which runs on when it is resumed', async () => {
    await host('kvm').getByRole('button', { name: 'More for host kvm' }).click()
    await page.getByRole('menuitem', { name: 'Guest from a file…' }).click()
    await dialog().getByLabel('Started from').selectOption('labos')
    await dialog().getByLabel('Name').fill('back')
    await take(path)
    await dialog().waitFor({ state: 'hidden' })
    const card = host('kvm').getByRole('listitem').filter({ hasText: 'back' })
    await card.getByText('paused').waitFor()
    await page.getByText('back is on kvm').waitFor()
    await card.getByRole('button', { name: 'Resume' }).click()
    await card.getByText('running').waitFor()
    const [guest] = await lab.service.call('guests.list', {})
    expect(guest).toMatchObject({ name: 'back', host: 'kvm', image: 'labos', ram_B: 8 * MIB })
    expect(await lab.service.call('guests.check', { guest: guest?.id ?? '' })).toMatchObject({ ok: true })
    // Nothing of what was handed over is left.
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith('ferry-uploads-'))
    expect(left.flatMap((name) => readdirSync(join(tmpdir(), name)))).toEqual([])
  })
})
