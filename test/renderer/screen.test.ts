/** Keys that are pressed in a guest's screen, from a real browser to a real guest that reads them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linuxGuest } from '../linux-image.ts'
import { long } from '../setup/variants.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

const WAIT = { timeout: 30_000 }
const linux = long && noChromium === null ? await linuxGuest() : ''

describe.skipIf(noChromium !== null)(
  `a guest’s screen${noChromium === null ? '' : ` (skipped: ${noChromium})`}`,
  () => {
    let lab: LabWindow
    beforeAll(async () => {
      lab = await openWindow()
    })
    afterAll(() => lab?.close())

    const screenOf = (name: string) => lab.page.getByRole('application', { name: `Screen and keyboard of ${name}` })

    test('hands every press and release to the guest’s keyboard, and leaves by F6 with nothing held', async () => {
      const guest = await lab.service.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 16 })
      const screen = screenOf(guest.name)
      await screen.waitFor(WAIT)
      await screen.focus()
      expect(await screen.and(lab.page.locator(':focus')).count()).toBe(1)
      const { keyboard } = lab.page
      await keyboard.press('n')
      await keyboard.press('ArrowUp')
      await keyboard.down('ShiftLeft')
      // N is a shortcut of the window elsewhere.
      expect(await lab.page.getByRole('dialog').count()).toBe(0)
      await expect.poll(() => lab.service.keys, WAIT).toEqual([0x31, 0xb1, 0xe0, 0x48, 0xe0, 0xc8, 0x2a])
      await keyboard.press('F6')
      expect(await screen.and(lab.page.locator(':focus')).count()).toBe(0)
      await expect.poll(() => lab.service.keys.slice(7), WAIT).toEqual([0xaa])
      await keyboard.up('ShiftLeft')
      await lab.service.call('guests.destroy', { guest: guest.id })
    })

    if (long) {
      const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''
      test.skipIf(typeof linux === 'string')(`is typed into, and Linux reads what was typed${why}`, async () => {
        const guest = await lab.service.call('guests.create', { image: 'linux', host: 'xen', ram_MB: 64 })
        const consoleText = async () => (await lab.service.call('guests.console', { guest: guest.id })).text
        await lab.service.call('guests.write', { guest: guest.id, data: 'echo reads; cat /dev/tty1\n' })
        await expect.poll(consoleText, WAIT).toContain('\nreads')
        const screen = screenOf(guest.name)
        await screen.waitFor(WAIT)
        await screen.click()
        const { keyboard } = lab.page
        await keyboard.type('ferry was here 42 ', { delay: 20 })
        await keyboard.down('Shift')
        await keyboard.press('KeyS')
        await keyboard.press('F6')
        await keyboard.up('Shift')
        await screen.focus()
        // A Shift that is still down in the guest would make it SHIFT.
        await keyboard.type('hift\n', { delay: 20 })
        await expect.poll(consoleText, WAIT).toContain('\nferry was here 42 Shift')
      })
    }
  },
)
