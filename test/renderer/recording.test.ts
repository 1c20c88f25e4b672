/** The record button: in the real window, on a real lab, with a microphone that Chromium pretends to have. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterEach, describe, expect, test } from 'vitest'
import { axe } from '../setup/axe.ts'
import { readFrom, temporaryFolder } from '../lab/recordings/recording-lab.ts'
import { readWebM } from '../video/webm.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

const PICTURES = fileURLToPath(new URL('../../output/recording/', import.meta.url))
const FAKE_MICROPHONE = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']

describe.skipIf(noChromium !== null)(`the record button${noChromium === null ? '' : ` (${noChromium})`}`, () => {
  let window: LabWindow | undefined
  afterEach(() => window?.close())

  let folder = ''
  const open = async (args: readonly string[] = []): Promise<LabWindow> => {
    folder = await temporaryFolder()
    return (window = await openWindow({}, { recordings: folder, args }))
  }
  const pathOf = (id: string | undefined) => join(folder, `${id ?? ''}.ferryrec`)
  const stop = (page: Page) => page.getByRole('button', { name: 'Stop', exact: true })

  test('records the lab by key, says so in words, and tells when it is done', async () => {
    const { page, service } = await open()
    await page.keyboard.press('Control+Shift+L')
    await page.getByLabel('Title').fill('By keyboard')
    await page.keyboard.press('Enter')
    await page.getByText('The lab is being recorded.').waitFor({ state: 'attached' })
    await page
      .getByRole('timer')
      .filter({ hasText: /0:0\d · .*B/ })
      .waitFor()
    const path = pathOf((await service.call('recordings.status', {})).recording?.recording_id)
    await page.keyboard.press('Control+Shift+L')
    await page.getByText('“By keyboard” was recorded').waitFor()
    expect(await readFrom(path)).toMatchObject({ complete: true, about: { title: 'By keyboard' }, sounds: [] })
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor()
  })

  test('the list of recordings follows what others do', async () => {
    const { page, service } = await open()
    await page.keyboard.press('Alt+5')
    const { recording_id: id } = await service.call('recordings.start', { title: 'From elsewhere' })
    await service.call('recordings.stop', {})
    const entry = page.getByRole('button', { name: /^From elsewhere/ })
    await entry.waitFor()
    await service.call('recordings.remove', { id })
    await entry.waitFor({ state: 'detached' })
    await service.call('recordings.restore', { id })
    await entry.waitFor()
  })

  test('a recording of the list is saved as a file, to be handed out', async () => {
    const { page, service } = await open()
    const { recording_id: id } = await service.call('recordings.start', { title: 'A lesson' })
    await service.call('recordings.stop', {})
    await page.keyboard.press('Alt+5')
    const downloading = page.waitForEvent('download', { timeout: 60_000 })
    await page.getByRole('button', { name: 'Save a copy of A lesson' }).click()
    const saved = await downloading
    expect(saved.suggestedFilename()).toBe(`${id}.ferryrec`)
    expect(await readFile(await saved.path())).toEqual(await readFile(pathOf(id)))
  })

  test('records a voice only where that was turned on, and it is heard in a video of the recording', async () => {
    const { page, service } = await open(FAKE_MICROPHONE)
    await page.getByRole('button', { name: 'Record', exact: true }).click()
    await page.getByLabel('With my voice').check()
    await page.getByRole('dialog').getByRole('button', { name: 'Record' }).click()
    await page.getByLabel('with your voice').waitFor()
    const sound = async () => (await service.call('recordings.status', {})).recording
    await expect.poll(async () => (await sound())?.sound, { timeout: 60_000 }).toBe(true)
    const path = pathOf((await sound())?.recording_id)
    await stop(page).click()
    await page.getByText('was recorded').waitFor()
    const [voice] = (await readFrom(path)).sounds
    expect([...(voice?.bytes.subarray(0, 4) ?? [])]).toEqual([0x1a, 0x45, 0xdf, 0xa3])
    expect(voice?.bytes.length).toBeGreaterThan(1000)

    await page.keyboard.press('Alt+5')
    await page
      .getByRole('button', { name: /^Recording of / })
      .first()
      .click()
    await page.getByRole('button', { name: 'Video', exact: true }).click()
    await page.getByLabel('Frames a second').selectOption('15')
    const downloading = page.waitForEvent('download', { timeout: 60_000 })
    await page.getByRole('button', { name: /^Make a WebM file/ }).click()
    const video = readWebM(await readFile(await (await downloading).path()))
    expect(video.tracks.map(({ codec }) => codec.slice(0, 6)).sort()).toEqual(['A_OPUS', 'V_VP9'])
    const heard = video.tracks.find(({ codec }) => codec === 'A_OPUS')?.frames_ms ?? []
    // Opus packets of a recorder last 20 or 60 ms, and follow each other as they were spoken.
    expect(heard.length).toBeGreaterThan(5)
    heard.slice(1).forEach((ms, i) => expect(ms).toBeGreaterThan(heard[i] ?? Infinity))
    expect(heard[0]).toBeGreaterThanOrEqual(Math.floor(voice?.first_ms ?? Infinity))
    expect(heard.at(-1)).toBeLessThan(video.duration_ms)
  })

  test('a window that is opened while the lab is recorded shows it, and may end it', async () => {
    const { page, service } = await open()
    const { recording_id } = await service.call('recordings.start', { title: 'By another' })
    await page.reload()
    await stop(page).click()
    await page.getByText('“By another” was recorded').waitFor()
    expect((await readFrom(pathOf(recording_id))).complete).toBe(true)
  })

  test('that cannot begin says why, and goes on asking', async () => {
    const { page } = (window = await openWindow())
    await page.getByRole('button', { name: 'Record', exact: true }).click()
    await page.keyboard.press('Enter')
    await page.getByText('The lab is not recorded').waitFor()
    expect(await page.getByText(/has no folder for recordings/).count()).toBe(1)
    expect(await page.getByRole('dialog').count()).toBe(1)
  })

  test('is accessible in both themes, at rest, asking and recording', async () => {
    const { page, service } = await open()
    await mkdir(PICTURES, { recursive: true })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(colorScheme === 'light' ? { width: 1024, height: 700 } : { width: 1440, height: 900 })
      const look = async (what: string) => {
        await page.screenshot({ path: `${PICTURES}${colorScheme}-${what}.png` })
        expect((await axe(page, colorScheme).analyze()).violations.map(({ id }) => id)).toEqual([])
      }
      await look('rest')
      await page.getByRole('button', { name: 'Record', exact: true }).click()
      await look('asking')
      await page.keyboard.press('Escape')
      await service.call('recordings.start', {})
      await stop(page).waitFor()
      await look('recording')
      await service.call('recordings.stop', {})
      await page.getByRole('button', { name: 'Record', exact: true }).waitFor()
    }
  })
})
