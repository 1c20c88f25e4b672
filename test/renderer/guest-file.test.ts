/** Guests into files and out of them, in the window: the page fetches files and hands them over, and knows no path. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
  let id = ''
  let page: Page
  beforeAll(async () => {
    lab = await openWindow({ reducedMotion: 'reduce' })
    ;({ page } = lab)
    ;({ id } = await lab.service.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 8 }))
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

  test('is saved from a paused guest, whole, with what is not in it and what takes it in', async () => {
    const menu = async () => {
      await host('xen').getByRole('button', { name: 'More for labos-1' }).click()
      return page.getByRole('menuitem', { name: /^Save as a file/ })
    }
    expect(await (await menu()).isDisabled()).toBe(true)
    await page.keyboard.press('Escape')
    await lab.service.call('guests.pause', { guest: id })
    await host('xen').getByText('paused').waitFor()
    await (await menu()).click()
    const saving = page.getByRole('dialog', { name: 'labos-1 as a file' })
    const downloading = page.waitForEvent('download', { timeout: 60_000 })
    await saving.getByRole('button', { name: 'Save as a file…' }).click()
    const saved = await downloading
    expect(saved.suggestedFilename()).toBe('labos-1.qemu')
    await saved.saveAs(path)
    await saving.getByText(/^qemu-system-i386 .*labos-1\.qemu/).waitFor()
    const here = join(folder, 'here.qemu')
    await lab.service.call('guests.export', { guest: id, format: 'qemu', path: here })
    expect(statSync(path).size).toBe(statSync(here).size)
    await saving.getByRole('button', { name: 'Done' }).click()
    await lab.service.call('guests.destroy', { guest: id })
  })

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
    const left = readdirSync(tmpdir()).filter((name) => /^ferry-(up|down)loads-/.test(name))
    expect(left.flatMap((name) => readdirSync(join(tmpdir(), name)))).toEqual([])
  })
})
