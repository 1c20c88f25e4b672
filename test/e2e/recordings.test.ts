/** A recording in the app: made, cut off by the end of the app, and gone through, with notes that stay in it. */
import type { Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { here } from '../electron/app.ts'
import { Desk } from './desk.ts'
import { WAIT } from './lab-page.ts'
import { Looks } from './looks.ts'

const place = await here()

describe.skipIf(place.reason !== undefined)(`a recording in the app${place.because}`, () => {
  let desk: Desk
  let looks: Looks
  beforeAll(async () => {
    desk = await Desk.open(await place.setting())
    looks = new Looks(desk)
  })
  afterAll(() => desk?.close())

  const seen = (view: string): Promise<string[]> => looks.seen(view)
  const button = (name: string | RegExp): Locator => desk.page.getByRole('button', { name })
  const time = (): Locator => desk.page.getByRole('slider', { name: 'Time' })
  const now = async (): Promise<number> => Number(await time().inputValue())
  const duration = async (): Promise<number> => Number(await time().getAttribute('max'))
  const press = async (key: string): Promise<void> => {
    await time().focus()
    await desk.page.keyboard.press(key)
  }
  const stages = (): Locator => desk.page.getByRole('list', { name: 'Stages of labos-1, xen → kvm' })
  const notes = (): Locator => desk.page.getByRole('complementary', { name: 'Bookmarks and captions' })

  test('is there up to its last second after app and lab service were killed', async () => {
    const { lab, page } = desk
    await lab.newGuest('xen', 'labos')
    await page.keyboard.press('Control+Shift+l')
    await lab.dialog.getByLabel('Title').fill('A crossing')
    await lab.dialog.getByRole('button', { name: 'Record' }).click()
    await button('Stop').waitFor(WAIT)
    await lab.migrate('xen')
    await lab.runsOn('kvm')
    await lab.result.waitFor(WAIT)
    await lab.type('echo on the record')
    await lab.guestSays('ECHO on the record')
    // It is on the disk once a second.
    const timer = page.getByRole('timer', { name: 'Recorded so far' })
    const size = await timer.textContent()
    await expect.poll(() => timer.textContent()).not.toBe(size)
    await page.waitForTimeout(1500)
    await desk.kill()

    await desk.start()
    await desk.lab.show('Recordings')
    await button(/^A crossing .* not ended$/).waitFor(WAIT)
    expect(await seen('recordings')).toEqual([])
    await button(/^A crossing .* not ended$/).click()
    await desk.page.getByText('It was cut off; all until then is here.').waitFor(WAIT)
    await press('End')
    await desk.lab.host('kvm').getByText('running').waitFor(WAIT)
    await desk.lab.guestSays('ECHO on the record')
  })

  test('is sought in, stepped through, and gone through chapter by chapter', async () => {
    await press('Home')
    expect(await now()).toBe(0)
    await desk.lab.host('xen').getByText('running').waitFor(WAIT)
    await press(']')
    const chapter = await now()
    expect(chapter).toBeGreaterThan(0)
    await stages().waitFor(WAIT)
    expect(await stages().getByRole('listitem').count()).toBeGreaterThanOrEqual(5)
    await press('.')
    const event = await now()
    expect(event).toBeGreaterThan(chapter)
    await press(',')
    expect(await now()).toBeLessThan(event)
    await stages().getByRole('button', { name: /^5/ }).click()
    expect(await now()).toBeGreaterThan(chapter)
    expect(await time().getAttribute('aria-valuetext')).toMatch(/labos-1, xen → kvm; stage 5/)
    await press('ArrowLeft')
    await press('End')
    expect(await now()).toBe(await duration())
  })

  test('keeps bookmarks and captions, which are there when it is opened again', async () => {
    const { page } = desk
    await press('[')
    const chapter = await now()
    await press('b')
    await button('Notes').click()
    await notes().getByLabel('Name of bookmark 1').fill('It sets out')
    await notes()
      .getByRole('button', { name: /^Add at/ })
      .last()
      .click()
    await notes().getByLabel('Text of caption 1').fill('Pages cross while the guest runs.')
    await notes().getByLabel('Name of bookmark 1').focus()
    await page.getByText('Pages cross while the guest runs.', { exact: true }).last().waitFor(WAIT)
    expect(await seen('player')).toEqual([])
    await button('Save').click()
    await page.getByText('Saved in the recording').first().waitFor(WAIT)
    await page.getByRole('region', { name: 'Player' }).getByRole('button', { name: 'Close', exact: true }).click()
    await button(/^A crossing/)
      .first()
      .click()
    await button('Bookmark It sets out').click()
    expect(await now()).toBe(chapter)
    await page.locator('.captions').getByText('Pages cross while the guest runs.').waitFor(WAIT)
  })
})
